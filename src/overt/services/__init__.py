"""What is done: async stories, and the only place where effects are ordered."""
