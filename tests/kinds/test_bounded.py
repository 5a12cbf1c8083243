from numbafunc.bounded import Bounded


def test_a_full_table_forgets_everything():
    table = Bounded(3)
    for number in range(3):
        table[number] = -number
    assert table == {0: 0, 1: -1, 2: -2}
    table[1] = 5  # no entry more
    assert table == {0: 0, 1: 5, 2: -2}
    table[3] = 7
    assert table == {3: 7}


def test_tables_grow_as_they_like_unless_told():
    table = Bounded()
    for number in range(10000):
        table[number] = number
    assert len(table) == 10000
