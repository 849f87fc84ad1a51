"""How it is sealed: format and cryptography over bytes. One reader: the cryptographer."""
