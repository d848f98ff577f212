"""ListTasks: its request as a query, its page as a response, its page tokens.

Neighbours: `handler.py` (asks the core in between), `storage` (answers queries).
"""

from __future__ import annotations

import base64
import binascii

import msgpack
from a2a.types import ListTasksRequest, ListTasksResponse, Task
from a2a.utils.errors import InvalidParamsError
from a2a.utils.task import apply_history_length

from actors.runtime import Caller
from actors.runtime.journal.projection import Query
from actors.task.listing import TASKS
from actors.task.orders import TaskPage

DEFAULT_PAGE = 50
"""R72."""

_TIMES = range(-(2**63), 2**63)
"""That a journal can compare with, in milliseconds; a page token may have been made up."""


def query(params: ListTasksRequest, caller: Caller, *, external: bool) -> Query:
    """Return what the journal is asked for a ListTasks request (R67 to R73).

    Args:
        params: the request.
        caller: who asks.
        external: a user's own store is asked; its page tokens are its own affair.

    Raises:
        InvalidParamsError: the page token is not one of ours.
    """
    since = params.HasField("status_timestamp_after")
    token = "" if external else params.page_token
    where: dict[str, str | int] = {}
    if params.context_id:
        where["context"] = params.context_id
    if params.status:
        where["state"] = int(params.status)
    return Query(
        projection=TASKS,
        owner=caller.owner,
        tenant=caller.tenant,
        where=where,
        # R73, inclusive: journals keep milliseconds, cut off as this is.
        since=params.status_timestamp_after.ToMilliseconds() if since else None,
        size=params.page_size or DEFAULT_PAGE,
        after=_decoded(token) if token else None,
        caller=caller,
        request=params.SerializeToString() if external else b"",
    )


def response(params: ListTasksRequest, page: TaskPage, *, external: bool) -> ListTasksResponse:
    """Return a page as clients want it: trimmed history, artifacts only when asked for."""
    following = ""
    if page.next is not None:
        following = page.next[1] if external else _encoded(page.next)
    tasks = [apply_history_length(Task.FromString(task), params) for task in page.tasks]
    if not params.include_artifacts:
        for task in tasks:
            task.ClearField("artifacts")
    return ListTasksResponse(
        tasks=tasks,
        next_page_token=following,
        page_size=params.page_size or DEFAULT_PAGE,
        total_size=page.total,
    )


def _encoded(after: tuple[int, str]) -> str:
    return base64.urlsafe_b64encode(msgpack.packb(after)).decode().rstrip("=")


def _decoded(token: str) -> tuple[int, str]:
    try:
        packed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        at, task = msgpack.unpackb(packed)
    except (binascii.Error, ValueError, TypeError, msgpack.exceptions.UnpackException) as error:
        raise _not_ours() from error
    if not isinstance(at, int) or not isinstance(task, str) or at not in _TIMES:
        raise _not_ours()
    return at, task


def _not_ours() -> InvalidParamsError:
    return InvalidParamsError(
        "pageToken is not valid: send the nextPageToken of the page before, unchanged, or none"
    )
