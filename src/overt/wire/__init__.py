"""What was said: bytes to values and back, without I/O and without a clock. One reader: the telephone engineer."""
