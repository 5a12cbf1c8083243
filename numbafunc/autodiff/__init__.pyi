from numbafunc.autodiff.drivers import grad as grad
from numbafunc.autodiff.drivers import jacfwd as jacfwd
from numbafunc.autodiff.drivers import jvp as jvp
from numbafunc.autodiff.drivers import value_and_grad as value_and_grad
from numbafunc.autodiff.dual import (
    Dual as Dual,
)
from numbafunc.autodiff.dual import (
    assemble as assemble,
)
from numbafunc.autodiff.dual import (
    components as components,
)
from numbafunc.autodiff.dual import (
    levels_of as levels_of,
)
from numbafunc.autodiff.dual import (
    value_of as value_of,
)
from numbafunc.autodiff.linearization import linearize as linearize
from numbafunc.autodiff.order_n import derivative as derivative
from numbafunc.autodiff.second_order import hessian as hessian
from numbafunc.autodiff.second_order import hvp as hvp
