"""The loops of the reduction kind: along rows, alone or in batches, down columns, and along long rows in segments.

The stages of an op (see :class:`numbafunc.kinds.reduction.Stages`) become loops over one row, or over a tile of
columns. In the source templates below ``{element}`` stands for the numbers of the operands at the current element.
Which row or tile a thread works on has no influence on any result.
"""

from __future__ import annotations

from typing import Any

from numbafunc.cpu.reduction_layout import Layout
from numbafunc.cpu.reduction_source import Source, indented, joined, tuple_of
from numbafunc.cpu.schedule import tasks

# Rows that a loop over columns takes at once: the accumulators of a column are then read and written once for all.
_ROWS_TOGETHER = 4


_ROWS = """
def reduce_rows({parameters}, count, first_row, last_row):
{heads}
{body}


def kernel({parameters}, rows, count):
    per_task = max(1, {elements} // max(1, count))
    for index in {tasks}((rows + per_task - 1) // per_task):
        first_row = int64(index) * per_task
        reduce_rows({parameters}, count, first_row, min(first_row + per_task, rows))
"""


def build_rows(stages: Any, layout: Layout, *, parallel: bool, identity: str | None = None, batch: bool = False) -> Any:
    """Kernel ``kernel(*slots, *steps, *results, rows, count)``: a thread reduces a row as a whole.

    ``steps`` are two for each operand: elements from one row to the next, and along a row (0 or 1). With ``batch`` each
    step is taken for all rows of a task before the next one: the processor then works on several rows at once, and
    what is made of the totals is vectorised. All bits are the same.
    """
    source = Source(stages, layout)
    at = [f"row * outer{i} + i" if along else f"row * outer{i}" for i, along in enumerate(layout.along)]
    element = source.element(*at)
    settled = [f"settled({total}, {lost})" for total, lost in zip(source.totals, source.lost)]
    shift, sums = source.shift(element, "0", "count"), source.sums(element, "0", "count")
    again = source.sums_again(element, settled)
    last: list[str] = []
    if stages.epilogue is not None:
        last = ["for i in range(count):", "    " + source.epilogue(element, "shift", source.finals, "begin + i")]
    arrays: dict[str, list[str]] = {}
    if not batch:
        finish = source.finish("shift", settled + source.more, "row") + source.store_finals("row")
        body = [*shift, *sums, *again, *finish, *last]
        text = joined(["for row in range(first_row, last_row):", "    begin = row * count", *indented(body, 1)], 1)
    else:
        width = len(layout.keys)
        finals = source.finals if stages.epilogue is not None else []
        arrays = {name: [f"{name}_{i}" for i in range(width)] for name in [*source.totals, *source.more, *finals]}
        arrays["shift"] = ["shift_0"]

        def over_rows(*lines: str) -> list[str]:
            head = ["for row in range(first_row, last_row):", "    begin, j = row * count, row - first_row"]
            return [*head, *indented(list(lines), 1)]

        def get(*names: str) -> list[str]:
            return [f"get_{name}(of_{name}, j)" for name in names]

        def put(values: dict[str, str]) -> list[str]:
            return [f"put_{name}(of_{name}, j, {value})" for name, value in values.items()]

        found = get("shift", *source.totals, *source.more)
        finish = source.finish(found[0], found[1:], "(first_row + j)") + source.store_finals("first_row + j")
        if finals:
            finish += put({name: name for name in finals})
            taken = [f"{name} = {value}" for name, value in zip(("shift", *finals), get("shift", *finals))]
            last = over_rows(*taken, *last)
        totals = {**dict(zip(source.totals, settled)), **{name: name for name in source.more}}
        lines = [
            *_pieces(arrays, "last_row - first_row"),
            *over_rows(*shift, *put({"shift": "shift"})),
            *over_rows(f"shift = {found[0]}", *sums, *again, *put(totals)),
            "for j in range(last_row - first_row):",
            *indented(finish, 1),
            *last,
            "kept(scratch)",
        ]
        text = joined(lines, 1)
    elements = "min(TASK, max(SMALLEST_TASK, rows * count // 8))" if parallel else "TASK"
    heads = joined(source.heads(), 1)
    text = _ROWS.format(parameters=source.parameters, elements=elements, tasks=tasks(parallel), heads=heads, body=text)
    form = "batch" if batch else "rows"
    return source.compile(form, text, ("reduce_rows",), identity, list(arrays), parallel=parallel)


def _pieces(arrays: dict[str, list[str]], length: str) -> list[str]:
    """Lines that make arrays of some length, of one piece of memory: to allocate takes as long as to reduce a row."""
    lines = [f"length = {length}", f"scratch = empty({sum(map(len, arrays.values()))} * length, compute)"]
    return [*lines, *(f"of_{name} = pieces_{name}(scratch, length)" for name in arrays)]


_COLUMNS = """
{step_functions}
def reduce_tile({parameters}, count, inner, block, first, width):
    across = {across}
{allocate}
    begin = block * count * inner + first
{turned}
    for j in range(across):
{clear}
{shift}
    for start in range(0, count, BLOCK // 4):
        stop = min(start + BLOCK // 4, count)
        for j in range(across):
{clear_partials}
{sums}
        for j in range(across):
{compensate}
{again}
    for j in range(width):
{finish}
{epilogue}
{kept}


def kernel({parameters}, blocks, count, inner, tile):
    tiles = (inner + tile - 1) // tile
    for index in {tasks}(blocks * tiles):
        task = int64(index)
        first = task % tiles * tile
        reduce_tile({parameters}, count, inner, task // tiles, first, min(tile, inner - first))
"""


def build_columns(
    stages: Any, layout: Layout, *, parallel: bool, identity: str | None = None, form: str = "columns"
) -> Any:
    """Kernel ``kernel(*slots, *steps, *results, blocks, count, inner, tile)``: a thread reduces ``tile`` columns.

    Operands are blocks of ``count`` rows with ``inner`` columns; ``steps`` are two for each operand: elements from one
    block to the next, and from one row to the next. ``layout.along`` tells whether an operand varies from column to
    column.

    Two forms work on a copy in scratch memory, in which there are as many columns as fill vectors. They turn columns
    that are ``narrow`` into such. In ``lanes`` the columns are the rows of :func:`build_rows`, which are too short for
    vectors; there is one block, and ``steps`` are those of that function.
    """
    source = Source(stages, layout)
    arrays = {name: [f"{name}_{i}" for i in range(len(layout.keys))] for name in _scratch(source)}
    arrays["shift"] = ["shift_0"]
    allocate, memory = _pieces(arrays, "across"), ["scratch"]
    heads, lanes = source.heads(), list(source.slots)
    copied = form != "columns"
    turned: list[str] = []
    turned_back: list[str] = []
    bases = [f"block * outer{i} + i * step{i}" for i in range(len(layout.operands))]
    places = [f"{base} + first + j" if along else base for base, along in zip(bases, layout.along)]
    place = result_place = "begin + i * inner + j"
    if form == "lanes":
        places = [f"(first + j) * outer{i} + i * step{i}" for i in range(len(layout.operands))]
        result_place = "(first + j) * count + i"
    if copied:
        place = "i * across + j"
        owners = [i for i, operand in enumerate(layout.operands) for _ in range(operand.slots)]
        given = list(places)  # where value and tangents of an operand are before they are copied
        for number, i in enumerate(owners):
            slot, along = source.slots[number], layout.along[i]
            if layout.operands[i].indexed and (along or form == "lanes"):
                rows = "count" if along else "1"
                memory.append(f"memory_{slot}")
                allocate += [
                    f"memory_{slot} = empty({rows} * across, {slot}.dtype)",
                    f"lane_{slot}, row_{slot} = pointers((memory_{slot}, {slot}))",
                ]
                lanes[number] = f"memory_{slot}"
                turned.append(f"for i in range({rows}):")
                first_given = given[i].replace("first + j", "first")
                for columns, taken in (("width", given[i]), ("width, across", first_given)):
                    turned += [
                        f"    for j in range({columns}):",
                        f"        write_lane(lane_{slot}, {place}, read_row(row_{slot}, {taken}))",
                    ]
                places[i] = place if along else "j"
        if stages.epilogue is not None:
            results = source.groups[0]
            for result in results:
                memory.append(f"memory_{result}")
                allocate += [
                    f"memory_{result} = empty(count * across, {result}.dtype)",
                    f"lane_{result}, row_{result} = pointers((memory_{result}, {result}))",
                ]
                turned_back += [
                    "for i in range(count):",
                    "    for j in range(width):",
                    f"        write_row(row_{result}, {result_place}, read_{result}(lane_{result}, {place}))",
                ]
            heads.append(f"to0 = {tuple_of(f'lane_{result}' for result in results)}")
        heads.append(f"lanes = pointers({tuple_of(lanes)})")
    indices = [place if operand.indexed else "0" for operand, place in zip(layout.operands, places)]
    element = f"*load({'lanes' if copied else 'operands'}, {tuple_of(indices)})"

    def get(name: str) -> str:
        return f"get_{name}(of_{name}, j)"

    def put(name: str, value: str) -> str:
        return f"put_{name}(of_{name}, j, {value})"

    used = ["lanes" if copied else "operands", *(["to0"] if source.keep else []), *source.steps]
    used += ["block", "first", "begin", "inner", "across", "j"]
    steps: list[str] = []

    def over_rows(
        start: str, stop: str, before: list[str], name: str, running: list[str], at_element: list[str], after: list[str]
    ) -> list[str]:
        """Loops over rows, each around a loop over columns; ``before`` and ``after`` serve several rows at once.

        What is done at an element, to the ``running`` numbers, is a function: one text of it is compiled.
        """
        names = [*running, *(["shift"] if name == "sums" else []), *used]
        steps.extend([f"def step_of_{name}({', '.join(names)}, i):", *indented(at_element, 1), ""])

        def step(row: str) -> str:
            return f"{tuple_of(running)} = step_of_{name}({', '.join(names)}, {row})"

        def over_columns(lines: list[str]) -> list[str]:
            return ["for j in range(across):", *indented([*before, *lines, *after], 1)]

        single = indented(over_columns([step("i")]), 1)
        if form == "lanes":
            return [f"for i in range({start}, {stop}):", *single]
        several = [step(f"top + {k}") for k in range(_ROWS_TOGETHER)]
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
            "shift",
            ["best"],
            [f"return (larger(best, shift_of({element})),)"],
            [put("shift", "best")],
        )
    sums = [f"{tuple_of(source.terms)} = lift(shift, {element})"]
    if source.keep:
        sums.append(f"store0(to0, {place}, term0)")
    sums.append(f"return {tuple_of(f'plus({p}, {t})' for p, t in zip(source.partials, source.terms))}")
    sums = over_rows(
        "start",
        "stop",
        [f"shift = {get('shift')}", *(f"{p} = {get(p)}" for p in source.partials)],
        "sums",
        source.partials,
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
        again = [
            "some = False",
            "for j in range(width):",
            *(f"    {put(name, 'number(0.0)')}" for name in source.more),
            f"    some |= wanted({', '.join([get('shift'), *settled])})",
            "if some:",
            "    for j in range(width):",
            f"        shift = {get('shift')}",
            *indented(source.sums_again(element, settled), 2),
            *(f"        {put(name, name)}" for name in source.more),
        ]
    finish = source.finish(get("shift"), settled + [get(name) for name in source.more], "(first + j)")
    finish += source.store_finals("block * inner + first + j")
    epilogue: list[str] = []
    if stages.epilogue is not None:
        finish += [put(name, name) for name in source.finals]
        stored = source.epilogue(element, get("shift"), [get(f) for f in source.finals], place)
        epilogue = ["for i in range(count):", "    for j in range(across):", "        " + stored, *turned_back]
    text = _COLUMNS.format(
        step_functions="\n".join(steps),
        parameters=source.parameters,
        tasks=tasks(parallel),
        across="(width + VECTOR - 1) // VECTOR * VECTOR" if copied else "width",
        allocate=joined([*allocate, *heads], 1),
        turned=joined(turned, 1),
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
        kept=joined([f"kept({name})" for name in memory], 1),
    )
    inner = (*(["step_of_shift"] if shift else []), "step_of_sums", "reduce_tile")
    return source.compile(form, text, inner, identity, list(arrays), parallel=parallel)


def _scratch(source: Source) -> list[str]:
    finals = source.finals if source.stages.epilogue is not None else []
    return [*source.totals, *source.lost, *source.partials, *source.more, *finals]


_SEGMENTS = """
def segment_shift({parameters}, {arrays}, count, segment, segments, task):
{heads}
    row = task // segments
    first_element = task % segments * segment
    last_element = min(first_element + segment, count)
{shift}
    put_shift(of_shift, task, shift)


def segment_sums({parameters}, {arrays}, count, segment, segments, task):
{heads}
    row = task // segments
    begin = row * count
    first_element = task % segments * segment
    last_element = min(first_element + segment, count)
    shift = {known_shift}
{sums}
{put_sums}


def segment_epilogue({parameters}, {arrays}, count, segment, segments, task):
{heads}
    row = task // segments
    begin = row * count
    first_element = task % segments * segment
    last_element = min(first_element + segment, count)
    shift = {known_shift}
{epilogue}


def fold_shift({arrays}, segments, row):
{scratch_heads}
    shift = number(-inf)
    for task in range(row * segments, (row + 1) * segments):
        shift = larger(shift, get_shift(of_shift, task))
    put_shift(of_shift, row * segments, shift)


def fold_sums({parameters}, {arrays}, count, segments, row):
{heads}
{clear}
    for task in range(row * segments, (row + 1) * segments):
{fold}
    shift = {known_shift}
{finish}


def kernel({parameters}, rows, count):
    segment = min(SEGMENT, max(SMALLEST_SEGMENT, (count + 16 * BLOCK - 1) // (16 * BLOCK) * BLOCK))
    segments = (count + segment - 1) // segment
    tasks = rows * segments
{allocate}
{shifts}
    for index in prange(tasks):
        task = int64(index)
        segment_sums({parameters}, {arrays}, count, segment, segments, task)
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
        return f"get_{name}(of_{name}, {index})"

    def put(name: str, index: str, value: str) -> str:
        return f"put_{name}(of_{name}, {index}, {value})"

    fold = [f"{term} = {get(total, 'task')}" for term, total in zip(source.terms, source.totals)]
    fold += source.compensate(source.totals, source.lost, source.terms)
    fold += [f"{lost} = plus({lost}, {get(lost, 'task')})" for lost in source.lost]
    settled = [f"settled({total}, {lost})" for total, lost in zip(source.totals, source.lost)]
    finish = source.sums_again(element, settled) + source.finish("shift", settled + source.more, "row")
    finish += source.store_finals("row")
    epilogue, last = ["pass"], []
    if stages.epilogue is not None:
        finish += [put(name, "row", name) for name in source.finals]
        finals = [get(name, "row") for name in source.finals]
        loop = "for i in range(first_element, last_element):"
        epilogue = [f"{name} = {final}" for name, final in zip(source.finals, finals)]
        epilogue += [loop, "    " + source.epilogue(element, "shift", source.finals, "begin + i")]
        parameters = ", ".join((source.parameters, "shifts", *(a for group in arrays.values() for a in group)))
        last = [
            "for index in prange(tasks):",
            "    task = int64(index)",
            f"    segment_epilogue({parameters}, count, segment, segments, task)",
        ]
    names = ["shifts", *(array for group in arrays.values() for array in group)]
    shifts, known_shift = [], "number(0.0)"
    if stages.shift_of is not None:
        known_shift = "get_shift(of_shift, row * segments)"
        shifts = [
            "for index in prange(tasks):",
            "    task = int64(index)",
            f"    segment_shift({source.parameters}, {', '.join(names)}, count, segment, segments, task)",
            "for row in range(rows):",
            f"    fold_shift({', '.join(names)}, segments, row)",
        ]
    of_groups = {"shift": ["shifts"], **arrays}.items()
    scratch = [f"of_{name} = pointers({tuple_of(group)})" for name, group in of_groups]
    text = _SEGMENTS.format(
        parameters=source.parameters,
        heads=joined([*source.heads(), *scratch], 1),
        scratch_heads=joined(scratch, 1),
        arrays=", ".join(names),
        shifts=joined(shifts, 1),
        known_shift=known_shift,
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
