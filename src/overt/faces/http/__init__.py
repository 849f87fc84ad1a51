"""The door that console and API share: who is there, what may not come in, and how errors are said."""
