"""Names of axes: grids, groups, registered communicators."""

import numpy as np
from common import world

from numbafunc import parallel
from numbafunc.parallel.watchdog import watchdog as axes_watchdog

rank, ranks = parallel.axis_index(), parallel.axis_size()


def message(kind, function, *arguments, **options):
    try:
        function(*arguments, **options)
    except kind as error:
        return str(error)
    raise AssertionError(f"no {kind.__name__}")


def test_groups():
    uneven = [[0], list(range(1, ranks))] if ranks > 1 else [[0]]
    members = uneven[min(rank, len(uneven) - 1)]
    for _ in range(2):
        assert parallel.psum(rank, axis_index_groups=uneven) == sum(members)
        assert parallel.pmean(np.full(4000, float(rank)), axis_index_groups=uneven)[-1] == np.mean(members)
        assert parallel.pmax({"a": rank}, axis_index_groups=tuple(map(tuple, uneven)))["a"] == max(members)
    for wrong in ([[0, 0]], [[]], [list(range(ranks + 1))]):
        assert "axis_index_groups" in message(ValueError, parallel.psum, 1, axis_index_groups=wrong)
    assert "axis_index_groups" in message(TypeError, parallel.psum, 1, axis_index_groups=[0])
    assert parallel.psum(1) == ranks


def test_grid():
    rows = 2 if ranks % 2 == 0 else 1
    columns = ranks // rows
    for _ in range(3):  # names can be given again
        assert parallel.grid(row=rows, column=-1) == {"row": rows, "column": columns}
    i, j = divmod(rank, columns)
    assert parallel.axis_index("row") == i
    assert parallel.axis_index("column") == j
    assert parallel.axis_size("row") == rows
    assert parallel.axis_size(("row", "column")) == ranks
    assert parallel.axis_index(("row", "column")) == rank
    assert parallel.axis_index(("column", "row")) == j * rows + i
    if i == 0:  # the other rows may never use that axis
        assert parallel.psum(rank, "column") == sum(range(columns))
    for _ in range(2):
        assert parallel.psum(rank, "row") == sum(k * columns + j for k in range(rows))
        assert parallel.psum(np.full(500, rank), "column")[0] == sum(i * columns + k for k in range(columns))
        assert parallel.psum(rank, ("column", "row")) == sum(range(ranks))
        assert parallel.broadcast(rank, "column") == i * columns
    assert "does not fit" in message(ValueError, parallel.grid, row=ranks + 1)
    assert "row and column are -1" in message(ValueError, parallel.grid, row=-1, column=-1)
    assert "row" in message(ValueError, parallel.grid, row=0)
    assert "row" in message(TypeError, parallel.grid, row=1.5)
    assert "device" in message(ValueError, parallel.grid, device=ranks)
    assert "one numbafunc.parallel.grid" in message(ValueError, parallel.psum, 1, ("device", "row"))


def test_registered_communicators():
    half = world().Split(rank % 2, -rank)
    parallel.register_axis("half", half)
    assert parallel.axis_index("half") == half.rank
    assert parallel.psum(rank, "half") == sum(r for r in range(ranks) if r % 2 == rank % 2)
    parallel.register_axis("half", world())
    assert parallel.psum(1, "half") == ranks
    boards = len(axes_watchdog()._boards)
    parallel.register_axis("half", world())
    assert len(axes_watchdog()._boards) == boards
    assert "communicator" in message(TypeError, parallel.register_axis, "other", 5)
    assert "device" in message(ValueError, parallel.register_axis, "device", world())


def test_unknown_names():
    text = message(NameError, parallel.psum, 1, "nowhere")
    assert "'nowhere'" in text
    assert "'device', 'half', 'row'" in text.replace("'column', ", "")
    assert "axis_name" in message(TypeError, parallel.psum, 1, 3)
    assert "twice" in message(ValueError, parallel.psum, 1, ("row", "row"))
    assert "root" in message(ValueError, parallel.broadcast, 1, root=ranks)


def test_messages_of_the_program_do_not_meet_ours():
    request = world().isend(rank, (rank + 1) % ranks)
    assert parallel.psum(1) == ranks
    assert world().recv(source=(rank - 1) % ranks) == (rank - 1) % ranks
    request.wait()


if __name__ == "__main__":
    for name, function in list(globals().items()):
        if name.startswith("test_"):
            function()
            print(name, flush=True)
