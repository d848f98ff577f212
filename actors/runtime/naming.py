"""Whose log is whose: the name of a log says kind and id of its actor, and back.

Neighbours: `persistent.py` (names logs so), `message.py` (addresses).
"""

from __future__ import annotations

import re
from typing import Any

from actors.runtime.journal.messages import JOURNAL
from actors.runtime.message import ActorRef
from actors.runtime.recovery import RECOVERY

_KIND = re.compile(r"[a-z][a-z0-9_-]{0,30}")
_UNFIT = re.compile("[\0\ud800-\udfff]")
_STANDING = frozenset({JOURNAL.kind, RECOVERY.kind})


def log_of(ref: ActorRef[Any]) -> str:
    """Return the name of the log of an actor.

    Raises:
        ValueError: it can have none.
    """
    if {type(part) for part in ref} != {str}:
        raise ValueError(f"found {ref!r}; expected kind and id to be of type str")
    if not _KIND.fullmatch(ref.kind) or ref.kind in _STANDING:
        taken = ", ".join(sorted(_STANDING))
        raise ValueError(
            f"found kind {ref.kind!r}; expected a letter of a-z, then up to 30 of a-z, 0-9, _ and "
            f"-, and none of {taken}"
        )
    if not ref.id or _UNFIT.search(ref.id):
        raise ValueError(
            f"found id {ref.id!r} for {ref.kind!r}; expected text without NUL and lone surrogates, "
            "and not empty"
        )
    return f"{ref.kind}/{ref.id}"


def ref_of(log: str) -> ActorRef[Any]:
    """Return the actor whose log this is: `log_of` turned round.

    Raises:
        ValueError: it can be nobody's.
    """
    kind, _, name = log.partition("/")
    ref: ActorRef[Any] = ActorRef(kind, name)
    log_of(ref)
    return ref
