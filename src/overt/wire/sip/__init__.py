"""SIP (RFC 3261 and its updates), sans-IO: messages, transactions, dialogs. No sockets, no clock."""
