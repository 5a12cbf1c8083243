"""Elementary functions for definitions of ops; they are defined in :mod:`numbafunc.numbers.elementary`."""

from numbafunc.numbers import elementary as _elementary
from numbafunc.numbers.elementary import *  # noqa: F403
from numbafunc.prompt import no_attribute as _no_attribute, presented as _presented

__all__ = sorted(
    name
    for name, found in vars(_elementary).items()
    if getattr(found, "__module__", None) == _elementary.__name__ and callable(found) and name[0] != "_"
    if not isinstance(found, type)
)
_presented(*map(globals().get, __all__))


def __getattr__(name: str) -> None:
    raise _no_attribute(__name__, name, __all__)


def __dir__() -> list[str]:
    return __all__
