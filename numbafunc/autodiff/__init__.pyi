from numbafunc.autodiff.custom import custom_derivative as custom_derivative
from numbafunc.autodiff.drivers import grad as grad, jacfwd as jacfwd, jvp as jvp, value_and_grad as value_and_grad
from numbafunc.autodiff.implicit import custom_root as custom_root
from numbafunc.autodiff.linearization import linearize as linearize
from numbafunc.autodiff.nth_derivative import derivative as derivative
from numbafunc.autodiff.reverse import jacrev as jacrev, vjp as vjp
from numbafunc.autodiff.second_order import hessian as hessian, hvp as hvp
from numbafunc.dual.array import (
    Dual as Dual,
    assemble as assemble,
    components as components,
    levels_of as levels_of,
    value_of as value_of,
)
from numbafunc.dual.checkpoint import checkpoint as checkpoint
