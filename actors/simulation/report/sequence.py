"""A trace as a Mermaid sequence diagram: who told whom what, faults and violations as notes.

Participants are the clients, of each process its entry and those of its actors that take part,
then the agent, the journal's disk and the webhook. A long run shows its end; what came before is
folded into one note.

Neighbours: `deliveries.py`, `lines.py` (the words), `replay.py` (the trace).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from actors.runtime.journal.messages import JOURNAL
from actors.runtime.journal.port import Ack
from actors.simulation import trace as seen
from actors.simulation.invariants.rule import Violation
from actors.simulation.report.deliveries import (
    AGENT,
    DISK,
    ENTRY,
    WEBHOOK,
    actor,
    content,
    sender,
)
from actors.simulation.report.lines import answer, crashed, dead, refused, request, untended
from actors.simulation.report.words import kinds, said, short, span
from actors.simulation.trace import Trace
from actors.simulation.writes import said as write_text
from actors.task.orders import OUTBOX, RUNNER
from statechart.diagram.words import line

ARROWS = 80
"""Arrows in one picture, at most."""
LABEL = 70
"""Letters on one arrow."""

CALL, REPLY, LOST = "->>", "-->>", "-x"


class Who(NamedTuple):
    """One participant."""

    node: str
    """Empty outside of all processes."""
    name: str

    def __str__(self) -> str:
        return f"{self.node} {self.name}".lstrip()


class Arrow(NamedTuple):
    """One message."""

    tail: Who
    style: str
    head: Who
    text: str


class Note(NamedTuple):
    """Something that happened to a participant, to a process, or (both None) to the world."""

    text: str
    who: Who | None = None
    node: str | None = None


Item = Arrow | Note

OUTSIDE = tuple(Who("", name) for name in (AGENT, DISK, WEBHOOK))
_AGENT, _DISK, _WEBHOOK = OUTSIDE


def sequence(trace: Trace, violations: Iterable[Violation] = ()) -> str:
    """Return a detailed trace as a Mermaid sequence diagram that ends in the violations."""
    items = _ending(tuple(_Reader(trace).items()))
    items += [Note(short(str(each), 2 * LABEL)) for each in violations]
    return _Drawing(items).text()


def _ending(items: Sequence[Item]) -> list[Item]:
    """Return the end of a run, what came before as one note."""
    arrows = [place for place, item in enumerate(items) if isinstance(item, Arrow)]
    if len(arrows) <= ARROWS:
        return list(items)
    first = arrows[-ARROWS]
    faults = [item.text for item in items[:first] if isinstance(item, Note) and item.who is None]
    told = "; ".join(faults)
    before = f"{len(arrows) - ARROWS} arrows before this are left out{told and f': {told}'}"
    return [Note(short(before, 4 * LABEL)), *items[first:]]


# -- from entries to arrows


class _Reader:
    """Reads a trace; knows who asked what, and which actor of a process was the last to step."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._asked: dict[Any, seen.Asked] = {}
        self._last: dict[str, Who] = {}

    def items(self) -> Iterator[Item]:
        for entry in self._trace.entries:
            draw = _DRAW.get(type(entry))
            if draw is not None:
                yield draw(entry)
            elif isinstance(entry, seen.Asked):
                self._asked[entry.request] = entry
                yield Arrow(
                    Who("", entry.client),
                    CALL,
                    Who(entry.node, ENTRY),
                    f"{entry.request} {request(entry)}",
                )
            elif isinstance(entry, seen.Delivered):
                yield self._delivered(entry)
            elif isinstance(entry, seen.Dead):
                yield Note(dead(entry), self._last.get(entry.node), entry.node)
            elif isinstance(entry, seen.Stored):
                yield from _stored(entry)
            elif isinstance(entry, seen.Tended):
                yield from _tended(entry)
            elif type(entry) in _REPLIES:
                yield from self._reply(entry)

    def _delivered(self, entry: seen.Delivered) -> Arrow:
        head = self._last[entry.node] = Who(entry.node, actor(entry.to))
        name = sender(entry)
        tail = Who("", name) if Who("", name) in OUTSIDE else Who(entry.node, name)
        return Arrow(tail, CALL, head, content(entry.message))

    def _reply(self, entry: Any) -> Iterator[Item]:
        """Draw what becomes of a request; one that nobody asked is not of this trace."""
        asked = self._asked.get(entry.request)
        if asked is None:
            return
        client, entered = Who("", asked.client), Who(asked.node, ENTRY)
        match entry:
            case seen.Answered():
                style = REPLY if entry.error is None else LOST
                yield Arrow(entered, style, client, f"{entry.request} {answer(entry, asked)}")
            case seen.Streamed():
                text = f"{entry.request} reads {entry.seq} {said(entry.event)}"
                yield Arrow(entered, REPLY, client, text)
            case seen.Left():
                yield Arrow(client, LOST, entered, f"{entry.request} closes the connection")
            case seen.Stalled():
                yield Note(f"request {entry.request} reads no further", client)
            case seen.Open():
                yield Note(f"request {entry.request} still waits", client)


_REPLIES = (seen.Answered, seen.Streamed, seen.Left, seen.Stalled, seen.Open)


def _stored(entry: seen.Stored) -> Iterator[Item]:
    append = entry.append
    text = f"append {span(append.log, append.records)} {kinds(append.records)}"
    yield Arrow(_journal(entry), CALL, _DISK, text)
    if entry.ack is not Ack.STORED:
        yield Note(f"{entry.ack.value}, epoch {append.epoch}", _DISK)
    elif not entry.told:
        yield Note(f"stored, the acknowledgement to {entry.node} is lost", _DISK)


def _tended(entry: seen.Tended) -> Iterator[Item]:
    yield Arrow(_journal(entry), CALL, _DISK, write_text(entry.write))
    if entry.done is False:
        yield Note("not done", _DISK)
    elif not entry.told:
        yield Note(f"done, the acknowledgement to {entry.node} is lost", _DISK)


def _journal(entry: Any) -> Who:
    return Who(entry.node, actor(JOURNAL))


def _runner(entry: Any) -> Who:
    return Who(entry.node, actor(RUNNER))


def _notified(entry: seen.Notified) -> Arrow:
    text = f"{entry.notify.task} {said(entry.notify.record)}"
    style = CALL if entry.ok else LOST
    return Arrow(Who(entry.node, actor(OUTBOX)), style, _WEBHOOK, text)


_DRAW: Mapping[type[Any], Callable[[Any], Item]] = MappingProxyType(
    {
        seen.Refused: lambda e: Note(refused(e), _journal(e)),
        seen.Untended: lambda e: Note(untended(e), _journal(e)),
        seen.Launched: lambda e: Arrow(_runner(e), CALL, _AGENT, f"execute {said(e.start.run)}"),
        seen.CalledOff: lambda e: Arrow(_runner(e), CALL, _AGENT, f"cancel {said(e.cancel.run)}"),
        seen.Abandoned: lambda e: Arrow(_runner(e), CALL, _AGENT, f"give up {said(e.run)}"),
        seen.Notified: _notified,
        seen.Began: lambda e: Note(f"{e.node} starts", node=e.node),
        seen.Crashed: lambda e: Note(crashed(e), node=e.node),
        seen.Paused: lambda e: Note(f"{e.node} stops running", node=e.node),
        seen.Resumed: lambda e: Note(f"{e.node} goes on", node=e.node),
        seen.StorageAway: lambda e: Note(f"the storage goes away until {e.until:g} s"),
        seen.Failed: lambda e: Note(f"a step raised on {e.node}: {e.report}", node=e.node),
        seen.Broke: lambda e: Note(f"the run broke: {e.error}"),
        seen.NotRepeated: lambda e: Note(f"not repeatable: {e.text}"),
        seen.FaultsStopped: lambda _: Note("no more faults"),
    }
)


# -- from arrows to text


class _Drawing:
    """One picture: participants in the order of the map above, then what happened."""

    def __init__(self, items: Sequence[Item]) -> None:
        self._items = items
        taking_part = dict.fromkeys(_participants(items))
        self._order = sorted(taking_part, key=_rank) or [Who("", "nobody")]
        self._ids = {who: _id(number, who) for number, who in enumerate(self._order)}

    def text(self) -> str:
        lines = ["sequenceDiagram"]
        lines += [f"    participant {self._ids[who]} as {plain(str(who))}" for who in self._order]
        lines += [f"    {self._drawn(item)}" for item in self._items]
        return "\n".join(lines) + "\n"

    def _drawn(self, item: Item) -> str:
        if isinstance(item, Arrow):
            ends = f"{self._ids[item.tail]}{item.style}{self._ids[item.head]}"
            return f"{ends}: {plain(short(item.text, LABEL))}"
        text = plain(short(item.text, 4 * LABEL))
        return f"Note over {','.join(self._over(item))}: {text}"

    def _over(self, note: Note) -> list[str]:
        """Return the first and the last of the participants that a note is about."""
        if note.who in self._ids:
            return [self._ids[note.who]]
        inside = [who for who in self._order if who.node == note.node] if note.node else []
        about = inside or self._order
        return [self._ids[who] for who in dict.fromkeys((about[0], about[-1]))]


def _participants(items: Iterable[Item]) -> Iterator[Who]:
    for item in items:
        if isinstance(item, Arrow):
            yield item.tail
            yield item.head


_INSIDE = (ENTRY, "task", "fanout", "journal", "runner", "outbox", "recovery")


def _rank(who: Who) -> tuple[object, ...]:
    """Clients, then processes in order of their numbers, then what is outside."""
    if who in OUTSIDE:
        return (2, "", 0, OUTSIDE.index(who), "")
    kind = who.name.split(":")[0]
    inside = _INSIDE.index(kind) if who.node and kind in _INSIDE else len(_INSIDE)
    letters = who.node.rstrip("0123456789")
    number = int(who.node[len(letters) :] or 0)
    return (1 if who.node else 0, letters, number, inside, who.name)


def _id(number: int, who: Who) -> str:
    """Return a name that Mermaid takes for no word of its own, and that no other has."""
    return f"p{number}_" + re.sub(r"\W+", "_", str(who), flags=re.ASCII).strip("_")


def plain(text: str) -> str:
    """Return text on one line, without what Mermaid would read as its own."""
    escaped = re.sub(r"[#;<>%{}\\`&\"]", lambda found: f"#{ord(found[0])};", line(text))
    return escaped.strip() or "-"
