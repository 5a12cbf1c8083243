"""How dual arrays are shown: as text at the prompt, as a table in notebooks."""

from __future__ import annotations

import re
from typing import Any

from numbafunc.dual.levels import FIRST_DRAWN
from numbafunc.dual.recorder import Recorder


def text_of(x: Any) -> str:
    """The value with its derivative. A level is shown if the user chose it, so that the text makes the array again."""
    parts = [_indented(x.primal, "Dual("), f"tangent={_indented(x.tangent, '     tangent=')}"]
    if x.level < FIRST_DRAWN:
        parts.append(f"level={x.level}")
    return f"Dual({', '.join(parts)})" if "\n" not in "".join(parts) else f"Dual({f',{chr(10)}     '.join(parts)})"


def _indented(x: Any, before: str) -> str:
    text = f"<to be found by reverse mode, shape {x.shape[1:]}>" if type(x) is Recorder else repr(x)
    return re.sub(r"\n(?!\n)", "\n" + " " * len(before), text)


def html_of(x: Any) -> str:
    """A table of the value and of its derivative along each direction, for notebooks."""
    directions = x.tangent.shape[0]
    kind = "derivative" if directions == 1 else f"derivative along {directions} directions"
    if type(x.tangent) is Recorder:
        kind = "derivative"
        tangent = "to be found by reverse mode"
    else:
        tangent = _cell(x.tangent[0] if directions == 1 else x.tangent)
    rows = "".join(
        f'<tr><th style="text-align:left;vertical-align:top">{name}</th><td style="text-align:left">{cell}</td></tr>'
        for name, cell in (("value", _cell(x.primal)), (kind, tangent))
    )
    return f"<table><caption>Dual array, shape {x.shape}, {x.dtype}</caption>{rows}</table>"


def _cell(x: Any) -> str:
    from html import escape

    inner = getattr(x, "_repr_html_", None)
    return f"<pre>{escape(str(x))}</pre>" if inner is None else str(inner())


__all__ = ["html_of", "text_of"]
