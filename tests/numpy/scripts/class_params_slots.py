from collections import namedtuple
from dataclasses import dataclass, field, replace

import numpy as np

State = namedtuple("State", "pos vel")


@dataclass(frozen=True)
class Body:
    k: float
    c: np.ndarray = field(default_factory=lambda: np.zeros(2))


def result(x):
    b = Body(x[0], np.array([x[1], 0.2]))
    b2 = replace(b, k=b.k * 2)
    s = State(np.zeros(2), b.c)
    for _ in range(5):
        acc = -b2.k * s.pos - b.c * s.vel
        s = s._replace(vel=s.vel + 0.1 * acc)
        s = s._replace(pos=s.pos + 0.1 * s.vel)
    return s.pos @ s.vel


POINT = np.array([0.4, 0.6])
