"""Makes a Jupyter notebook of the tutorial: examples become cells, text becomes Markdown."""

from __future__ import annotations

import ast
import json
import re
import textwrap
from pathlib import Path
from typing import Any

UNDERLINES = {"=": "#", "-": "##"}


def markdown(text: str) -> str:
    """A paragraph, or a heading, of reStructuredText as Markdown."""
    lines = text.splitlines()
    if len(lines) == 2 and set(lines[1]) <= set(UNDERLINES):
        return f"{UNDERLINES[lines[1][0]]} {lines[0]}"
    text = re.sub(r":\w+:`([^`<]+) <[^`]*>`", r"\1", text)
    text = re.sub(r":doc:`[^`]*?([^`/]+)(?:/index)?`", r"*\1*", text)
    text = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", text)
    return text.replace("``", "`")


def cell(kind: str, source: str, tags: list[str] | None = None) -> dict[str, Any]:
    """A cell in the format of notebooks."""
    found: dict[str, Any] = {"cell_type": kind, "metadata": {"tags": tags} if tags else {}, "source": source}
    return {**found, "execution_count": None, "outputs": []} if kind == "code" else found


def examples(block: str) -> list[dict[str, Any]]:
    """The cells of examples that follow each other: one ends where there is output."""
    found, code = [], []
    lines = block.splitlines()
    for line, following in zip(lines, [*lines[1:], ">>>"], strict=True):
        if re.match(r"(>>>|\.\.\.)( |$)", line):
            code.append(line[4:])
        if code and not re.match(r"(>>>|\.\.\.)( |$)", following):
            raises = following.startswith("Traceback")
            found.append(cell("code", "\n".join(code), ["raises-exception"] if raises else None))
            code = []
    return found + ([cell("code", "\n".join(code))] if code else [])


def directive(block: str, folder: Path) -> list[dict[str, Any]]:
    """The cell of a directive: commands, or a function of a program; pictures are left out."""
    head, _, body = block.partition("\n")
    if head.startswith(".. code-block:: "):
        return [cell("markdown", f"```{head.split()[-1]}\n{textwrap.dedent(body).strip()}\n```")]
    if head.startswith(".. literalinclude:: "):
        program, name = (folder / head.split()[-1]).read_text(), body.split(":pyobject: ")[1].split()[0]
        tree = next(node for node in ast.parse(program).body if getattr(node, "name", "") == name)
        return [cell("markdown", f"```python\n{ast.get_source_segment(program, tree)}\n```")]
    return []


def cells(text: str, folder: Path) -> list[dict[str, Any]]:
    """The cells of a page in a folder."""
    found: list[dict[str, Any]] = []
    for block in re.split(r"\n{2,}(?=\S)", text.strip()):
        if block.startswith(">>>"):
            found += examples(block)
        elif block.startswith(".. "):
            found += directive(block, folder)
        else:
            found.append(cell("markdown", markdown(block)))
    for number, made in enumerate(found):
        made["id"] = f"cell-{number}"
    return found


def notebook(page: Path) -> dict[str, Any]:
    """The notebook of a page."""
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return {"cells": cells(page.read_text(), page.parent), "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}


def write(app: Any) -> None:
    """Write the notebook where the page finds it."""
    folder = Path(app.srcdir, "_generated")
    folder.mkdir(exist_ok=True)
    made = notebook(Path(app.srcdir, "tutorial.rst"))
    (folder / "tutorial.ipynb").write_text(json.dumps(made, indent=1, ensure_ascii=False))


def setup(app: Any) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True}
