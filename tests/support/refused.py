"""Operands that no op accepts, by what they are."""

import numpy as np

NO_NUMBERS = {
    "None": None,
    "str": "text",
    "bytes": b"text",
    "complex": 1j,
    "object": object(),
    "array of objects": np.array([object()]),
    "datetimes": np.zeros(2, "M8[s]"),
}
