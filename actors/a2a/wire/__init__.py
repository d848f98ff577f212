"""Our own HTTP routes, as the SDK's answer, with what those lack.

Streams carry the sequence number of each event as its SSE `id`; `Last-Event-ID` on a subscription
resumes after that event, also when the task has ended by now. Where the events after it are no
longer kept, the stream says so: it begins with the Task, under the SSE event name `snapshot`.
Comments keep silent connections open. Refusals that are worth trying again say when
(`Retry-After`), over REST with the status 503 or 429. Bodies are bounded in size and time.
Everything else is byte for byte what the SDK's routes answer, so its clients read it.

What is not a well-formed request over JSON-RPC, and whatever is of version 0.3, is left to the
SDK's dispatchers, which also say what is wrong with it.

The map, each file importing only those above it:

    readable.py  bodies that no reader of JSON understands
    bodies.py    a request whose whole body is here
    discreet.py  what is logged of unreadable requests
    callers.py   who calls
    params.py    parameters out of JSON
    methods.py   what each method answers, in JSON
    answer.py    an answer that is complete
    silence.py   comments while a stream says nothing
    frames.py    streams as server-sent events, errors, headers
    rest.py      the REST routes
    jsonrpc.py   the JSON-RPC route

Neighbours: `handler.py` (the operations), `limits.py`, `app.py` (mounts the routes).
"""

from actors.a2a.wire.frames import KEEP_ALIVE
from actors.a2a.wire.jsonrpc import jsonrpc_routes
from actors.a2a.wire.rest import rest_routes

__all__ = ["KEEP_ALIVE", "jsonrpc_routes", "rest_routes"]
