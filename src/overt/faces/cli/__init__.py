"""The command line: each command translates, calls one service or process, translates back."""
