"""CPU back end: code emission, compiled loops, threads, memory and the cache of compiled kernels."""
