"""Writes `rules.md`: `python -m tests.a2a.rules`."""

from tests.a2a.rules.registry import load
from tests.a2a.rules.table import FILE, text

FILE.write_text(text(load()))
