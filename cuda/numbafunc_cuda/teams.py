"""Text of kernels in which the threads of a team, all of a block, go through one line or row together."""

from __future__ import annotations

# A tree decides among the threads, so that results are the same from run to run.
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
    """A text with others in the place of names in braces, each as far from the margin as its name."""
    lines = []
    for line in text.strip().splitlines():
        name = line.strip().removeprefix("{").removesuffix("}")
        indent = " " * (len(line) - len(line.lstrip()))
        found = parts[name].strip().splitlines() if name in parts else [line[len(indent) :]]
        lines += [indent + one for one in found]
    return "\n".join(lines)


def joined(text: str, team: int) -> str:
    """A text with what joins the values of a team in the place of "<function name>": nothing for a team of one thread.

    Each thread then has what the function makes of all of their values. An array ``names`` in shared memory takes them.
    """
    parts = {}
    for line in text.splitlines():
        found = line.strip()
        if found.startswith("<"):
            join, name = found.strip("<>").split()
            parts[found] = _JOIN.format(join=join, name=name) if team > 1 else ""
    return indented(text, **parts)
