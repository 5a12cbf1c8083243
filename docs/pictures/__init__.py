"""Pictures that Matplotlib draws when the documentation is built, each in a version for light pages and one for dark.

The directive ``picture`` shows the version that suits the page.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

from pictures import benchmarks, curves, examples, home, images
from pictures.style import STYLE, Picture, save

TABLES = {
    "accuracy-table": benchmarks.accuracy_table,
    "bandwidth-table": benchmarks.bandwidth,
    "errors-table": benchmarks.errors,
    "families-table": benchmarks.families,
    "lost-table": benchmarks.lost,
    "measured-on": benchmarks.conditions,
    "ratios-table": benchmarks.ratios,
}
OF_FUNCTIONS: dict[str, Picture] = {**curves.PICTURES, **images.PICTURES}


def write(app: Any) -> None:
    """Draw all pictures."""
    folder = Path(app.srcdir, "_generated")
    folder.mkdir(exist_ok=True)
    with plt.rc_context(STYLE):
        for name, picture in OF_FUNCTIONS.items():
            save(picture.draw(False), folder / name)
            if picture.small:
                save(picture.draw(True), folder / f"{name}.small")
        save(home.draw(), folder / "home")
        benchmarks.write(folder)
        examples.write(folder)


def setup(app: Any) -> dict[str, bool]:
    """Register with Sphinx."""
    from docutils import nodes
    from docutils.parsers.rst import directives
    from docutils.statemachine import StringList
    from sphinx.util.docutils import SphinxDirective

    class PictureDirective(SphinxDirective):
        """The picture with the given name, described by ``alt``; as a ``diagram`` it keeps its letters legible."""

        required_arguments = 1
        option_spec = {"alt": directives.unchanged, "diagram": directives.flag}  # noqa: RUF012

        def run(self) -> list[nodes.Node]:
            if self.arguments[0].startswith("bench-") and not benchmarks.drawn(self.arguments[0]):
                return []  # not measured yet
            images: list[nodes.Node] = []
            for theme in ("light", "dark"):
                uri = f"/_generated/{self.arguments[0]}.{theme}.svg"
                images.append(
                    nodes.image(uri=uri, alt=self.options.get("alt") or "", classes=[f"only-{theme}", "picture"])
                )
                self.set_source_info(images[-1])
            return [nodes.container("", *images, classes=["diagram"])] if "diagram" in self.options else images

    class Table(SphinxDirective):
        """A table that the function of this name writes."""

        def run(self) -> list[nodes.Node]:
            parent = nodes.Element()
            self.state.nested_parse(StringList(TABLES[self.name](), __file__), self.content_offset, parent)
            return parent.children

    app.add_directive("picture", PictureDirective)
    for name in TABLES:
        app.add_directive(name, Table)
    app.connect("builder-inited", write, priority=200)
    return {"parallel_read_safe": True}
