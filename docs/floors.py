"""Picture of the floors of the package, drawn from the import contract in pyproject.toml."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import tomllib

ROOT = Path(__file__).parent.parent
WIDTH, HEIGHT, GAP = 760, 40, 6
COLORS = {"light": ("#eef3f8", "#1b2733"), "dark": ("#22303d", "#e6edf3")}


def floors() -> list[list[str]]:
    """The folders and files of each floor, the highest first."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    return [[f"numbafunc.{name.strip()}" for name in layer.split("|")] for layer in layers]


def purpose(module: str) -> str:
    """The first clause of a module's docstring."""
    path = (ROOT / "cuda" if module.startswith("numbafunc_cuda") else ROOT) / module.replace(".", "/")
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    text = ast.get_docstring(ast.parse(path.read_text())) or ""
    return re.split(r"[:;]|\.(?:\s|$)", text.split("\n")[0])[0].replace("`", "")


def picture(theme: str) -> str:
    """The floors as SVG for light or dark pages, each with the names and purposes of what lives there."""
    parts, top = [], GAP
    for modules in floors():
        lines = [(module.removeprefix("numbafunc."), purpose(module)) for module in modules]
        height = HEIGHT / 2 * len(lines) + HEIGHT / 2
        parts.append(f'<rect x="2" y="{top}" width="{WIDTH - 4}" height="{height}" rx="6" class="floor"/>')
        for line, (name, text) in enumerate(lines):
            y = top + HEIGHT / 2 * line + 24
            parts.append(f'<text x="14" y="{y}" class="name">{escape(name)}</text>')
            parts.append(f'<text x="150" y="{y}">{escape(text)}</text>')
        top += height + GAP
    fill, color = COLORS[theme]
    style = f".floor{{fill:{fill};stroke:#7a93ad}} text{{font:13px sans-serif;fill:{color}}} .name{{font-weight:600}}"
    size = f'width="{WIDTH}" height="{top}" viewBox="0 0 {WIDTH} {top}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}><style>{style}</style>{"".join(parts)}</svg>\n'


def write(app: Any) -> None:
    """Write the picture beside the sources, where the page finds it."""
    folder = Path(app.srcdir, "_generated")
    folder.mkdir(exist_ok=True)
    for theme in COLORS:
        (folder / f"floors.{theme}.svg").write_text(picture(theme))


def setup(app: Any) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True}
