"""What we ask of a user's own task store, and one face for the two interfaces that a2a-sdk has.

Nothing of `a2a.server` is imported: the interfaces are repeated here as Protocols, and the store's
objects are recognised by their shape.

Neighbours: `foreign.py` (the journal over a store).
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Awaitable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar, cast

from a2a.types import ListTasksRequest, ListTasksResponse, StreamResponse, Task

from actors.runtime.journal.errors import StorageRejected

T = TypeVar("T")


class TaskStore(Protocol):
    """`a2a.server.tasks.TaskStore`, as far as we use it."""

    async def save(self, task: Task, context: Any, /) -> None:
        """Save or update a Task."""

    async def get(self, task_id: str, context: Any, /) -> Task | None:
        """The Task, or None if there is none for this context."""

    async def list(self, params: ListTasksRequest, context: Any, /) -> ListTasksResponse:
        """One page of the context's Tasks."""


class VersionedTask(Protocol):
    """`a2a.server.cluster.task_store.StoredTask`."""

    @property
    def task(self) -> Task:
        """The Task."""

    @property
    def version(self) -> Any:
        """Its version."""


class VersionedTaskStore(Protocol):
    """`a2a.server.cluster.task_store.VersionedTaskStore`, as far as we use it."""

    async def save(
        self, task: Task, *, event: Any, prev: Task | None, prev_version: Any, context: Any
    ) -> Any:
        """Save over `prev_version`; the new version."""

    async def get(self, task_id: str, context: Any, /) -> VersionedTask | None:
        """The Task with its version."""

    async def list(self, params: ListTasksRequest, context: Any, /) -> ListTasksResponse:
        """One page of the context's Tasks."""


class Conflict(Exception):  # noqa: N818 - a verdict, caught by the journal
    """Another writer has changed the Task."""


class Found(NamedTuple):
    """A Task and its version; None where the store has no versions."""

    task: Task
    version: object


class PlainStore:
    """A TaskStore: no versions."""

    def __init__(self, store: TaskStore) -> None:
        self._store = store

    def __repr__(self) -> str:
        return type(self._store).__name__

    async def get(self, task: str, context: object) -> Found | None:
        """The Task of `context` with that id."""
        found = await _asked(self._store.get(task, context))
        return None if found is None else Found(found, None)

    async def save(
        self,
        task: Task,
        events: Sequence[StreamResponse],
        prev: Task | None,
        version: object,
        context: object,
    ) -> object:
        """Save, and return the new version."""
        await _asked(self._store.save(task, context))
        return None

    async def list(self, request: ListTasksRequest, context: object) -> ListTasksResponse:
        """One page."""
        return await _asked(self._store.list(request, context))


class VersionedStore:
    """A VersionedTaskStore: saves are compare-and-swap on its version."""

    def __init__(self, store: VersionedTaskStore) -> None:
        self._store = store
        self._missing = _missing_version(store)

    def __repr__(self) -> str:
        return type(self._store).__name__

    async def get(self, task: str, context: object) -> Found | None:
        """The Task of `context` with that id."""
        found = await _asked(self._store.get(task, context))
        return None if found is None else Found(found.task, found.version)

    async def save(
        self,
        task: Task,
        events: Sequence[StreamResponse],
        prev: Task | None,
        version: object,
        context: object,
    ) -> object:
        """Save over `version` (None: there is none yet), and return the new one.

        The store's log has room for one event with each version; more of them become a direct
        write, which its readers answer with the Task.

        Raises:
            Conflict: the stored version is another.
        """
        event = _event(events[0]) if len(events) == 1 else None
        over = self._missing if version is None else version
        saving = self._store.save(task, event=event, prev=prev, prev_version=over, context=context)
        try:
            return await _asked(saving)
        except StorageRejected as error:
            names = [kind.__name__ for kind in type(error.cause).__mro__]
            if "ConcurrentTaskModificationError" in names:
                raise Conflict from error
            raise

    async def list(self, request: ListTasksRequest, context: object) -> ListTasksResponse:
        """One page."""
        return await _asked(self._store.list(request, context))


def store_port(store: TaskStore | VersionedTaskStore) -> PlainStore | VersionedStore:
    """The face for `store`: a versioned one takes `prev_version` in its `save`."""
    if "prev_version" in inspect.signature(store.save).parameters:
        return VersionedStore(cast("VersionedTaskStore", store))
    return PlainStore(cast("TaskStore", store))


async def _asked(answer: Awaitable[T]) -> T:
    try:
        return await answer
    except Exception as error:
        raise StorageRejected(error) from error


def _missing_version(store: VersionedTaskStore) -> object:
    """`TaskVersion.MISSING`, which a first save is asked for, from where the store has it.

    A store defines or inherits its interface in a module that knows the class of its versions.
    """
    modules = (sys.modules.get(kind.__module__) for kind in type(store).__mro__)
    kinds: Iterator[Any] = (getattr(module, "TaskVersion", None) for module in modules)
    return next((kind.MISSING for kind in kinds if hasattr(kind, "MISSING")), None)


def _event(response: StreamResponse) -> object:
    """The Message, Task or update inside."""
    return getattr(response, str(response.WhichOneof("payload")))
