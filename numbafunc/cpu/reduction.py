"""The loops of the reduction kind: along rows, down columns, and along rows so long that threads share them.

The stages of an op (see :class:`numbafunc.kinds.reduction.Stages`) become loops over one row, or over a tile of
columns. In the source templates below ``{element}`` stands for the numbers of the operands at the current element.
Which row or tile a thread works on has no influence on any result.
"""

from __future__ import annotations

from typing import Any

from numbafunc.cpu.reduction_layout import Layout
from numbafunc.cpu.reduction_source import Source, indented, joined, tuple_of
from numbafunc.cpu.schedule import schedule

# Rows that a loop over columns takes at once: the accumulators of a column are then read and written once for all.
_ROWS_TOGETHER = 4


_ROWS = """
def reduce_rows({parameters}, count, first_row, last_row):
    for row in range(first_row, last_row):
        begin = row * count
{body}


def kernel({parameters}, rows, count):
    per_task = max(1, TASK // max(1, count))
    {dynamic}
    for index in {tasks}((rows + per_task - 1) // per_task):
        first_row = int64(index) * per_task
        reduce_rows({parameters}, count, first_row, min(first_row + per_task, rows))
    {static}
"""


def build_rows(stages: Any, layout: Layout, *, parallel: bool, identity: str | None = None) -> Any:
    """Kernel ``kernel(*slots, *steps, *results, rows, count)``: a thread reduces a row as a whole.

    ``steps`` are two for each operand: elements from one row to the next, and along a row (0 or 1).
    """
    source = Source(stages, layout)
    at = [f"row * outer{i} + i" if along else f"row * outer{i}" for i, along in enumerate(layout.along)]
    element = source.element(*at)
    settled = [f"settled({total}, {lost})" for total, lost in zip(source.totals, source.lost)]
    body = [
        *source.shift(element, "0", "count"),
        *source.sums(element, "0", "count"),
        *source.sums_again(element, settled),
        *source.finish("shift", settled + source.more, "row"),
    ]
    if stages.epilogue is None:
        body += source.store_finals("row")
    else:
        body += ["for i in range(count):", "    " + source.epilogue(element, "shift", source.finals, "begin + i")]
    text = _ROWS.format(parameters=source.parameters, **schedule(parallel), body=joined(body, 2))
    return source.compile("rows", text, ("reduce_rows",), identity, [], parallel=parallel)


_COLUMNS = """
def reduce_tile({parameters}, count, inner, block, first, width):
{allocate}
    begin = block * count * inner + first
    for j in range(width):
{clear}
{shift}
    for start in range(0, count, BLOCK // 4):
        stop = min(start + BLOCK // 4, count)
        for j in range(width):
{clear_partials}
{sums}
        for j in range(width):
{compensate}
{again}
    for j in range(width):
{finish}
{epilogue}


def kernel({parameters}, blocks, count, inner, tile):
    tiles = (inner + tile - 1) // tile
    {dynamic}
    for index in {tasks}(blocks * tiles):
        task = int64(index)
        first = task % tiles * tile
        reduce_tile({parameters}, count, inner, task // tiles, first, min(tile, inner - first))
    {static}
"""


def build_columns(
    stages: Any, layout: Layout, *, parallel: bool, identity: str | None = None, lanes: bool = False
) -> Any:
    """Kernel ``kernel(*slots, *steps, *results, blocks, count, inner, tile)``: a thread reduces ``tile`` columns.

    Operands are blocks of ``count`` rows with ``inner`` columns; ``steps`` are two for each operand: elements from one
    block to the next, and from one row to the next. ``layout.along`` tells whether an operand varies from column to
    column.

    With ``lanes`` the columns are the rows of :func:`build_rows`, so short that a loop along one would not fill a
    vector: elements are gathered before and scattered after. There is one block; ``steps`` are those of that function.
    """
    source = Source(stages, layout)
    arrays = {name: [f"{name}_{i}" for i in range(len(layout.keys))] for name in _scratch(source)}
    arrays["shift"] = ["shift_0"]
    allocate = [f"{array} = empty(width, compute)" for group in arrays.values() for array in group]
    gather: list[str] = []
    scatter: list[str] = []
    if lanes:
        source.keep = False
        owners = [i for i, operand in enumerate(layout.operands) for _ in range(operand.slots)]
        lane = {s: f"lane_{s}" if layout.operands[i].indexed else s for s, i in zip(source.slots, owners)}
        allocate += [f"{lane[s]} = empty(width, {s}.dtype)" for s in source.slots if lane[s] != s]
        gather = [
            "for j in range(width):",
            *(
                f"    {lane[s]}[j] = {s}[(first + j) * outer{i} + i * step{i}]"
                for s, i in zip(source.slots, owners)
                if lane[s] != s
            ),
        ]
        element = f"*load({tuple_of(lane.values())}, {tuple_of('j' if o.indexed else '0' for o in layout.operands)})"
    else:
        bases = [f"block * outer{i} + i * step{i}" for i in range(len(layout.operands))]
        element = source.element(*(f"{base} + first + j" if a else base for base, a in zip(bases, layout.along)))

    def get(name: str) -> str:
        return f"get_{name}({tuple_of(arrays[name])}, (j,))[0]"

    def put(name: str, value: str) -> str:
        return f"put_{name}({tuple_of(arrays[name])}, j, {value})"

    def over_rows(start: str, stop: str, before: list[str], at_element: list[str], after: list[str]) -> list[str]:
        """Loops over rows, each around a loop over columns; ``before`` and ``after`` serve several rows at once."""

        def over_columns(lines: list[str]) -> list[str]:
            return ["for j in range(width):", *indented([*before, *lines, *after], 1)]

        single = indented([*gather, *over_columns(at_element)], 1)
        if lanes:
            return [f"for i in range({start}, {stop}):", *single]
        several = [line for k in range(_ROWS_TOGETHER) for line in (f"i = top + {k}", *at_element)]
        return [
            f"rest = {stop} - ({stop} - {start}) % {_ROWS_TOGETHER}",
            f"for top in range({start}, rest, {_ROWS_TOGETHER}):",
            *indented(over_columns(several), 1),
            f"for i in range(rest, {stop}):",
            *single,
        ]

    shift: list[str] = []
    if stages.shift_of is not None:
        shift = over_rows(
            "0",
            "count",
            [f"best = {get('shift')}"],
            [f"best = larger(best, shift_of({element}))"],
            [put("shift", "best")],
        )
    sums = [f"{tuple_of(source.terms)} = lift(shift, {element})"]
    if source.keep:
        sums += [f"store0({tuple_of(source.results)}, begin + i * inner + j, term0)"]
    sums += [f"{p} = plus({p}, {t})" for p, t in zip(source.partials, source.terms)]
    sums = over_rows(
        "start",
        "stop",
        [f"shift = {get('shift')}", *(f"{p} = {get(p)}" for p in source.partials)],
        sums,
        [put(p, p) for p in source.partials],
    )
    compensate = []
    for total, lost, partial in zip(source.totals, source.lost, source.partials):
        compensate += [
            put(lost, f"plus({get(lost)}, rounding_error({get(total)}, {get(partial)}))"),
            put(total, f"plus({get(total)}, {get(partial)})"),
        ]
    settled = [f"settled({get(total)}, {get(lost)})" for total, lost in zip(source.totals, source.lost)]
    again: list[str] = []
    if source.more:
        # Few columns want it, mostly none.
        runs = element
        if lanes:
            places = [f"(first + j) * outer{i} + i * step{i}" for i in range(len(layout.operands))]
            runs = source.element(*(at if o.indexed else "0" for at, o in zip(places, layout.operands)))
        again = [
            "some = False",
            "for j in range(width):",
            *(f"    {put(name, 'number(0.0)')}" for name in source.more),
            f"    some |= wanted({', '.join([get('shift'), *settled])})",
            "if some:",
            "    for j in range(width):",
            f"        shift = {get('shift')}",
            *indented(source.sums_again(runs, settled), 2),
            *(f"        {put(name, name)}" for name in source.more),
        ]
    finish = source.finish(get("shift"), settled + [get(name) for name in source.more], "(first + j)")
    epilogue: list[str] = []
    if stages.epilogue is None:
        finish += source.store_finals("block * inner + first + j")
    else:
        finish += [put(name, name) for name in source.finals]
        place = "begin + i * inner + j"
        if lanes:
            place = "j"
            lane_results = [f"lane_{r}" for r in source.results]
            allocate += [f"lane_{r} = empty(width, {r}.dtype)" for r in source.results]
            scatter = ["for j in range(width):"]
            scatter += [f"    {r}[(first + j) * count + i] = lane_{r}[j]" for r in source.results]
            source.results = lane_results
        stored = source.epilogue(element, get("shift"), [get(f) for f in source.finals], place)
        epilogue = [
            "for i in range(count):",
            *indented(gather, 1),
            "    for j in range(width):",
            "        " + stored,
            *indented(scatter, 1),
        ]
        if lanes:
            source.results = [r.removeprefix("lane_") for r in source.results]
    text = _COLUMNS.format(
        parameters=source.parameters,
        **schedule(parallel),
        allocate=joined(allocate, 1),
        clear=joined(
            [put("shift", "number(0.0)" if stages.shift_of is None else "number(-inf)")]
            + [put(name, "number(0.0)") for name in source.totals + source.lost],
            2,
        ),
        shift=joined(shift, 1),
        clear_partials=joined([put(name, "number(0.0)") for name in source.partials], 3),
        sums=joined(sums, 2),
        compensate=joined(compensate, 3),
        again=joined(again, 1),
        finish=joined(finish, 2),
        epilogue=joined(epilogue, 1),
    )
    return source.compile(
        "lanes" if lanes else "columns", text, ("reduce_tile",), identity, list(arrays), parallel=parallel
    )


def _scratch(source: Source) -> list[str]:
    finals = source.finals if source.stages.epilogue is not None else []
    return [*source.totals, *source.lost, *source.partials, *source.more, *finals]


_SEGMENTS = """
def segment_shift({parameters}, {arrays}, count, segments, task):
    row = task // segments
    first_element = task % segments * SEGMENT
    last_element = min(first_element + SEGMENT, count)
{shift}
    put_shift((shifts,), task, shift)


def segment_sums({parameters}, {arrays}, count, segments, task):
    row = task // segments
    begin = row * count
    first_element = task % segments * SEGMENT
    last_element = min(first_element + SEGMENT, count)
    shift = get_shift((shifts,), (row * segments,))[0]
{sums}
{put_sums}


def segment_epilogue({parameters}, {arrays}, count, segments, task):
    row = task // segments
    begin = row * count
    first_element = task % segments * SEGMENT
    last_element = min(first_element + SEGMENT, count)
    shift = get_shift((shifts,), (row * segments,))[0]
{epilogue}


def fold_shift({arrays}, segments, row):
    shift = number(-inf)
    for task in range(row * segments, (row + 1) * segments):
        shift = larger(shift, get_shift((shifts,), (task,))[0])
    put_shift((shifts,), row * segments, shift)


def fold_sums({parameters}, {arrays}, count, segments, row):
{clear}
    for task in range(row * segments, (row + 1) * segments):
{fold}
    shift = get_shift((shifts,), (row * segments,))[0]
{finish}


def kernel({parameters}, rows, count):
    segments = (count + SEGMENT - 1) // SEGMENT
    tasks = rows * segments
{allocate}
    for index in prange(tasks):
        task = int64(index)
        segment_shift({parameters}, {arrays}, count, segments, task)
    for row in range(rows):
        fold_shift({arrays}, segments, row)
    for index in prange(tasks):
        task = int64(index)
        segment_sums({parameters}, {arrays}, count, segments, task)
    for row in range(rows):
        fold_sums({parameters}, {arrays}, count, segments, row)
{last}
"""


def build_segments(stages: Any, layout: Layout, *, parallel: bool, identity: str | None = None) -> Any:
    """Kernel with the parameters of :func:`build_rows`, for few long rows: threads share each in fixed segments."""
    source = Source(stages, layout)
    at = [f"row * outer{i} + i" if along else f"row * outer{i}" for i, along in enumerate(layout.along)]
    element = source.element(*at)
    arrays = {name: [f"{name}_{i}" for i in range(len(layout.keys))] for name in _scratch(source)}
    for name in source.partials + source.more:
        arrays.pop(name)

    def get(name: str, index: str) -> str:
        return f"get_{name}({tuple_of(arrays[name])}, ({index},))[0]"

    def put(name: str, index: str, value: str) -> str:
        return f"put_{name}({tuple_of(arrays[name])}, {index}, {value})"

    fold = [f"{term} = {get(total, 'task')}" for term, total in zip(source.terms, source.totals)]
    fold += source.compensate(source.totals, source.lost, source.terms)
    fold += [f"{lost} = plus({lost}, {get(lost, 'task')})" for lost in source.lost]
    settled = [f"settled({total}, {lost})" for total, lost in zip(source.totals, source.lost)]
    finish = source.sums_again(element, settled) + source.finish("shift", settled + source.more, "row")
    epilogue, last = ["pass"], []
    if stages.epilogue is None:
        finish += source.store_finals("row")
    else:
        finish += [put(name, "row", name) for name in source.finals]
        finals = [get(name, "row") for name in source.finals]
        loop = "for i in range(first_element, last_element):"
        epilogue = [f"{name} = {final}" for name, final in zip(source.finals, finals)]
        epilogue += [loop, "    " + source.epilogue(element, "shift", source.finals, "begin + i")]
        parameters = ", ".join((source.parameters, "shifts", *(a for group in arrays.values() for a in group)))
        last = [
            "for index in prange(tasks):",
            "    task = int64(index)",
            f"    segment_epilogue({parameters}, count, segments, task)",
        ]
    names = ["shifts", *(array for group in arrays.values() for array in group)]
    text = _SEGMENTS.format(
        parameters=source.parameters,
        arrays=", ".join(names),
        shift=joined(source.shift(element, "first_element", "last_element"), 1),
        sums=joined(source.sums(element, "first_element", "last_element"), 1),
        put_sums=joined([put(name, "task", name) for name in source.totals + source.lost], 1),
        epilogue=joined(epilogue, 1),
        clear=joined([f"{name} = number(0.0)" for name in source.totals + source.lost], 1),
        fold=joined(fold, 2),
        finish=joined(finish, 1),
        allocate=joined([f"{name} = empty(tasks, compute)" for name in names], 1),
        last=joined(last, 1),
    )
    inner = ("segment_shift", "segment_sums", "segment_epilogue", "fold_shift", "fold_sums")
    return source.compile("segments", text, inner, identity, ["shift", *arrays], parallel=parallel)
