"""The directive ``rules-table`` of Sphinx: which functions have rules for dual arrays, and in which file each is."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

import numbafunc.rules  # registers what is listed here
from numbafunc.rules.register import PLACES, REFUSED

assert numbafunc.rules
MODULES = (np, np.linalg, np.fft, np.lib.stride_tricks)
KINDS = {
    "function": "Functions of NumPy",
    "ufunc": "Ufuncs of NumPy",
    "method": "Methods of ufuncs",
    "SciPy": "Ufuncs of SciPy",
}


class Entry(NamedTuple):
    """A function that has a rule."""

    kind: str
    name: str
    aliases: tuple[str, ...]
    file: str


def names_of(function: Any) -> list[str]:
    """The public names of a function of NumPy, its own first."""
    names = [
        f"{module.__name__}.{name}"
        for module in MODULES
        for name in dir(module)
        if not name.startswith("_") and getattr(module, name) is function
    ]
    return sorted(names, key=lambda name: (name.rpartition(".")[2] != function.__name__, name))


def entries() -> list[Entry]:
    """All functions that have a rule, one entry each, sorted by name."""
    found = []
    for key, place in PLACES.items():
        file = place.module.removeprefix("numbafunc.").replace(".", "/") + ".py"
        if isinstance(key, tuple):
            kind, name = key
            if kind == "method":
                found.append(Entry(kind, f"numpy.ufunc.{'__call__' if name == 'call' else name}", (), file))
            elif kind != "hook":
                found.append(Entry("SciPy", f"scipy.special.{name.lstrip('_')}", (), file))
        elif key not in REFUSED:
            name, *aliases = names_of(key) or [""]
            if name:
                kind = "ufunc" if isinstance(key, np.ufunc) else "function"
                found.append(Entry(kind, name, tuple(aliases), file))
    return sorted(found, key=lambda entry: entry.name)


def lines() -> list[str]:
    """The tables as reStructuredText, one for each kind."""
    written = []
    for kind, title in KINDS.items():
        written += [f".. list-table:: {title}", "    :header-rows: 1", "    :widths: 70 30", ""]
        written += ["    * - Name", "      - Rule in ``numbafunc/``"]
        for entry in entries():
            if entry.kind == kind:
                names = ", ".join(f"``{name}``" for name in (entry.name, *entry.aliases))
                written += [f"    * - {names}", f"      - ``{entry.file}``"]
        written.append("")
    return written


def setup(app: Any) -> dict[str, bool]:
    """Add the directive to Sphinx."""
    from docutils import nodes
    from docutils.statemachine import StringList
    from sphinx.util.docutils import SphinxDirective

    class RulesTable(SphinxDirective):
        def run(self) -> list[nodes.Node]:
            parent = nodes.Element()
            self.state.nested_parse(StringList(lines(), __file__), self.content_offset, parent)
            return parent.children

    app.add_directive("rules-table", RulesTable)
    return {"parallel_read_safe": True}
