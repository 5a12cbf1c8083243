from collections.abc import Callable, Sequence
from typing import Any, Concatenate, Generic, Literal, Protocol, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray
from typing_extensions import TypeVar, TypeVarTuple, Unpack

from numbafunc._types import Aux, P, R, X
from numbafunc.autodiff.implicit import custom_root as custom_root
from numbafunc.dual.array import (
    Dual as Dual,
    assemble as assemble,
    components as components,
    levels_of as levels_of,
    value_of as value_of,
)
from numbafunc.dual.checkpoint import checkpoint as checkpoint

Xs = TypeVarTuple("Xs")
Value = TypeVar("Value", default=Any)
Inexact = TypeVar("Inexact", bound=np.inexact[Any])
Argument = TypeVar("Argument", contravariant=True)
Result = TypeVar("Result", covariant=True, default=Any)
Rule = TypeVar("Rule", bound=Callable[..., Any])
Mode: TypeAlias = Literal["forward", "reverse"] | None

# A gradient has the type of what it is taken by. What a function declares as float is a 0-d array when it comes back.

class Jacobian(Protocol[Argument, P, Result]):
    """An array, if one array is differentiated by another; else a nest of arrays."""

    @overload
    def __call__(
        self: Jacobian[NDArray[Any], P, NDArray[Inexact]], x: NDArray[Any], /, *args: P.args, **kwargs: P.kwargs
    ) -> NDArray[Inexact]: ...
    @overload
    def __call__(self, x: Argument, /, *args: P.args, **kwargs: P.kwargs) -> Any: ...

class Hessian(Protocol[Argument, P]):
    @overload
    def __call__(
        self: Hessian[NDArray[Inexact], P], x: NDArray[Inexact], /, *args: P.args, **kwargs: P.kwargs
    ) -> NDArray[Inexact]: ...
    @overload
    def __call__(self, x: Argument, /, *args: P.args, **kwargs: P.kwargs) -> Any: ...

class custom_derivative(Generic[P, Value]):
    f: Callable[P, Value]
    rule: Callable[..., Any] | None
    def __init__(self, f: Callable[P, Value]) -> None: ...
    def defjvp(self, rule: Rule) -> Rule: ...
    def __call__(self, *args: P.args, **options: P.kwargs) -> Value: ...

@overload
def grad(
    f: Callable[Concatenate[X, P], Any],
    argnums: Literal[0] = 0,
    has_aux: Literal[False] = False,
    *,
    chunk_size: int | None = None,
    mode: Mode = None,
) -> Callable[Concatenate[X, P], X]: ...
@overload
def grad(
    f: Callable[Concatenate[X, P], tuple[Any, Aux]],
    argnums: Literal[0] = 0,
    *,
    has_aux: Literal[True],
    chunk_size: int | None = None,
    mode: Mode = None,
) -> Callable[Concatenate[X, P], tuple[X, Aux]]: ...
@overload
def grad(
    f: Callable[Concatenate[X, P], Any],
    argnums: Sequence[int],
    has_aux: Literal[False] = False,
    *,
    chunk_size: int | None = None,
    mode: Mode = None,
) -> Callable[Concatenate[X, P], tuple[Any, ...]]: ...
@overload
def grad(
    f: Callable[Concatenate[X, P], Any],
    argnums: int | Sequence[int],
    has_aux: bool = False,
    *,
    chunk_size: int | None = None,
    mode: Mode = None,
) -> Callable[Concatenate[X, P], Any]: ...
@overload
def value_and_grad(
    f: Callable[Concatenate[X, P], R],
    argnums: Literal[0] = 0,
    has_aux: Literal[False] = False,
    *,
    chunk_size: int | None = None,
    mode: Mode = None,
) -> Callable[Concatenate[X, P], tuple[R, X]]: ...
@overload
def value_and_grad(
    f: Callable[Concatenate[X, P], tuple[R, Aux]],
    argnums: Literal[0] = 0,
    *,
    has_aux: Literal[True],
    chunk_size: int | None = None,
    mode: Mode = None,
) -> Callable[Concatenate[X, P], tuple[tuple[R, Aux], X]]: ...
@overload
def value_and_grad(
    f: Callable[Concatenate[X, P], R],
    argnums: Sequence[int],
    has_aux: Literal[False] = False,
    *,
    chunk_size: int | None = None,
    mode: Mode = None,
) -> Callable[Concatenate[X, P], tuple[R, tuple[Any, ...]]]: ...
@overload
def value_and_grad(
    f: Callable[Concatenate[X, P], R],
    argnums: int | Sequence[int],
    has_aux: bool = False,
    *,
    chunk_size: int | None = None,
    mode: Mode = None,
) -> Callable[Concatenate[X, P], Any]: ...
@overload
def jacfwd(
    f: Callable[Concatenate[X, P], R],
    argnums: Literal[0] = 0,
    has_aux: Literal[False] = False,
    *,
    chunk_size: int | None = None,
) -> Jacobian[X, P, R]: ...
@overload
def jacfwd(
    f: Callable[Concatenate[X, P], tuple[Any, Aux]],
    argnums: Literal[0] = 0,
    *,
    has_aux: Literal[True],
    chunk_size: int | None = None,
) -> Callable[Concatenate[X, P], tuple[Any, Aux]]: ...
@overload
def jacfwd(
    f: Callable[Concatenate[X, P], R],
    argnums: int | Sequence[int],
    has_aux: bool = False,
    *,
    chunk_size: int | None = None,
) -> Callable[Concatenate[X, P], Any]: ...
@overload
def jacrev(
    f: Callable[Concatenate[X, P], R],
    argnums: Literal[0] = 0,
    has_aux: Literal[False] = False,
    *,
    chunk_size: int | None = None,
) -> Jacobian[X, P, R]: ...
@overload
def jacrev(
    f: Callable[Concatenate[X, P], tuple[Any, Aux]],
    argnums: Literal[0] = 0,
    *,
    has_aux: Literal[True],
    chunk_size: int | None = None,
) -> Callable[Concatenate[X, P], tuple[Any, Aux]]: ...
@overload
def jacrev(
    f: Callable[Concatenate[X, P], R],
    argnums: int | Sequence[int],
    has_aux: bool = False,
    *,
    chunk_size: int | None = None,
) -> Callable[Concatenate[X, P], Any]: ...
@overload
def hessian(
    f: Callable[Concatenate[X, P], Any],
    argnums: Literal[0] = 0,
    has_aux: Literal[False] = False,
    *,
    chunk_size: int | None = None,
    mode: Mode = None,
) -> Hessian[X, P]: ...
@overload
def hessian(
    f: Callable[Concatenate[X, P], tuple[Any, Aux]],
    argnums: Literal[0] = 0,
    *,
    has_aux: Literal[True],
    chunk_size: int | None = None,
    mode: Mode = None,
) -> Callable[Concatenate[X, P], tuple[Any, Aux]]: ...
@overload
def hessian(
    f: Callable[Concatenate[X, P], Any],
    argnums: int | Sequence[int],
    has_aux: bool = False,
    *,
    chunk_size: int | None = None,
    mode: Mode = None,
) -> Callable[Concatenate[X, P], Any]: ...
def derivative(f: Callable[P, R], n: int = 1, argnum: int = 0, has_aux: bool = False) -> Callable[P, R]: ...
@overload
def jvp(
    f: Callable[Concatenate[Any, ...], R],
    primals: Sequence[Any],
    tangents: Sequence[Any],
    has_aux: Literal[False] = False,
) -> tuple[R, R]: ...
@overload
def jvp(
    f: Callable[Concatenate[Any, ...], tuple[R, Aux]],
    primals: Sequence[Any],
    tangents: Sequence[Any],
    has_aux: Literal[True],
) -> tuple[R, R, Aux]: ...
@overload
def hvp(
    f: Callable[Concatenate[Any, ...], Any],
    primals: tuple[X],
    tangents: Sequence[Any],
    has_aux: Literal[False] = False,
    *,
    chunk_size: int | None = None,
    mode: Mode = None,
) -> X: ...
@overload
def hvp(
    f: Callable[Concatenate[Any, ...], Any],
    primals: Sequence[Any],
    tangents: Sequence[Any],
    has_aux: bool = False,
    *,
    chunk_size: int | None = None,
    mode: Mode = None,
) -> Any: ...
@overload
def vjp(
    f: Callable[[Unpack[Xs]], Value], *primals: Unpack[Xs], has_aux: Literal[False] = False
) -> tuple[Value, Callable[[Value], tuple[Unpack[Xs]]]]: ...
@overload
def vjp(
    f: Callable[[Unpack[Xs]], tuple[Value, Aux]], *primals: Unpack[Xs], has_aux: Literal[True]
) -> tuple[Value, Callable[[Value], tuple[Unpack[Xs]]], Aux]: ...
@overload
def linearize(
    f: Callable[[Unpack[Xs]], Value], *primals: Unpack[Xs], has_aux: Literal[False] = False
) -> tuple[Value, Callable[[Unpack[Xs]], Value]]: ...
@overload
def linearize(
    f: Callable[[Unpack[Xs]], tuple[Value, Aux]], *primals: Unpack[Xs], has_aux: Literal[True]
) -> tuple[Value, Callable[[Unpack[Xs]], Value], Aux]: ...
