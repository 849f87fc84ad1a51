"""The SIP door: sockets, trunks, and the two legs of each call as ports.CallControl."""
