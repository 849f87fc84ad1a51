"""A small telephone of ours: real SIP, real RTP. For `overt call`, the demo's parties, and test calls."""
