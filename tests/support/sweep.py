"""Parameters of long sweeps, of which the fast suite runs a part."""

import pytest


def thorough(*values):
    """Parameters that only tox run -e thorough adds; each is one value, or a tuple for several names."""
    return [
        pytest.param(*(value if isinstance(value, tuple) else (value,)), marks=pytest.mark.thorough) for value in values
    ]


def mostly_thorough(values, fast):
    """All values as parameters; those that are not among ``fast`` are added by tox run -e thorough only."""
    return [value if value in fast else thorough(value)[0] for value in values]
