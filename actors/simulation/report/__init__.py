"""What a failing run shows: an explanation in words, two pictures, and a test that repeats it.

The map, each file importing only those above it:

    words.py        values in a few words
    deliveries.py   messages between actors
    lines.py        entries of a trace           path.py        a task's way through its chart
    sequence.py     who told whom what           address.py     where scenarios come from
    replay.py       the run once more            testfile.py    the run as a test
    explanation.py  all of it in one value       files.py       and on the disk
"""

from actors.simulation.report.address import NoAddress
from actors.simulation.report.explanation import Explanation, explain
from actors.simulation.report.files import write
from actors.simulation.report.testfile import pytest_file

__all__ = ["Explanation", "NoAddress", "explain", "pytest_file", "write"]
