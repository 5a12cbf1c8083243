"""What numbafunc does on CUDA devices; imported when a device array shows up."""
