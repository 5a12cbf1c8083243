"""Checks a built site: no page needs the network, each local link leads somewhere, each picture has a description.

Called as ``python docs/check_site.py docs/_build``; prints what is wrong and exits with 1 if anything is.
"""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}


class Page(HTMLParser):
    """What a page loads, where it links to, and which anchors it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.undescribed: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.anchors |= {attributes[key] or "" for key in ("id", "name") if key in attributes}
        address = attributes.get(LOADED.get(tag, ""))
        if address and attributes.get("rel") not in ("canonical", "edit"):
            self.loaded.append(address)
        if tag == "a" and attributes.get("href"):
            self.links.append(attributes["href"] or "")
        if tag == "img" and "alt" not in attributes:
            self.undescribed.append(address or "")


def faults(folder: Path) -> list[str]:
    """Everything that is wrong with the site in a folder."""
    pages = {file.resolve(): Page(file.read_text()) for file in folder.rglob("*.html") if "_static" not in file.parts}
    found = []
    for file, page in pages.items():
        name = file.relative_to(folder.resolve())
        found += [f"{name} loads {address}" for address in page.loaded if urlsplit(address).netloc]
        found += [f"{name}: no description of {address}" for address in page.undescribed]
        for address in [*page.loaded, *page.links]:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            if not target.exists():
                found.append(f"{name} links to {address}, which is missing")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
                found.append(f"{name} links to {address}, an anchor which is missing")
    return sorted(set(found))


if __name__ == "__main__":
    wrong = faults(Path(sys.argv[1]))
    print("\n".join(wrong) or "every local link leads somewhere, and nothing needs the network")
    sys.exit(bool(wrong))
