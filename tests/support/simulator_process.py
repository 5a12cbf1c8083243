"""A plugin of pytest: reads names of tests from standard input, runs them, and answers each with a line of JSON."""

import json
import os

import pytest

# pytest takes the standard streams for itself; what tests print goes where messages go.
NAMES = os.fdopen(os.dup(0))
ANSWERS = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)

reports = []


def pytest_runtest_logreport(report):
    reports.append(report)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session):
    items = {item.nodeid: item for item in session.items}
    for line in NAMES:
        item = items[line.rstrip("\n")]
        reports.clear()
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
        ANSWERS.write(json.dumps(summary()) + "\n")
    return True


def summary():
    """The outcome of the last test, and why it is that."""
    for outcome in ("failed", "skipped"):
        for report in reports:
            if report.outcome == outcome:
                return outcome, "\n".join([reason(report), *(f"--- {name}\n{text}" for name, text in report.sections)])
    return "passed", ""


def reason(report):
    if isinstance(report.longrepr, tuple):  # file, line and words of a skipped test
        return report.longrepr[2].removeprefix("Skipped: ")
    return report.longreprtext
