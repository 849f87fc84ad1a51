"""SIPREC (RFC 7865, 7866): what recording clients send, read as they really send it. Values only; nothing answers here."""
