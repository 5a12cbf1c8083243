"""Makes links of names: ``numbafunc.softmax`` in a text leads to the page of the function, as ``:func:`` would."""

from __future__ import annotations

import re
from typing import Any

import function_pages


def link(app: Any, document: Any) -> None:
    """Wrap each literal that is the full name of a public function, outside of links, in a reference to it."""
    from docutils import nodes
    from sphinx import addnodes

    names = {f"numbafunc.{name}" for name in function_pages.public()}
    for literal in list(document.findall(nodes.literal)):
        name = re.sub(r"\(\)$", "", literal.astext())
        outside = literal.parent
        while outside is not None and not isinstance(outside, (nodes.reference, addnodes.pending_xref, nodes.title)):
            outside = outside.parent
        if name in names and outside is None:
            reference = addnodes.pending_xref(
                "", refdomain="py", reftype="obj", reftarget=name, refexplicit=True, refdoc=app.env.docname
            )
            literal.replace_self(reference)
            reference += literal


def setup(app: Any) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("doctree-read", link)
    return {"parallel_read_safe": True}
