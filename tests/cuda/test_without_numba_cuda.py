"""Arrays of a CUDA device where nothing is installed that could work on them."""

import importlib.util

import pytest

import numbafunc


class Foreign:
    """An array of some other library on a device."""

    @property
    def __cuda_array_interface__(self):
        return {"shape": (3,), "typestr": "<f4", "data": (4096, False), "version": 3}


@pytest.mark.skipif(importlib.util.find_spec("numba_cuda") is not None, reason="numba-cuda is there")
def test_without_numba_cuda():
    for function in (numbafunc.relu, numbafunc.grad(numbafunc.relu), numbafunc.softmax, numbafunc.loss.l2):
        with pytest.raises(ImportError, match=r"pip install 'numbafunc\[cuda\]'"):
            function(Foreign())
