"""Hooks: the webhooks of a task, which are part of its log.

Setting and deleting one are records like any other, so they survive what the task survives, and
have a place in the order of its events: a webhook hears of every pushed record after the one that
set it, and of none after the one that deleted it.

Neighbours: `decide.py` (calls these), `fold.py` (what a log says of them), `outbox.py` (delivers).
"""

from __future__ import annotations

from a2a.types import TaskPushNotificationConfig
from a2a.utils.errors import InvalidParamsError

from actors.runtime import Envelope, Reply, Tell
from actors.task.draft import Draft
from actors.task.messages import Configure, Unconfigure
from actors.task.orders import OUTBOX, Unhooked
from actors.task.record import Kind
from actors.task.rules import Rules

HOOKS_BOUND = 100
"""Webhooks that one task may have."""


def configure(rules: Rules, draft: Draft, envelope: Envelope, message: Configure) -> None:
    """Keep a webhook; answered with nothing once it is stored (R55, R56)."""
    if not draft.task_exists:
        draft.reject(envelope, rules.unknown())
        return
    if (full := beyond_bound(draft, message.config)) is not None:
        draft.reject(envelope, full)
        return
    then = () if envelope.reply_to is None else (Reply(envelope.reply_to, None),)
    keep(draft, message.config, then)


def beyond_bound(draft: Draft, config: bytes) -> InvalidParamsError | None:
    """Return why a task can have no further webhook."""
    hooks = draft.state.hooks
    if len(hooks) < HOOKS_BOUND or TaskPushNotificationConfig.FromString(config).id in hooks:
        return None
    return InvalidParamsError(
        f"Task {draft.state.task} has {len(hooks)} push notification configurations, at most "
        f"{HOOKS_BOUND} are allowed: delete one, or send an id that it has to replace that one"
    )


def keep(draft: Draft, config: bytes, then: tuple[Reply, ...] = ()) -> None:
    """Record a webhook; `release.py` tells the outbox once it is stored."""
    hook = TaskPushNotificationConfig.FromString(config).id
    draft.record(Kind.HOOK_SET, config, then=then)
    if hook not in draft.state.hooks:
        draft.state.hooks = (*draft.state.hooks, hook)


def unconfigure(rules: Rules, draft: Draft, envelope: Envelope, message: Unconfigure) -> None:
    """Forget a webhook; answered by the outbox, after which no attempt begins (R59)."""
    state = draft.state
    if not draft.task_exists:
        draft.reject(envelope, rules.unknown())
        return
    if message.hook in state.hooks:
        deleted = Unhooked(state.task, message.hook, state.seq + 1)
        state.hooks = tuple(hook for hook in state.hooks if hook != message.hook)
        # Who asked is answered apart, if that still waits; the outbox is told in any case.
        then = (Tell(OUTBOX, deleted), Tell(OUTBOX, deleted, envelope.reply_to))
        draft.record(Kind.HOOK_DELETED, b"", {"hook": message.hook}, then=then)
    elif envelope.reply_to is not None:
        # It was deleted before, and the outbox may not have heard: whoever asked for that was not
        # answered yet, or its actor was lost before it heard that it is stored.
        answer = Tell(OUTBOX, Unhooked(state.task, message.hook, state.seq), envelope.reply_to)
        draft.once_stored(answer)
