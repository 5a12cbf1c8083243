"""The back end for CUDA devices: what :class:`numbafunc.backend.Backend` lists, and where it is.

This module registers it when it is imported; the modules named here are imported when first needed.
"""

from __future__ import annotations

from numbafunc.backend import Backend, register, speaks_cuda
from numbafunc_cuda.arrays import View

CUDA = Backend(
    "CUDA",
    "a CUDA device",
    {
        Backend.elementwise: "elementwise.ElementwiseOnDevice",
        Backend.reduction: "reduction.ReductionOnDevice",
        Backend.copy: "copy.moved",
        Backend.average_pool: "pool.average",
        Backend.resize: "resize.resample",
        Backend.pad_mapped: "pad.padded",
        Backend.pad_constant: "pad.padded_with_constants",
        Backend.pad_odd: "pad.odd",
        Backend.pad_ramp: "pad.ramp",
        Backend.pad_statistics: "pad_statistics.statistical",
        Backend.pad_function: "pad_function.replaced",
        Backend.max_pool: "pool.largest",
        Backend.max_pool_with_places: "pool.largest_with_places",
        Backend.top_k: "top_k.top_k",
        Backend.one_hot: "one_hot.one_hot",
        Backend.labels: "array_helpers.labels",
        Backend.dot: "array_helpers.dot",
        Backend.adopt: "array_helpers.adopt",
        Backend.view: "arrays.view",
        Backend.ufunc: "array_helpers.ufunc",
        Backend.convert: "array_helpers.convert",
        Backend.zeros: "array_helpers.nothing",
        Backend.full: "array_helpers.full",
        Backend.reshape: "steps.reshape",
        Backend.transpose: "steps.transpose",
        Backend.broadcast_to: "steps.broadcast_to",
        Backend.total: "steps.total",
        Backend.largest: "steps.largest",
        Backend.picked: "steps.picked",
        Backend.selected: "steps.selected",
        Backend.units: "steps.units",
        Backend.scale: "steps.scale",
        Backend.mixed: "steps.mixed",
        Backend.in_main_memory: "steps.in_main_memory",
        Backend.from_main_memory: "steps.from_main_memory",
        Backend.copy_transpose: "spread.scattered",
        Backend.average_pool_transpose: "pool.average_back",
        Backend.resize_transpose: "spread.resized_back",
        Backend.pad_mapped_transpose: "spread.padded_back",
        Backend.add_direction: "array_helpers.add_direction",
        Backend.only_direction: "array_helpers.only_direction",
        Backend.unit_directions: "array_helpers.unit_directions",
        Backend.joined: "array_helpers.joined",
        Backend.part: "array_helpers.part",
        Backend.block: "array_helpers.block",
        Backend.scan_leaves: "scan.leaves_of",
        Backend.scan_own: "scan.own",
        Backend.scan_entries: "scan.entries",
        Backend.scan_zeros: "scan.nothing",
        Backend.scan_number: "scan.number",
        Backend.scan_stack: "scan.Stack",
        Backend.scan_compiled: "loop.run",
        Backend.memory: "memory",
    },
    package="numbafunc_cuda",
)

register(CUDA, lambda x: type(x) is View or speaks_cuda(x))
