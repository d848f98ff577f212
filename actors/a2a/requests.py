"""The calls behind the keys: what a request brought along that no journal may keep.

An envelope carries a key; here the key leads to the `ServerCallContext`, the context variables and
the `RequestContext` of the request, until its run is over. A key that leads nowhere belongs to a
request of an earlier process: its call context is made up of what the journal knows of it.

Neighbours: `handler.py` (keeps), `agent.py` (uses, forgets), `storage/foreign.py` (injected).
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from a2a.auth.user import User
from a2a.server.agent_execution import RequestContext
from a2a.server.context import ServerCallContext

from actors.runtime import Caller


@dataclass(slots=True)
class Call:
    """One request, from its arrival to the end of the run that it caused."""

    context: ServerCallContext
    variables: contextvars.Context
    request: RequestContext | None = None
    over: Callable[[], None] | None = None
    """Told once it is forgotten."""


class Recovered(User):
    """The user of a request whose process is gone: known by name, not authenticated again."""

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def is_authenticated(self) -> bool:
        """Tell that credentials are never stored, so nobody has checked any."""
        return False

    @property
    def user_name(self) -> str:
        """Return the owner that the journal has recorded."""
        return self._name


class Calls:
    """The calls of one handler, by key."""

    def __init__(self) -> None:
        self._by_key: dict[int, Call] = {}
        self._keys = count(1)

    def __len__(self) -> int:
        return len(self._by_key)

    def keep(
        self,
        context: ServerCallContext,
        request: RequestContext | None = None,
        over: Callable[[], None] | None = None,
    ) -> int:
        """Remember a call and the context variables it arrived in; returns its key."""
        key = next(self._keys)
        self._by_key[key] = Call(context, contextvars.copy_context(), request, over)
        return key

    def get(self, key: int) -> Call | None:
        """Return a call that is still kept."""
        return self._by_key.get(key)

    def forget(self, key: int) -> None:
        """Let go of a call; unknown keys are fine."""
        call = self._by_key.pop(key, None)
        if call is not None and call.over is not None:
            call.over()

    def context_of(self, caller: Caller, extensions: tuple[str, ...] = ()) -> ServerCallContext:
        """Return the call context of a caller, made up when its process is gone."""
        call = self._by_key.get(caller.key)
        if call is not None:
            return call.context
        return ServerCallContext(
            user=Recovered(caller.owner),
            tenant=caller.tenant,
            requested_extensions=set(extensions),
            state={"recovered": True},
        )
