"""Everything that meets a2a-sdk: the drop-in handler and the routes around it.

    from actors.a2a import RequestHandler          # instead of DefaultRequestHandler

The map, each file importing only those above it:

    what is asked of a server
        errors.py       refusals worth trying again
        limits.py       what a request, task, owner may have
        declared.py     versions, extensions that a client speaks
        validation.py   fields that the protocol requires
        once.py         one key, one message at a time
        requests.py     calls by key, which no journal keeps

    the agent
        sayable.py      what has a form in JSON
        emission.py     what an event of an agent says
        gathering.py    what was emitted and not delivered yet
        queue.py        the EventQueue that an agent writes to
        agent.py        AgentPort: awaits user code

    webhooks
        threads.py      blocking calls, off the loop
        targets.py      which addresses they may have
        pinned.py       connections to checked addresses only
        hook_config.py  what a configuration may say
        verdicts.py     what a receiver's answer says
        hook_client.py  one POST to a receiver
        notifying.py    attempts as tasks of the loop
        hooks.py        WebhookPort: our own sender
        webhook.py      WebhookPort: the user's sender
        removals.py     what the user's store has of removed tasks

    answers
        said.py         messages of the protocol in JSON
        chunks.py       many artifact updates, parsed at once
        sequenced.py    one event of a stream, its place
        batches.py      events that come together
        answers.py      what callers see of what was settled
        listing.py      ListTasks: queries, pages, page tokens
        streams.py      a stream that was let in

    the operations
        runtime.py      the core on a loop (alone in knowing actors.storage)
        entry.py        who asks, about which task
        referring.py    other tasks that a message refers to
        configs.py      where configurations of webhooks are kept
        observed.py     operations, measured and traced
        push.py         those on webhooks
        sending.py      those that send
        reading.py      those that read
        handler.py      RequestHandler: all of them

    the server
        grpc_server.py  gRPC
        health.py       /healthz, /readyz, /metrics
        wire/           JSON-RPC and REST, SSE with ids
        serving.py      start and end of what is served
        app.py          the whole of it
"""

import actors.task  # noqa: F401 - first, since it says which extra is missing
from actors.a2a.handler import RequestHandler
from actors.a2a.limits import Limits
from actors.task.delivery import Delivery
from actors.task.policy import Policy
from actors.task.retention import Limit, Retention

__all__ = ["Delivery", "Limit", "Limits", "Policy", "RequestHandler", "Retention"]
