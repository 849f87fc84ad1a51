"""Column maps of well-known switches, ready to use by their names."""
