"""Figures against PyTorch, JAX, NumPy and SciPy; see README.md."""
