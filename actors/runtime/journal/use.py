"""Who uses a journal: one owner at a time, as the first that is done with it closes it.

Neighbours: `shell.py` (stands in front of a journal), `actors/runtime/persistent.py` and
`actors/task/core.py` (owners).
"""

from __future__ import annotations

import weakref
from typing import Any

from actors.runtime.journal.errors import StorageError

_owners: dict[int, weakref.ref[Any]] = {}
"""id of a journal -> its owner, which keeps the journal alive as long as itself."""


def take(journal: object, owner: object) -> None:
    """Note that a journal is used; once more by the same owner is fine.

    Raises:
        StorageError: another owner, which has not closed, uses it.
    """
    noted = _owners.get(id(journal))
    user = None if noted is None else noted()
    if user is not None and user is not owner:
        raise StorageError(
            f"{journal!r} is open already, for {user!r}: close that first, or open another journal"
        )
    _owners[id(journal)] = weakref.ref(owner)


def give_back(journal: object, owner: object) -> None:
    """Note that an owner is done with a journal; not of another's."""
    noted = _owners.get(id(journal))
    if noted is not None and noted() in (None, owner):
        del _owners[id(journal)]
