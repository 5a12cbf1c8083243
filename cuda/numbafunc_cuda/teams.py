"""Source of kernels in which a team, all threads of a block, works on one line or row."""

from __future__ import annotations

# Values are combined in a fixed tree, so that results are the same from run to run.
_JOIN = """
{name}s[thread] = {name}
cuda.syncthreads()
half = TEAM // 2
while half > 0:
    if thread < half:
        {name}s[thread] = {join}({name}s[thread], {name}s[thread + half])
    cuda.syncthreads()
    half //= 2
{name} = {name}s[0]
cuda.syncthreads()
"""


def indented(text: str, **parts: str) -> str:
    """A text with its names in braces replaced by other texts, indented as the names are."""
    lines = []
    for line in text.strip().splitlines():
        name = line.strip().removeprefix("{").removesuffix("}")
        indent = " " * (len(line) - len(line.lstrip()))
        found = parts[name].strip().splitlines() if name in parts else [line[len(indent) :]]
        lines += [indent + one for one in found]
    return "\n".join(lines)


def joined(text: str, team: int) -> str:
    """A text in which "<function name>" is replaced by source that combines the values of a team.

    Each thread then has what the function makes of all of their values. An array ``names`` in shared memory takes them.
    """
    parts = {}
    for line in text.splitlines():
        found = line.strip()
        if found.startswith("<"):
            join, name = found.strip("<>").split()
            parts[found] = _JOIN.format(join=join, name=name) if team > 1 else ""
    return indented(text, **parts)
