"""The invariant of webhooks: whom they are told of what, how often, in which order, until when.

Neighbours: `calls.py` (webhooks and attempts, as observed), `evidence.py` (requests).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from math import inf
from urllib.parse import urlsplit

from a2a.types import TaskPushNotificationConfig

from actors.simulation import trace as seen
from actors.simulation.invariants.calls import Attempt, Calls, Target, Webhook
from actors.simulation.invariants.evidence import Request, evidence
from actors.simulation.invariants.rule import Saw, invariant
from actors.simulation.trace import Trace
from actors.task.policy import Policy


@invariant(
    25,
    "For each webhook and event: at least one attempt, in order, with a stable delivery id; "
    "none begins after its configuration is deleted.",
)
def webhooks_hear_all_in_order(trace: Trace, policy: Policy, saw: Saw) -> Iterator[str]:
    """R56, R59, R62, R63; A10: of which records is a matter of policy.

    Two processes that are both alive (one was thought dead) may both notify a webhook; each of
    them in order.
    """
    calls = Calls(trace, policy)
    if calls.order:
        saw()
    began = {each.node: place for place, each in trace.timed(seen.Began)}
    for attempt in calls.order:
        yield from _not_for_it(calls, trace, attempt, began)
        yield from _after_it_was_noted(calls, attempt, began)
    for attempts in calls.attempts.values():
        for _, of_node in groupby(sorted(attempts, key=_by_node), key=lambda each: each.node):
            yield from _out_of_order(calls, list(of_node))
    yield from _after_deletion(calls, trace, began)
    yield from _named_alike(calls)
    yield from _noted_too_far(calls)
    if trace.delivery is not None:
        yield from _too_many(calls, trace.delivery.at_once, trace.delivery.per_receiver)
    if bool(trace.timed(seen.FaultsStopped)) and bool(trace.timed(seen.Quiet)):
        yield from _never(calls)
        yield from _left(trace)


def _by_node(attempt: Attempt) -> tuple[str, int]:
    return attempt.node, attempt.begun


# -- of what it is told


def _not_for_it(
    calls: Calls, trace: Trace, attempt: Attempt, began: dict[str, int]
) -> Iterator[str]:
    """It hears of what it is to hear of, as stored, by a configuration of its own."""
    task, seq = attempt.notify.task, attempt.seq
    log = trace.logs.get(task, ())
    webhook = calls.webhook(attempt)
    if seq > len(log) or log[seq - 1] != attempt.notify.record:
        yield f"{attempt}, and that is not as stored"
    elif _changed_elsewhere(calls, attempt, began[attempt.node]):
        return
    elif webhook is None:
        yield f"{attempt}, of which it is not to hear"
    elif trace.delivery is not None:
        known = {
            config
            for number, config in webhook.configs
            if calls.stored.get((task, number), (attempt.begun, ""))[0] < attempt.begun
        }
        if attempt.notify.config not in known:
            yield f"{attempt}, by a configuration that it does not have"


def _changed_elsewhere(calls: Calls, attempt: Attempt, began: int) -> bool:
    """Whether another process has set or deleted it meanwhile: that is not known at once."""
    task = attempt.notify.task
    numbers = [
        number
        for webhook in calls.webhooks.get(attempt.target, ())
        for number in (*(number for number, _ in webhook.configs), webhook.gone)
    ]
    changes = (calls.stored.get((task, int(number))) for number in numbers if number < inf)
    return any(
        change is not None and change[0] > began and change[1] != attempt.node for change in changes
    )


def _never(calls: Calls) -> Iterator[str]:
    """Once faults stop, whoever is to hear of something has: it took it, or was given up."""
    for target, webhooks in calls.webhooks.items():
        heard = calls.heard(target)
        for webhook in webhooks:
            missing = set(webhook.due) - heard
            if webhook.gone == inf:
                yield from (
                    f"{_named(webhook)} has never heard of {seq}" for seq in sorted(missing)
                )


def _named(webhook: Webhook) -> str:
    task, hook = webhook.target
    return (
        f"webhook {hook} of {task} (set by {webhook.since})" if hook else f"the sender, of {task}"
    )


def _left(trace: Trace) -> Iterator[str]:
    """Nothing is left to do, neither in a process nor in the journal, where it would keep tasks."""
    for consumer, (log, seq) in trace.places:
        yield f"the journal holds {log} for {consumer} after {seq}, and nobody goes on there"
    for node, found in trace.outboxes.items():
        for failing in found.failing:
            yield f"{node}: {failing.hook} of {failing.task} fails on {failing.seq} ({failing.why})"
        if found.waiting or found.under_way:
            yield f"{node}: {found.waiting} webhooks wait, {found.under_way} attempts are under way"


# -- in which order


def _out_of_order(calls: Calls, attempts: list[Attempt]) -> Iterator[str]:
    """Hold the attempts of one process for webhooks of one id against one another."""
    anew = 0
    before: Attempt | None = None
    for attempt in attempts:
        if before is not None and attempt.begun < before.over:
            yield f"{attempt}, while one for {before.seq} is under way"
        if before is not None and attempt.seq < before.seq:
            yield f"{attempt}, after {before.seq}"
        repeats = before is not None and attempt.seq == before.seq
        number = attempt.notify.attempt
        if not repeats:
            anew = 0
            if number != 1:
                yield f"{attempt}, and there was none before"
            yield from _passed_over(calls, attempt)
        elif before is not None and number == 1:
            anew += 1
            if anew > _replaced(calls, attempt):
                yield f"{attempt}, which is not the first"
        elif before is not None and number != before.notify.attempt + 1:
            yield f"{attempt}, after attempt {before.notify.attempt}"
        if repeats and before is not None and calls.settled(before, attempt.begun):
            yield f"{attempt}, which was settled"
        before = attempt


def _passed_over(calls: Calls, attempt: Attempt) -> Iterator[str]:
    """All that comes before a record was taken, or given up, before that record's turn."""
    webhook = calls.webhook(attempt)
    if webhook is None:
        return
    earlier = {seq for seq in webhook.due if seq < attempt.seq}
    missing = earlier - calls.heard(attempt.target, attempt.begun)
    if missing:
        yield f"{attempt}, and it has not heard of {min(missing)}"


def _replaced(calls: Calls, attempt: Attempt) -> int:
    """How often its webhook had got another configuration by then: attempts are counted anew."""
    webhook = calls.webhook(attempt)
    sets = () if webhook is None else webhook.configs[1:]
    places = (calls.stored.get((attempt.notify.task, number)) for number, _ in sets)
    return sum(place is not None and place[0] < attempt.begun for place in places)


def _after_it_was_noted(calls: Calls, attempt: Attempt, began: dict[str, int]) -> Iterator[str]:
    """What the journal had taken down is not repeated, by that process nor by a later one."""
    for noted in calls.noted.get(attempt.target, ()):
        own = noted.node == attempt.node and noted.place < attempt.begun
        if noted.seq >= attempt.seq and (own or noted.place < began[attempt.node]):
            yield f"{attempt}, which was noted by {noted.node} up to {noted.seq}"
            return


def _noted_too_far(calls: Calls) -> Iterator[str]:
    """The journal is told only of what a webhook is done with; of a deleted one, of anything."""
    for target, all_noted in calls.noted.items():
        for noted in all_noted:
            heard = calls.heard(target, noted.place)
            for webhook in calls.webhooks.get(target, ()):
                gone = webhook.gone < inf and (
                    calls.stored[target[0], int(webhook.gone)][0] < noted.place
                )
                missing = {seq for seq in webhook.due if seq <= noted.seq} - heard
                if missing and not gone:
                    yield (
                        f"{noted.node} noted that {_named(webhook)} is done up to {noted.seq}, and "
                        f"it has not heard of {min(missing)}"
                    )


# -- by which name


def _named_alike(calls: Calls) -> Iterator[str]:
    """A delivery id stands for one record and one webhook, in every attempt and every process."""
    names: dict[tuple[Target, int], str] = {}
    whose: dict[str, tuple[Target, int]] = {}
    for attempt in calls.order:
        what, name = (attempt.target, attempt.seq), attempt.notify.delivery
        if names.setdefault(what, name) != name:
            yield f"{attempt} has id {name}, and another had {names[what]}"
        if whose.setdefault(name, what) != what:
            yield f"{attempt} has the id of {whose[name]}"


# -- until when


def _after_deletion(calls: Calls, trace: Trace, began: dict[str, int]) -> Iterator[str]:
    """None begins once a client knows that it is deleted, in that process or a later one."""
    requests = [
        request
        for request in evidence(trace).requests.values()
        if request.asked.what == "unhook" and request.ended_well
    ]
    for attempt in calls.order:
        webhook = calls.webhook(attempt)
        if webhook is None or webhook.gone == inf:
            continue
        for request in requests:
            if _says_so(calls, request, webhook, began) and _later(attempt, request, began):
                yield f"{attempt}, after {request.asked.request} was told that it is deleted"
                break


def _says_so(calls: Calls, request: Request, webhook: Webhook, began: dict[str, int]) -> bool:
    """Whether the answer to a request means that this webhook is deleted."""
    task, hook = webhook.target
    if (request.asked.task, request.asked.detail) != (task, hook):
        return False
    set_at, _ = calls.stored[task, webhook.since]
    deleted_at, node = calls.stored[task, int(webhook.gone)]
    asked = request.asked.node
    knew = node == asked or deleted_at < began[asked]
    assert request.ended is not None  # noqa: S101 - only requests that ended are asked about
    return knew and set_at < request.at and deleted_at < request.ended


def _later(attempt: Attempt, request: Request, began: dict[str, int]) -> bool:
    assert request.ended is not None  # noqa: S101 - as above
    after = attempt.begun > request.ended
    return after and (attempt.node == request.asked.node or began[attempt.node] > request.ended)


# -- how many at once


def _too_many(calls: Calls, at_once: int, per_receiver: int) -> Iterator[str]:
    """Bounds hold in each process."""
    for attempt in calls.order:
        under_way = [
            other
            for other in calls.order
            if other.node == attempt.node and other.begun <= attempt.begun < other.over
        ]
        if len(under_way) > at_once:
            yield f"{attempt}, and {len(under_way)} are under way, bounded by {at_once}"
        receivers = Counter(map(_receiver, under_way))
        busy = receivers[_receiver(attempt)]
        if busy > per_receiver:
            yield f"{attempt}, and {busy} at that receiver are, bounded by {per_receiver}"


def _receiver(attempt: Attempt) -> str:
    url = TaskPushNotificationConfig.FromString(attempt.notify.config).url
    return str(urlsplit(url).netloc)


WEBHOOKS = (webhooks_hear_all_in_order,)
