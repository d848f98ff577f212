"""Who calls, as the SDK's default builder has it, in a third of the time.

That builder asks Starlette's headers for each value by its name, which looks through all of them;
here they are gone through once. A builder of the user's, and requests that an authentication
middleware has seen, are left to what the SDK does.

Neighbours: `jsonrpc.py`, `rest.py` (ask), `methods.py` (what the context says of the version).
"""

from __future__ import annotations

from typing import Final

from a2a.auth.user import UnauthenticatedUser
from a2a.extensions.common import HTTP_EXTENSION_HEADER, get_requested_extensions
from a2a.server.context import ServerCallContext
from a2a.server.routes.common import DefaultServerCallContextBuilder, ServerCallContextBuilder
from starlette.requests import Request
from starlette.types import Scope

_EXTENSIONS: Final = HTTP_EXTENSION_HEADER.lower()


def call_context(contexts: ServerCallContextBuilder, request: Request) -> ServerCallContext:
    """Return the call context of a request, as its builder makes it.

    Whatever a user's builder raises, is raised.
    """
    scope = request.scope
    known = "auth" in scope or "user" in scope
    if known or type(contexts) is not DefaultServerCallContextBuilder:
        return contexts.build(request)
    return _nobodys(scope)


def _nobodys(scope: Scope) -> ServerCallContext:
    headers: dict[str, str] = {}
    extensions = []
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers.setdefault(name, value)
        if name == _EXTENSIONS:
            extensions.append(value)
    return ServerCallContext(
        user=UnauthenticatedUser(),
        state={"headers": headers},
        requested_extensions=get_requested_extensions(extensions),
    )
