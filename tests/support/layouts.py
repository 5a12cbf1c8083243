"""Equal arrays that lie in memory in different ways."""

import numpy as np


class Labelled(np.ndarray):
    """A subclass of ndarray that would like to take part."""

    def __array_finalize__(self, other):
        self.label = getattr(other, "label", "none")


def unaligned(array):
    memory = np.zeros(array.nbytes + 1, np.uint8)
    view = memory[1:].view(array.dtype).reshape(array.shape)
    view[...] = array
    return view


def read_only(array):
    copy = array.copy()
    copy.flags.writeable = False
    return copy


def field(array):
    records = np.zeros(array.shape, [("flag", np.uint8), ("number", array.dtype)])
    records["number"] = array
    return records["number"]


def strided(array):
    wide = np.zeros((array.shape[0] * 2, *array.shape[1:-1], array.shape[-1] * 3), array.dtype)
    wide[1::2, ..., 2::3] = array
    return wide[1::2, ..., 2::3]


class Interface:
    """An object that is an array by the array interface only."""

    def __init__(self, array):
        self.array = array
        self.__array_interface__ = array.__array_interface__


class Exchange:
    """An object that is an array by DLPack only."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


# From a contiguous array of two or more axes to an equal one that lies in memory in another way.
LAYOUTS = {
    "fortran": np.asfortranarray,
    "transposed": lambda x: np.moveaxis(np.ascontiguousarray(np.moveaxis(x, -1, 0)), 0, -1),
    "swapped axes": lambda x: np.ascontiguousarray(x.swapaxes(0, 1)).swapaxes(0, 1),
    "negative strides": lambda x: np.ascontiguousarray(x[::-1, ..., ::-1])[::-1, ..., ::-1],
    "negative fortran": lambda x: np.asfortranarray(x[:, ::-1])[:, ::-1],
    "slice": strided,
    "read-only": read_only,
    "byte-swapped": lambda x: x.astype(x.dtype.newbyteorder()),
    "subclass": lambda x: x.view(Labelled),
    "unaligned": unaligned,
    "field": field,
    "list": lambda x: x.astype(np.float64).tolist(),
    "array interface": Interface,
    "dlpack": Exchange,
}
