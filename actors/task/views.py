"""Reads, folded into what those who asked are shown.

Neighbours: `core.py` (has the journal answer with these), `revive.py` (folds).
"""

from __future__ import annotations

from typing import Any

from actors.runtime import Message
from actors.runtime.journal.messages import ListLogs, ReadLog, ReadPage
from actors.runtime.journal.port import Listing, Stored
from actors.task.listing import task_row
from actors.task.messages import View
from actors.task.orders import Page, TaskPage
from actors.task.revive import folded


def shown(asked: Message, result: Any) -> object:
    """Shape a read for whoever asked."""
    if isinstance(asked, ReadLog) and not asked.whole:
        return None if result is None else view(result)
    if isinstance(asked, ReadPage):
        return Page((), gap=True) if result is None else Page(result)
    if isinstance(asked, ListLogs):
        return _listed(result)
    return result


def view(stored: Stored) -> View:
    """Fold a parked task into what a read shows."""
    known = folded(stored)
    context, messages = task_row(stored).context, tuple(known.accepted)
    hooks = tuple(config for _, config in known.hooks.values())
    return View(known.task_bytes, known.version, context, known.state, messages, hooks)


def _listed(listing: Listing) -> TaskPage:
    tasks = tuple(view(stored).task for stored in listing.logs)
    return TaskPage(tasks, listing.total, listing.next)
