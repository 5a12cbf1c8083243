"""Programs of tests that count what Numba compiles."""

LISTENER = """
import numpy as np
from numba.core import event

class Compilations(event.Listener):
    count = 0
    def on_start(self, event):
        type(self).count += 1
    def on_end(self, event):
        pass

event.register("numba:compile", Compilations())
"""
