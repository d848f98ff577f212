"""Messages between actors in a few words, and who they come from.

A trace names the actor that told a message; what comes from outside of all actors is known by its
type: the entry asks, the agent emits, the disk and the webhooks report.

Neighbours: `words.py` (the words of values), `sequence.py` (draws), `lines.py` (lists).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any

from actors.runtime.journal import messages as journal
from actors.runtime.journal.actor import FoundThere
from actors.simulation.report.words import hook_text, kinds, request_text, said, short, span
from actors.simulation.trace import Delivered
from actors.task import messages, orders

AGENT, DISK, WEBHOOK, ENTRY = "agent", "journal disk", "webhook", "entry"

ORIGIN: Mapping[type[Any], str] = MappingProxyType(
    {
        **dict.fromkeys((messages.Send, messages.Cancel, messages.Get), ENTRY),
        **dict.fromkeys((messages.Attach, messages.Detach, messages.Hold), ENTRY),
        **dict.fromkeys((messages.Configure, messages.Unconfigure), ENTRY),
        **dict.fromkeys((orders.Pull, orders.Left, journal.Drain), ENTRY),
        **dict.fromkeys((journal.ReadLog, journal.ListLogs, journal.FindKey), ENTRY),
        **dict.fromkeys((messages.Emitted, orders.RunReported), AGENT),
        **dict.fromkeys((journal.GroupStored, journal.GroupFailed, journal.Fetched), DISK),
        FoundThere: DISK,
        orders.Delivered: WEBHOOK,
    }
)
"""Type of a message -> who outside of all actors tells it."""


def sender(delivered: Delivered) -> str:
    """Return who told a message: an origin, or `kind` or `kind:id` of an actor of its process."""
    origin = ORIGIN.get(type(delivered.message))
    if origin is not None:
        return origin
    if delivered.sender == "timer":
        return actor(delivered.to)
    return ENTRY if delivered.sender == "outside" else delivered.sender.removesuffix(":")


def actor(ref: object) -> str:
    """Return the name of an actor within its process."""
    return str(ref).removesuffix(":")


def content(message: object) -> str:
    """Return the type of a message and the one or two fields that matter."""
    detail = _DETAIL.get(type(message), _first_fields)(message)
    return f"{type(message).__name__} {detail}".rstrip()


def _first_fields(message: Any) -> str:
    """Return the first two fields of a message that nothing here knows better."""
    try:
        names = [field.name for field in fields(message)][:2]
    except TypeError:
        return short(str(message), 60) if isinstance(message, str) else ""
    return ", ".join(f"{name} {short(said(getattr(message, name)), 40)}" for name in names)


def _failed(message: Any) -> str:
    return "" if message.failure is None else said(message.failure)


def _emitted(message: messages.Emitted | messages.RunOver | orders.RunReported) -> str:
    return ", ".join(f"{event.trigger} {event.artifact}".rstrip() for event in message.events)


_DETAIL: Mapping[type[Any], Callable[[Any], str]] = MappingProxyType(
    {
        messages.Send: lambda m: f"{request_text(m.request)}, {m.wait.value}",
        messages.Attach: lambda m: "from the Task on" if m.after is None else f"after {m.after}",
        messages.Detach: lambda m: f"reader {m.reader}",
        messages.Emitted: _emitted,
        messages.RunOver: lambda m: f"{said(m.run)} {_emitted(m)}{_failed(m)}",
        messages.CancelOver: lambda m: f"{said(m.run)} {_failed(m)}",
        journal.Appended: lambda m: f"up to {m.upto}",
        journal.AppendFailed: lambda m: "fenced" if m.fenced else said(m.error),
        journal.Loaded: lambda m: _loaded(m.stored, m.error),
        journal.AppendRecords: lambda m: _append(m.append),
        journal.GroupStored: lambda m: ", ".join(ack.value for ack in m.acks),
        journal.GroupFailed: lambda m: said(m.error),
        journal.Fetched: lambda m: content(m.asked),
        journal.KeepSnapshot: lambda m: f"{m.log} at {m.snapshot.seq}",
        orders.Launch: lambda m: said(m.start.run),
        orders.CallOff: lambda m: said(m.cancel.run),
        orders.Abandon: lambda m: said(m.run),
        orders.RunReported: lambda m: f"{said(m.run)} {_emitted(m)}{_failed(m)}",
        orders.Deliver: lambda m: span(m.task, m.records),
        orders.Delivered: lambda m: f"{m.task} {m.hook} {m.verdict.value} {m.why}".rstrip(),
        orders.LookAfter: lambda m: m.task,
        orders.Hooked: lambda m: f"{m.task} {m.hook.id}",
        orders.Unhooked: lambda m: f"{m.task} {m.hook} at {m.seq}",
        messages.Configure: lambda m: hook_text(m.config),
        messages.Unconfigure: lambda m: m.hook,
        **dict.fromkeys((journal.Flush, journal.RetryGroup), lambda _: ""),
        orders.Publish: lambda m: _span(m.records) + (", the end" if m.end else ""),
        orders.Pull: lambda m: f"reader {m.reader} after {m.after}",
        journal.ReadLog: lambda m: m.log,
        journal.ReadPage: lambda m: f"{m.log} after {m.after}",
        journal.LoadLog: lambda m: m.log,
        journal.Orphan: lambda m: m.log,
        journal.FindKey: lambda m: m.key,
        journal.Answered: lambda m: content(m.asked),
        journal.Heads: lambda m: f"{'active ' if m.active else ''}after '{m.after}'",
        journal.NextRecords: lambda m: f"{m.place.log} after {m.place.seq}",
        journal.Consumed: lambda m: f"{m.consumer}: {m.place.log} up to {m.place.seq}",
        journal.Unconsumed: lambda m: f"{m.family} after {m.after}",
        journal.WholeLog: lambda m: f"{m.log} for {m.consumer}",
        journal.NextPlace: lambda m: f"{m.consumer} in {m.log}",
        journal.Surplus: lambda m: f"state {m.keep.state}",
        journal.Compact: lambda m: f"{m.place.log} up to {m.place.seq}",
        journal.Remove: lambda m: f"{m.head.log} at {m.head.seq}",
        FoundThere: lambda m: "nothing kept" if m.records is None else _span(m.records),
    }
)


def _append(append: Any) -> str:
    return f"{span(append.log, append.records)} {kinds(append.records)}"


def _span(records: Any) -> str:
    return span("records", records)


def _loaded(stored: Any, error: Exception | None) -> str:
    if error is not None:
        return said(error)
    return "no log" if stored is None else f"up to {stored.head.seq}"
