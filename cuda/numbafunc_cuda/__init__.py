"""CUDA back end of numbafunc. Once imported, the elementwise ops can be called in kernels of ``numba.cuda``."""

import importlib.util as _util

from numba import config as _config

# Kernels of the simulator are plain Python and call ops as they are.
if not _config.ENABLE_CUDASIM and _util.find_spec("numba_cuda") is not None:
    from numbafunc_cuda.in_kernels import register as _register

    _register()
