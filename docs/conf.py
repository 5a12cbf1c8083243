"""Settings of Sphinx."""

from __future__ import annotations

import sys
from pathlib import Path

import numbafunc

sys.path.insert(0, str(Path(__file__).parent))  # for the extensions that are files here
sys.path.append(str(Path(__file__).parent.parent))  # for what reads the results of benchmarks

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
    "function_pages",
    "links",
    "myst_parser",
    "notebook",
    "numpydoc",
    "pictures",
    "rules_table",
    "sphinx-mathjax-offline",  # brings MathJax, so that formulas need no network
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["_build", "_templates"]
templates_path = ["_templates"]
default_role = "code"

autosummary_generate = True
autodoc_typehints = "none"  # the docstrings say more
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

mathjax3_config = {  # textmacros: a backslash before an underscore in text
    "loader": {"load": ["[tex]/textmacros"]},
    "tex": {"packages": {"[+]": ["textmacros"]}},
}

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
copybutton_exclude = ".linenos, .gp, .go"

html_theme = "furo"
pygments_dark_style = "monokai"
html_title = f"numbafunc {version}"
html_static_path = ["_static"]
html_css_files = ["numbafunc.css"]
