"""The media engine: a process of its own that relays sound, plays prompts, and captures under a live permit only."""
