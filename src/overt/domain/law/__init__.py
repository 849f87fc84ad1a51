"""The law as a lattice: a table of rows, and a join over every place that a call may touch."""
