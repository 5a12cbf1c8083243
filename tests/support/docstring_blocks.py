"""Blocks of docstrings that several public functions share: each is told once, here, and stands whole in each function.

Help and editors show what is written in a function, so the blocks are written there too. The tests see to it that they
stay equal. To change one everywhere: ``python tests/support/docstring_blocks.py NAME "new text"``, in one line.
"""

import ast
import inspect
import re
import sys
import textwrap
from difflib import SequenceMatcher
from pathlib import Path

import numbafunc

# The text of each block behind its header: a parameter with its type, the type of a result, an exception or a warning.
BLOCKS = {
    "real": ("x : array_like", "Real numbers of any shape. Integers are taken as float64."),
    "real_not_bool": ("x : array_like", "Real numbers. Integers are taken as float64; bool is refused."),
    "out": (
        "out : numpy.ndarray, optional",
        "Where to put the result; of its shape and dtype, and apart from the input.",
    ),
    "out_of_several": (
        "out : numpy.ndarray, optional",
        "Where to put the result; of its shape and dtype, and apart from the inputs.",
    ),
    "not_real": ("TypeError", "For inputs that are not real numbers."),
    "not_real_or_bool": ("TypeError", "For inputs that are not real numbers, or bool."),
    "not_real_or_shapes": (
        "TypeError",
        "For inputs that are not real numbers, or shapes that do not broadcast (which is a ValueError too).",
    ),
    "not_real_or_size": ("TypeError", "For inputs that are not numbers, or a size that is not an int."),
    "axis_out_of_range": ("ValueError", "For an axis out of range, or given twice."),
    "block": ("size : int or pair of int, default 2", "Height a and width b of a block."),
    "keep_axis": (
        "keep_axis : sequence of int or None, default (0,)",
        "Axes of the broadcast shape that stay, counted from 0. None keeps none. By default there is a mean for each "
        "entry along the first axis, not one number.",
    ),
    "where_of_means": (
        "where : array_like of bool, optional",
        "Elements that take part; broadcasts to the common shape. The mean is over these; the others may be NaN, and "
        "have derivative 0.",
    ),
    "has_aux": (
        "has_aux : bool",
        "Whether `f` returns a pair of the value and something else, which is handed through.",
    ),
    "axis_name": ("axis_name : str or tuple of str, default 'device'", "As of :func:`psum`."),
    "axis_index_groups": ("axis_index_groups : sequence of sequences of int, optional", "As of :func:`psum`."),
    "name_of_call": ("name : str, optional", "As of :func:`psum`."),
    "reproducible": ("reproducible : bool, default False", "As of :func:`psum`."),
    "nest": ("x : array_like or nest of array_like", "Of the same shape, dtype and nest on all ranks."),
    "nest_to_sum": (
        "x : array_like or nest of array_like",
        "Real or complex; of the same shape, dtype and nest on all ranks.",
    ),
    "out_of_nest": (
        "out : numpy.ndarray or nest of numpy.ndarray, optional",
        "Where to put the result; an array of ``x`` may be the one that its own result is put into.",
    ),
    "no_axis": ("NameError", "For an axis that does not exist."),
    "mismatch": (
        "CollectiveMismatchError",
        "On all ranks, where they call different functions, or with different shapes, dtypes, nests or in another "
        "order.",
    ),
    "nest_of_reals": (
        "x : array_like or nest of array_like",
        "Real; of the same shape, dtype and nest on all ranks.",
    ),
    "not_numbers_or_axis": ("TypeError", "For ``x`` that does not hold numbers or an ``axis`` that is not an int."),
    "not_reals": ("TypeError", "For ``x`` that does not hold real numbers."),
    "not_reals_or_out": ("TypeError", "For ``x`` that does not hold real numbers, or an ``out`` of another dtype."),
    "not_numbers_or_options": (
        "TypeError",
        "For ``x`` that does not hold numbers, an ``out`` of another dtype, a ``reproducible`` that is not True or "
        "False, or a ``name`` that is not a string.",
    ),
    "moved_nest": ("numpy.ndarray or nest of numpy.ndarray", "In the order of the ranks, to the bit, nested as ``x``."),
    "winning_ranks": (
        "numpy.ndarray or nest of numpy.ndarray",
        "int64, the same on all ranks; the lowest rank at ties, and the lowest that has NaN where one has it.",
    ),
    "shapes_differ": ("numbafunc.errors.BroadcastWarning", "When the shapes differ; they are then broadcast."),
    "result_of_one": ("numpy.ndarray", "Of the shape and floating-point dtype of ``x``."),
    "result_of_several": (
        "numpy.ndarray",
        "Of the broadcast shape, in the widest floating-point dtype of the operands.",
    ),
    "groups": ("ValueError", "For groups that do not hold each rank once."),
    "groups_or_out": (
        "ValueError",
        "For groups that do not hold each rank once, or an ``out`` of another shape or that shares memory.",
    ),
}

SHARED = 3
"""From this many functions on a block has to be told here."""


def public_functions():
    """All public functions by name."""
    found = {}
    for name in numbafunc.__all__:
        value = getattr(numbafunc, name)
        members = (
            [value] if inspect.isfunction(value) else [getattr(value, inner) for inner in getattr(value, "__all__", ())]
        )
        found.update({f"{one.__module__}.{one.__name__}": one for one in members if inspect.isfunction(one)})
    return found


def entries(docstring):
    """Pairs of header and text, in one line, of the sections that have such."""
    text = inspect.cleandoc(docstring)
    for section in ("Parameters", "Returns", "Raises", "Warns"):
        found = re.search(rf"^{section}\n-+\n(.*?)(?=\n\n\S[^\n]*\n-+\n|\Z)", text, re.M | re.S)
        for entry in re.findall(r"^(\S[^\n]*)\n((?:[ ]+[^\n]*\n?|\n)+)", found[1] if found else "", re.M):
            yield entry[0], " ".join(entry[1].split())


def unlisted():
    """Blocks that several functions share and that are not told here, with the names of the functions."""
    users = {}
    for name, function in public_functions().items():
        for entry in entries(function.__doc__):
            users.setdefault(entry, []).append(name)
    return {entry: names for entry, names in users.items() if len(names) >= SHARED and entry not in BLOCKS.values()}


def unused():
    """Blocks that are told here and that fewer than two functions have."""
    found = [entry for function in public_functions().values() for entry in entries(function.__doc__)]
    return [name for name, entry in BLOCKS.items() if found.count(entry) < 2]


def drifted(likeness=0.98):
    """Entries of functions that nearly are one of the blocks, but not quite."""
    for name, function in public_functions().items():
        for header, text in entries(function.__doc__):
            if (header, text) in BLOCKS.values():
                continue
            for block, (other, wanted) in BLOCKS.items():
                if header == other and SequenceMatcher(None, text, wanted).ratio() >= likeness:
                    yield name, text, block


def replace(name, text, root=Path(numbafunc.__file__).parent):
    """Write a block anew in all functions that have it, and here."""
    header, old = BLOCKS[name]
    words = r"\s+".join(map(re.escape, old.split()))
    pattern = re.compile(rf"^( *){re.escape(header)}\n\1    {words}\n", re.M)

    def changed(match):
        indent = match[1] + "    "
        return f"{match[1]}{header}\n{textwrap.fill(text, 120, initial_indent=indent, subsequent_indent=indent)}\n"

    for path in [*root.rglob("*.py")]:
        source = path.read_text()
        if pattern.search(source):
            path.write_text(pattern.sub(changed, source))
            ast.parse(path.read_text())
    here = Path(__file__)
    here.write_text(here.read_text().replace(f'"{old}"', f'"{text}"'))


if __name__ == "__main__":
    replace(*sys.argv[1:])
