"""What can be proven: entries, the Merkle tree over them, signed checkpoints, verification. One reader: the auditor."""
