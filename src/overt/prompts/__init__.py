"""What Overt says: each prompt's audio beside its text, named in prompts.toml."""
