"""Pictures that the programs of ``examples/`` draw."""

from __future__ import annotations

import contextlib
import io
import runpy
from pathlib import Path

import matplotlib.pyplot as plt

from pictures.style import darken

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


def write(folder: Path) -> None:
    """Run the programs; keep their pictures, and what they print as ``example-NAME.txt``."""
    for program in sorted(EXAMPLES.glob("*.py")):
        light = folder / f"example-{program.stem}.light.svg"
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            runpy.run_path(str(program))["main"](light)
        plt.close("all")
        darken(light)
        (folder / f"example-{program.stem}.txt").write_text(printed.getvalue())
