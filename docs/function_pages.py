"""Writes one page for each public function, and one for each group of them, before Sphinx reads its sources.

A function belongs to the group that names the module which defines it, so a new function of an old module needs no
line here.
"""

from __future__ import annotations

import enum
import inspect
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pictures
from pictures import benchmarks

import numbafunc
from bench.results import OURS, TITLES, time_text


class Group(NamedTuple):
    """Functions that have a page of the tree in common.

    Attributes
    ----------
    file, title, text : str
        The page: its file, its title and what it says.
    modules : tuple of str
        Modules, or packages, that define the functions.
    """

    file: str
    title: str
    text: str
    modules: tuple[str, ...]


GROUPS = (
    Group(
        "activation",
        "Activation functions",
        "Functions of one number, taken of each element. They keep shape and precision of their argument, take "
        "``out``, and can be called in functions under ``numba.njit`` and in those of :func:`numbafunc.elementwise`.",
        ("ops.activation", "ops.activation_piecewise"),
    ),
    Group(
        "softmax",
        "Softmax and its relatives",
        "Normalised exponentials along axes, which don't overflow: the largest element is subtracted first.",
        ("ops.softmax",),
    ),
    Group(
        "loss",
        "Losses and divergences",
        "What is minimised when a model is fitted. They are in :mod:`numbafunc.loss` and :mod:`numbafunc.divergence`.",
        ("ops.loss", "ops.cross_entropy", "ops.divergence"),
    ),
    Group(
        "pooling",
        "Pooling and resizing",
        "Images, or any arrays, with fewer or more elements. Batches of images have the shape (N, C, H, W).",
        ("ops.pool", "ops.resize"),
    ),
    Group(
        "padding",
        "Padding and rearrangement",
        "Linear functions that move elements: their derivative is the function itself, applied to the tangents.",
        ("ops.pad", "ops.rearrange"),
    ),
    Group(
        "selection",
        "Selection and indexing",
        "The largest elements, a window whose place is computed, and rows of the unit matrix.",
        ("ops.top_k", "ops.one_hot", "ops.dynamic_slice"),
    ),
    Group(
        "loops",
        "Loops and differential equations",
        "Loops with a carry, compiled as a whole where their body is; ordinary differential equations.",
        ("ops.scan", "ops.while_loop", "ops.odeint"),
    ),
    Group(
        "derivatives",
        "Derivatives",
        "Functions that take a function and give its derivative, and functions that change what these do. "
        ":doc:`/explanation/modes` says which one to take.",
        ("autodiff", "dual", "ops.stop_gradient"),
    ),
    Group(
        "elementwise",
        "Functions of your own",
        "A formula for one number becomes a compiled loop over arrays, with derivatives of every order.",
        ("kinds.elementwise",),
    ),
    Group(
        "parallel",
        "Collective functions (MPI)",
        "What the ranks of an MPI job compute together: sums, means, extrema. :doc:`/parallel` explains them.",
        ("parallel",),
    ),
    Group(
        "constants",
        "Constants and errors",
        "Names of options, and exceptions beside those of Python.",
        ("constants", "errors"),
    ),
)

# The name of the function behind an op in the table of accuracy, where it is not that of the op.
ELEMENTARY = {"sigmoid": "logistic"}
# What readers who know a function by another name search for.
SOUGHT = {
    "channel_to_space2d": "pixel shuffle",
    "checkpoint": "rematerialisation",
    "custom_derivative": "custom gradient",
    "custom_root": "implicit differentiation",
    "elementwise": "vectorize",
    "grad": "gradient",
    "interpolate": "resize",
    "jacfwd": "Jacobian",
    "jacrev": "Jacobian",
    "loss.cross_entropy_logits_sparse": "classification loss",
    "loss.mean_absolute_error": "L1 loss",
    "loss.mean_squared_error": "MSE",
    "loss.sigmoid_cross_entropy_logits": "binary cross entropy",
    "odeint": "ODE",
    "parallel.psum": "allreduce",
    "space_to_channel2d": "pixel unshuffle",
    "stop_gradient": "detach",
    "swish": "SiLU",
    "vjp": "backward",
}


def public() -> dict[str, Any]:
    """The public functions and classes by their names below ``numbafunc``, such as ``"loss.l2"``."""
    found = {}
    for name in numbafunc.__all__:
        value = getattr(numbafunc, name)
        if not inspect.ismodule(value):
            found[name] = value
        elif name != "constants":  # whose members are names of the package itself
            for inner, member in vars(value).items():
                home = getattr(member, "__module__", "")
                listed = inner in getattr(value, "__all__", [inner]) and not inner.startswith("_")
                error = inspect.isclass(member) and issubclass(member, Exception)
                if listed and (
                    (inspect.isfunction(member) and home.startswith("numbafunc.")) or (error and home == value.__name__)
                ):
                    found[f"{name}.{inner}"] = member
    return found


def group_of(value: Any) -> Group:
    """The group of a function."""
    module = value.__module__.removeprefix("numbafunc.")
    for group in GROUPS:
        if any(module == name or module.startswith(f"{name}.") for name in group.modules):
            return group
    raise LookupError(f"numbafunc.{module} defines public names; give it to a group in docs/function_pages.py")


def tree() -> dict[Group, list[str]]:
    """The public names of each group, in alphabetical order."""
    found: dict[Group, list[str]] = {group: [] for group in GROUPS}
    for name, value in sorted(public().items()):
        found[group_of(value)].append(name)
    return found


def accuracy_of(name: str) -> list[str]:
    """The largest error over all float32 inputs, for functions that this was measured of."""
    row = benchmarks.largest_errors().get(ELEMENTARY.get(name, name))
    if row is None:
        return []
    text = f"Over all 2\\ :sup:`32` float32 inputs the largest error is {row[0]:.2f} units in the last place"
    return ["Accuracy", "--------", "", f"{text}, at {float(row[1]):.6g}. :doc:`/accuracy` has all functions.", ""]


def cost_of(name: str) -> list[str]:
    """Table of measured times, for functions that are in the benchmarks."""
    own, rows = name.rpartition(".")[2], []
    for row in benchmarks.measured().select(dtype="float32"):
        if row.name.split(" ")[0] == own and OURS in row.libraries:
            ratios = {TITLES[peer]: f"{ratio:.1f}" for peer, ratio in row.ratios().items()}
            what = " ".join((row.what, *row.name.split(" ")[1:]))
            rows.append({"what": what, "size": row.size, "a call": time_text(row.ours), **ratios})
    if not rows:
        return []
    lines = [
        "Cost",
        "----",
        "",
        "Measured on two cores (:doc:`/explanation/benchmarks` says how), float32. The last columns are times divided",
        "by ours: above 1 ours is faster.",
        "",
    ]
    return [*lines, *benchmarks.table(rows)]


def page(name: str, value: Any) -> str:
    """The page of one function."""
    lines = [f".. index:: ! {SOUGHT[name]}", ""] if name in SOUGHT else []
    lines += [name, "=" * len(name), ""]
    if name in pictures.OF_FUNCTIONS:
        lines += [f".. picture:: {name}", f"    :alt: {pictures.OF_FUNCTIONS[name].alt}", ""]
    module, _, own = f"numbafunc.{name}".rpartition(".")
    lines += [f".. currentmodule:: {module}", ""]
    if inspect.isclass(value):
        lines += [f".. autoclass:: {own}"]
        lines += ["    :show-inheritance:"] if issubclass(value, Exception) else []
        lines += ["    :members:", "    :undoc-members:"] if issubclass(value, enum.Enum) else []
    else:
        lines += [f".. autofunction:: {own}"]
    file = Path(sys.modules[value.__module__].__file__ or "").relative_to(Path(numbafunc.__file__).parent.parent)
    lines += ["", *accuracy_of(name), *cost_of(name), f"Defined in ``{file.as_posix()}``.", ""]
    return "\n".join(lines)


def group_page(group: Group, names: list[str]) -> str:
    """The page of one group: its functions with their first lines."""
    lines = [group.title, "=" * len(group.title), "", group.text, ""]
    drawn = [name for name in names if name in pictures.OF_FUNCTIONS and pictures.OF_FUNCTIONS[name].small]
    if len(drawn) > 2:
        lines += [".. grid:: 2 3 3 4", "    :gutter: 2", ""]
        for name in drawn:
            lines += ["    .. grid-item-card::", f"        :link: {name}", "        :link-type: doc"]
            lines += ["        :text-align: center", "", f"        .. picture:: {name}.small", "            :alt:", ""]
            broken = re.sub(r"([._])", r"\1<wbr>", name)  # where a line may end on a narrow page
            lines += ["        .. raw:: html", "", f"            <p>{broken}</p>", ""]
    lines += [".. currentmodule:: numbafunc", "", ".. autosummary::", "    :nosignatures:", ""]
    lines += [f"    {name}" for name in names]
    lines += ["", ".. toctree::", "    :hidden:", ""] + [f"    {name}" for name in names]
    return "\n".join([*lines, ""])


def write(app: Any) -> None:
    """Write all pages; those of functions that are gone are deleted."""
    folder = Path(app.srcdir, "functions")
    folder.mkdir(exist_ok=True)
    texts = {name: page(name, value) for name, value in public().items()}
    lines = [
        "Functions",
        "=========",
        "",
        "Everything that can be imported from :mod:`numbafunc`, each on a page of its own, with examples",
        "and, where one helps, a picture.",
        "",
    ]
    lines += [".. grid:: 1 2 2 2", "    :gutter: 3", ""]
    for group, names in tree().items():
        texts[f"group-{group.file}"] = group_page(group, names)
        lines += [f"    .. grid-item-card:: :doc:`group-{group.file}`", ""]
        lines += [f"        {', '.join(f':doc:`{name}`' for name in names)}", ""]
    lines += [".. toctree::", "    :hidden:", ""] + [f"    group-{group.file}" for group in GROUPS]
    texts["index"] = "\n".join([*lines, ""])
    for file in folder.glob("*.rst"):
        if file.stem not in texts:
            file.unlink()
    for name, text in texts.items():
        file = folder / f"{name}.rst"
        if not file.exists() or file.read_text() != text:  # unchanged pages are not built anew
            file.write_text(text)


def adapt(app: Any, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    """Adapt a docstring to Sphinx and MathJax.

    An initial at the beginning of a line or reference would begin a numbered list; a figure in the name of an operator
    would be set apart from its letters.
    """
    for place, line in enumerate(lines):
        line = re.sub(r"^(\s*(?:\.\. \[\d+\] )?)([A-Z])\. ", r"\1\\\2. ", line)
        lines[place] = re.sub(r"\\operatorname\{(\w*\d\w*)\}", r"\\mathop{\\text{\1}}", line)


def setup(app: Any) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("autodoc-process-docstring", adapt, priority=100)
    app.connect("builder-inited", write, priority=100)  # before autosummary looks at the sources
    return {"parallel_read_safe": True}
