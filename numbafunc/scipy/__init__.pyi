from numbafunc.scipy import linalg as linalg, special as special

__all__ = ["linalg", "special"]
