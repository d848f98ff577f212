"""The types of what a state or row holds, for values that nobody has looked at yet.

Used by `shape`. Imports `model`.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from statechart.actions import Raise, Start, Stop
from statechart.model import Defer, Drop, Go, History, Refuse, State

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FIELDS_OF"]


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_name(value: object) -> bool:
    return all(map(_is_text, value if isinstance(value, tuple | list) else (value,)))


def _is_name_or_none(value: object) -> bool:
    return value is None or _is_name(value)


def _is_actions(value: object) -> bool:
    return all(map(_is_action, value if isinstance(value, tuple | list) else (value,)))


def _is_action(value: object) -> bool:
    if isinstance(value, Start):
        return _is_text(value.timer) and _is_text(value.event)
    if isinstance(value, Raise | Stop):
        return _is_text(value.event if isinstance(value, Raise) else value.timer)
    return _is_text(value)


_FIELDS: dict[str, tuple[Callable[[object], bool], str]] = {
    **dict.fromkeys(("name", "note"), (_is_text, "write a string")),
    "reason": (_is_text, "write a short code"),
    **dict.fromkeys(("final", "parallel", "deep", "internal"), (_is_flag, "write True or False")),
    **dict.fromkeys(
        ("initial", "dest"), (_is_name_or_none, "write a name, a tuple of names, or None")
    ),
    **dict.fromkeys(
        ("default", "source", "conditions"), (_is_name, "write a name, or a tuple of names")
    ),
    **dict.fromkeys(
        ("entry", "exit", "initial_actions", "actions"),
        (_is_actions, "write the name of an action, or a tuple of actions"),
    ),
}
"""What every field of a state or row holds, except those that are looked at one by one."""

FIELDS_OF: dict[type, tuple[tuple[str, Callable[[object], bool], str], ...]] = {
    kind: tuple((each.name, *_FIELDS[each.name]) for each in fields(kind) if each.name in _FIELDS)
    for kind in (State, History, Go, Refuse, Drop, Defer)
}
"""By kind: the name of a field, what tells that a value is of its type, and what to write."""
