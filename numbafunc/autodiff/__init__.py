"""Forward-mode differentiation: dual arrays, their rules, and the functions that take derivatives."""

from numbafunc.autodiff import rules as _rules  # noqa: F401  (fills the tables)
from numbafunc.autodiff.drivers import grad, jacfwd, jvp, value_and_grad
from numbafunc.autodiff.dual import Dual, assemble, components, levels_of, value_of

__all__ = [
    "Dual",
    "assemble",
    "components",
    "grad",
    "jacfwd",
    "jvp",
    "levels_of",
    "value_and_grad",
    "value_of",
]
