"""Settings of Sphinx."""

from __future__ import annotations

import sys
from pathlib import Path

import numbafunc

sys.path.insert(0, str(Path(__file__).parent))  # for floors and rules_table

project = "numbafunc"
author = "numbafunc developers"
copyright = "2026, numbafunc developers"
version = release = numbafunc.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "floors",
    "numpydoc",
    "rules_table",
]
exclude_patterns = ["_build"]
default_role = "code"

autosummary_generate = True
autodoc_typehints = "none"  # the docstrings say more
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

html_theme = "furo"
html_title = f"numbafunc {version}"
