"""Everything that meets a2a-sdk: the drop-in handler and the routes around it.

    from actors.a2a import RequestHandler          # instead of DefaultRequestHandler

The map, each file importing only those above it:

    errors.py     retryable refusals
    requests.py   calls by key
    sayable.py    what has a form in JSON
    queue.py      the EventQueue an agent writes to
    agent.py      AgentPort: awaits user code      webhook.py  WebhookPort: the user's sender
    answers.py    forms of answers
    listing.py    ListTasks           push.py     webhook configurations
    runtime.py    the core on a loop   (alone in knowing actors.storage)
    once.py       one after another with the same key
    entry.py      who asks, about which task
    handler.py    RequestHandler
    wire.py       SSE with ids
    app.py        the whole server
"""

import actors.task  # noqa: F401 - first, since it says which extra is missing
from actors.a2a.handler import RequestHandler
from actors.task.policy import Policy
from actors.task.retention import Limit, Retention

__all__ = ["Limit", "Policy", "RequestHandler", "Retention"]
