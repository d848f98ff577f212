"""What callers hand over besides a document, looked at before anything is done with it.

Used by the package itself. Imports nothing of ours.

What a chart judges when it is built is left to it: these are only the mistakes that would be taken
apart on the way there, a string that is iterated over, a list that is asked for its keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

__all__ = ["check_kind", "check_mapping", "events_by_name"]


def check_kind(what: str, found: object, kinds: tuple[type, ...], instead: str) -> None:
    """Raise `TypeError`, which says what to write `instead`, unless `found` is one of `kinds`."""
    if not isinstance(found, kinds):
        raise TypeError(f"{what} is {_shown(found)}; {instead}")


def check_mapping(what: str, found: object, values: str) -> None:
    """Raise `TypeError` unless `found` is a mapping or None; `values` tells what is in it."""
    check_kind(what, found, (Mapping, type(None)), f"expected a mapping from names to {values}")


def events_by_name(events: object) -> dict[str, str | type]:
    """Return events by their names, in their order.

    Raises `TypeError` for what holds no events, `ValueError` for two classes of one name.
    """
    expected = "expected names of events and classes, in a tuple or a list"
    if isinstance(events, str | bytes) or not isinstance(events, Iterable):
        raise TypeError(f"events is {_shown(events)}; {expected}")
    found: dict[str, str | type] = {}
    for event in events:
        if not isinstance(event, str | type):
            raise TypeError(f"one of events is {_shown(event)}; {expected}")
        name = event if isinstance(event, str) else event.__name__
        if found.setdefault(name, event) != event:
            raise ValueError(f"events has two called {name!r}; hand over one of them")
    return found


def _shown(found: object) -> str:
    """Return what was found in a few letters, never by the `repr` of something unknown."""
    if isinstance(found, str | bytes):
        return repr(found if len(found) <= 40 else found[:37])
    if found is None or isinstance(found, bool | float):
        return repr(found)
    if isinstance(found, type):
        return f"the class {found.__name__}"
    return f"of type {type(found).__name__}"
