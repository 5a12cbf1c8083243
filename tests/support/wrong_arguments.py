"""Every public function with a right call, and things to put in the place of each of its arguments."""

import decimal
import inspect
import re

import numpy as np

import numbafunc

IMAGES = np.linspace(-1.0, 1.0, 64).reshape(4, 4, 2, 2)
ROW = np.array([0.5, 0.25, 0.75])


def square(x):
    return x * x


def total(x):
    return (x * x).sum()


def same(x, *others):
    return x


# What parameters of these names take in a right call.
BY_NAME = {
    "x": IMAGES, "y": IMAGES, "input": IMAGES, "operand": IMAGES, "array": IMAGES, "a": IMAGES, "p": ROW, "q": ROW,
    "logits": IMAGES, "labels": IMAGES, "y_true": IMAGES, "y_pred": IMAGES, "num_classes": 3, "k": 1, "scale": 2,
    "pad_width": 1, "start_indices": (0, 0, 0, 0), "slice_sizes": (1, 1, 1, 1), "f": same, "definition": square,
    "primals": (ROW,), "tangents": (ROW,), "init": 0.0, "xs": ROW, "residual": lambda x: x - 1.0, "y0": ROW,
    "t": np.array([0.0, 1.0]), "condition": lambda x: False, "body": same, "initial": ROW,
    "seconds": 60.0,
}  # fmt: skip

# What these functions take that others don't, or take in another form; None leaves a parameter at its default.
OF_FUNCTION = {
    "cross_entropy_logits_sparse": {"labels": np.zeros((4, 4, 2), int)},
    "interpolate": {"size": 3, "scale_factor": None},
    "softmax": {"initial": None},
    "log_softmax": {"initial": None},
    "linearize": {"primals": ROW},
    "vjp": {"primals": ROW},
    "hvp": {"f": total},
    "scan": {"f": lambda carry, entry: (carry, entry)},
    "custom_derivative": {"f": square},
    "ppermute": {"perm": [(0, 0)]},
    "pscan": {"x": ROW},
    "all_to_all": {"x": ROW[:1]},
    "reduce_scatter": {"x": ROW[:1]},
}
# What the function that a driver makes is called with.
APPLIED = {
    **dict.fromkeys(("grad", "value_and_grad", "hessian"), (total, ROW)),
    **dict.fromkeys(("jacfwd", "jacrev", "checkpoint", "elementwise"), (square, ROW)),
    "derivative": (square, ROW),
}

# Words for functions in messages.
FUNCTION = "f|function|definition|condition|body|until|residual|mode"
# What these parameters take is called: what it raises is raised.
CALLED = {"f", "definition", "condition", "body", "until", "residual", "mode"}
CALLABLE = {"type", "function", "no arguments", "ufunc"}
# Errors that are documented.
DOCUMENTED = {"max_steps": RuntimeError, "labels": IndexError, "axis_name": NameError, "axes": NameError}


def public_functions():
    """Every public function by its full name."""
    found = {}
    spaces = [("", numbafunc), *((f"{n}.", getattr(numbafunc, n)) for n in ("loss", "divergence", "parallel"))]
    for prefix, space in spaces:
        for name in space.__all__:
            one = getattr(space, name)
            if callable(one) and (not inspect.isclass(one) or name == "custom_derivative"):
                found[prefix + name] = one
    return found


FUNCTIONS = public_functions()
# Those of which a call is for all ranks together, or changes what later tests find.
UNUSUAL = {"parallel.grid": "takes names of axes for parameters", "parallel.register_axis": "needs mpi4py"}


def right_arguments(name):
    """The arguments of a right call, by parameter."""
    function, word = FUNCTIONS[name], name.rpartition(".")[2]
    given = {}
    for parameter in inspect.signature(function).parameters.values():
        known = OF_FUNCTION.get(word, {})
        if parameter.name in known:
            value = known[parameter.name]
        elif word in APPLIED and parameter.name in ("f", "definition"):
            value = APPLIED[word][0]
        elif parameter.default is inspect.Parameter.empty and parameter.kind not in (2, 4):
            value = BY_NAME[parameter.name]
        else:
            continue
        if value is not None:
            given[parameter.name] = value
    return given


def call(name, given):
    """Call a function with arguments by parameter, and what it makes with the argument that it is for."""
    function, word = FUNCTIONS[name], name.rpartition(".")[2]
    given = dict(given)
    if word == "stop_gradient" and "x" in given:
        return function(given.pop("x"), **given)
    positional = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            positional = [given.pop(p.name) for p in _before(function, parameter) if p.name in given]
            if parameter.name in given:
                positional.append(given.pop(parameter.name))
    result = function(*positional, **given)
    if word.endswith("_start"):
        return result.wait()
    return result(APPLIED[word][1]) if word in APPLIED else result


def _before(function, last):
    parameters = list(inspect.signature(function).parameters.values())
    return parameters[: parameters.index(last)]


class Arraylike:
    """An object with labels and a method that gives an array, as columns of tables are."""

    def __init__(self, array):
        self.array = array
        self.index = list(range(len(array)))

    def __array__(self, dtype=None, copy=None):
        return np.array(self.array, dtype)


class Sparse:
    """A matrix that says its shape and dtype and holds no array."""

    shape, dtype, ndim = (3, 3), np.dtype(float), 2


def frozen():
    array = np.zeros(IMAGES.shape)
    array.flags.writeable = False
    return array


def unaligned():
    return np.frombuffer(bytes(8 * 3 + 1), np.uint8)[1:].view(np.float64)


def cyclic():
    nest = [1.0]
    nest.append(nest)
    return nest


# Things that may be right or wrong for a parameter, made anew for each call.
THINGS = {
    "None": lambda: None,
    "str": lambda: "text",
    "empty str": lambda: "",
    "bytes": lambda: b"text",
    "object": object,
    "list": list,
    "dict": dict,
    "set": lambda: {1},
    "nan": lambda: np.nan,
    "inf": lambda: np.inf,
    "-1": lambda: -1,
    "0": lambda: 0,
    "2**31": lambda: 2**31,
    "2**64": lambda: 2**64,
    "-2**70": lambda: -(2**70),
    "10**400": lambda: 10**400,
    "1.5": lambda: 1.5,
    "1": lambda: 1,
    "True": lambda: True,
    "complex": lambda: 1j,
    "datetime": lambda: np.datetime64("2000-01-01"),
    "decimal": lambda: decimal.Decimal(1),
    "masked array": lambda: np.ma.masked_array(ROW, ROW > 0.6),
    "masked": lambda: np.ma.masked,
    "object array": lambda: np.full(3, None),
    "string array": lambda: np.full(3, "a"),
    "structured array": lambda: np.zeros(3, [("a", float)]),
    "ragged": lambda: [[1.0, 2.0], [3.0]],
    "cyclic": cyclic,
    "triple": lambda: (2, 2, 9),
    "nested": lambda: [[[[[0]]]]],
    "tuple of str": lambda: ("a", "b"),
    "frozen array": frozen,
    "generator": lambda: (x for x in ROW),
    "type": lambda: int,
    "function": lambda: np.sin,
    "no arguments": lambda: lambda: None,
    "ellipsis": lambda: ...,
    "slice": lambda: slice(None),
    "sparse": Sparse,
    "matrix": lambda: np.matrix([[1.0, 2.0]]),
    "arraylike": lambda: Arraylike(ROW),
    "0-d": lambda: np.array(2.0),
    "0-d int": lambda: np.array(2),
    "empty": lambda: np.zeros(0),
    "empty image": lambda: np.zeros((0, 1, 0, 2)),
    "33 axes": lambda: np.ones((1,) * 33),
    "64 axes": lambda: np.ones((1,) * 64),
    "not contiguous": lambda: np.ones((1, 4, 4, 8))[..., ::2],
    "one memory": lambda: np.lib.stride_tricks.as_strided(np.zeros(70), IMAGES.shape, (8, 8, 8, 8)),
    "big-endian": lambda: np.ones(IMAGES.shape, ">f8"),
    "unaligned": unaligned,
    "long double": lambda: np.ones(3, np.longdouble),
    "uint64": lambda: np.full(3, 2**64 - 1, np.uint64),
    "bool array": lambda: np.ones(3, bool),
    "float16": lambda: np.ones(IMAGES.shape, np.float16),
    "complex array": lambda: np.ones(IMAGES.shape, np.complex64),
    "int array": lambda: np.ones((2, 2), int),
    "ufunc": lambda: np.add,
    "module": lambda: np,
    "memoryview": lambda: memoryview(bytearray(24)),
    "timedelta": lambda: np.timedelta64("NaT"),
}  # fmt: skip


def cells():
    """Name of a function, parameter and thing for each cell."""
    for name, function in FUNCTIONS.items():
        if name not in UNUSUAL:
            for parameter in inspect.signature(function).parameters:
                if (name, parameter) != ("odeint", "args"):  # these go to the function
                    for thing in THINGS:
                        yield name, parameter, thing


class Accepted(BaseException):
    """Raised in the place of a compilation, which takes longest, to say that the arguments have been found right."""


def named(message, names):
    """Whether a message names one of some parameters."""
    said = r"(is|has|holds|names|can't|must|of|gives|returned|\[|entry)"
    return any(re.search(rf"\b{name}\b" if len(name) > 1 else rf"\b{name}( {said}|\[)", message) for name in names)


def fault(name, parameter, thing):
    """What is wrong with how a call ends that has a thing for a parameter; None if nothing is."""
    return fault_of_several(name, {parameter: thing})


def fault_of_several(name, things):
    """The same for a call that has things for some parameters."""
    given = {**right_arguments(name), **{parameter: THINGS[thing]() for parameter, thing in things.items()}}
    if "scale_factor" in things and "size" not in things:
        given.pop("size", None)
    try:
        call(name, given)
    except (TypeError, ValueError) as error:
        if type(error).__module__.startswith("numba."):
            return f"an error of Numba, {type(error).__name__}: {error}"
        if any(parameter in CALLED and thing in CALLABLE for parameter, thing in things.items()):
            return None
        names = [*inspect.signature(FUNCTIONS[name]).parameters]
        if not things.keys().isdisjoint(CALLED | {"primals"}):
            names += ["function", "argument"]
        if "cyclic" in things.values():
            names += ["nest"]
        if not named(str(error), names):
            return f"{type(error).__name__} that names no parameter: {error}"
    except Accepted:
        return None
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        if not any(isinstance(error, DOCUMENTED.get(parameter, ())) for parameter in things):
            return f"{type(error).__name__}: {error}"
    return None
