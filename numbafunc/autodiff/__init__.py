"""Forward-mode differentiation: dual arrays, their rules, and the functions that take derivatives."""

from numbafunc.autodiff import rules as _rules  # noqa: F401  (fills the tables)
from numbafunc.autodiff.drivers import grad, jacfwd, jvp, value_and_grad
from numbafunc.autodiff.dual import Dual, assemble, components, levels_of, value_of
from numbafunc.autodiff.linearization import linearize
from numbafunc.autodiff.order_n import derivative
from numbafunc.autodiff.second_order import hessian, hvp

__all__ = [
    "Dual",
    "assemble",
    "components",
    "derivative",
    "grad",
    "hessian",
    "hvp",
    "jacfwd",
    "jvp",
    "levels_of",
    "linearize",
    "value_and_grad",
    "value_of",
]
