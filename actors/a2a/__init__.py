"""Everything that meets a2a-sdk: the drop-in handler and the routes around it.

    from actors.a2a import RequestHandler          # instead of DefaultRequestHandler

The map, each file importing only those above it:

    errors.py     retryable refusals
    limits.py     what a request, a task, an owner may have
    requests.py   calls by key
    sayable.py    what has a form in JSON
    emission.py   what an event says                   queue.py       what an agent writes to
    agent.py      AgentPort: awaits user code
    hooks.py      WebhookPort: our own sender          webhook.py     or the user's
                  (notifying.py, hook_client.py, hook_config.py, targets.py, pinned.py,
                  threads.py, verdicts.py)
    said.py       in JSON                              chunks.py      many artifact updates
    sequenced.py  one event of a stream
    answers.py    forms of answers                     listing.py     ListTasks
    runtime.py    the core on a loop   (alone in knowing actors.storage)
    declared.py   versions, extensions                 observed.py    operations, observed
    once.py       one after another with the same key
    entry.py      who asks, about which task           referring.py   which others it may see
    configs.py    where webhooks are kept              streams.py     one reader's events
    push.py       operations on webhooks
    sending.py    operations that send                 reading.py     and that read
    handler.py    RequestHandler
    wire/         JSON-RPC and REST, SSE with ids      grpc_server.py gRPC
    health.py     /healthz, /readyz, /metrics
    serving.py    start and end of what is served
    app.py        the whole server
"""

import actors.task  # noqa: F401 - first, since it says which extra is missing
from actors.a2a.handler import RequestHandler
from actors.a2a.limits import Limits
from actors.task.delivery import Delivery
from actors.task.policy import Policy
from actors.task.retention import Limit, Retention

__all__ = ["Delivery", "Limit", "Limits", "Policy", "RequestHandler", "Retention"]
