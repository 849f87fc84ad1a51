"""One file a process: the only files that name adapters."""
