"""Idempotency keys: which commands an actor has carried out, so that none is done twice.

The first record of such a command bears its key as a fact; so the keys are read back with the log,
and stand in snapshots beside the state. They need no look-up and are never behind: all records of a
log are written by one actor.

Neighbours: `entity.py` (whose these are), `commands.py` (`PersistentActor.key`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import islice
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from actors.runtime.events import UnreadableEvent
from actors.runtime.message import Caller

Keys: TypeAlias = Mapping[str, None]
"""In the order of their use, the latest last."""

NO_KEYS: Keys = MappingProxyType({})

FACT: Final = "command.key"
_FORMAT = 1


def scoped(caller: Caller, key: str) -> str:
    """Return a key as nobody else's: two callers may use the same."""
    return json.dumps([caller.tenant, caller.owner, key])


def remembered(keys: Keys, key: object, most: int) -> Keys:
    """Return the keys with one more, the latest `most` of them; `key` is a fact, if any."""
    if not isinstance(key, str):
        return keys
    more = dict(keys)
    more.pop(key, None)
    more[key] = None
    for oldest in list(islice(more, max(0, len(more) - most))):
        del more[oldest]
    return more


def packed(keys: Keys, state: bytes) -> bytes:
    """Return the payload of a snapshot."""
    return json.dumps([_FORMAT, list(keys)]).encode() + b"\n" + state


def unpacked(payload: bytes) -> tuple[Keys, bytes]:
    """Return what is in the payload of a snapshot: the keys, and the bytes of the state.

    Raises:
        UnreadableEvent: it is none of ours.
    """
    head, line, state = payload.partition(b"\n")
    try:
        found: Any = json.loads(head) if line else None
    except ValueError as error:
        raise UnreadableEvent("found a snapshot that does not begin with JSON") from error
    if not isinstance(found, list) or len(found) != 2 or found[0] != _FORMAT:
        raise UnreadableEvent(f"found a snapshot that does not begin with [{_FORMAT}, keys]")
    keys = found[1]
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise UnreadableEvent("found a snapshot whose keys are no list of text")
    return dict.fromkeys(keys), state
