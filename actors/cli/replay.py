"""`actors replay`: what happened to a task, record by record; or the task as it was at one of them.

Neighbours: `journals.py` (which journal), `actors/storage/history.py` (goes through the log).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from a2a.types import (
    Message,
    Part,
    Role,
    SendMessageRequest,
    StreamResponse,
    Task,
    TaskPushNotificationConfig,
)
from rich.console import Console
from rich.text import Text

from actors.cli.failure import CommandError
from actors.cli.journals import clock, out, reading
from actors.cli.show import STATE_STYLES, Printer, parts_text, plain
from actors.cli.tasks import state_word
from actors.runtime.journal.record import Record
from actors.storage.history import Moment, fold_at, known, moments
from actors.storage.lines import said, saying
from actors.storage.source import Kept, TaskSource
from actors.task.courier import receiver
from actors.task.fold import Fold
from actors.task.record import Failure, Kind, messages_of

_LONG = 160
"""Characters of a text that are shown in a line."""


async def replay(where: str, task: str, at: int | None, console: Console, *, machine: bool) -> None:
    """Print what happened to a task, or the task as it was at a record.

    Raises:
        CommandError: there is no such task or record, or the journal cannot be read.
    """
    async with reading(where) as source:
        kept, _ = await known(source, task)
        if at is None:
            await _all(source, kept, console, machine=machine)
        else:
            fold = await fold_at(source, kept, at)
            _version(kept, fold, console, machine=machine)


# -- all of it


async def _all(source: TaskSource, kept: Kept, console: Console, *, machine: bool) -> None:
    if kept.head.floor and kept.snapshot is not None and not machine:
        text = f"records up to {kept.snapshot.seq} are in a snapshot; what came after it:"
        console.print(Text(text, style="dim"), soft_wrap=True)
    async for moment in moments(source, kept):
        if machine:
            out(console, _plain(moment))
        else:
            _line(moment, console)


def _plain(moment: Moment) -> dict[str, Any]:
    record, fold = moment
    return {
        "seq": record.seq,
        "at": record.at,
        "epoch": record.epoch,
        "kind": kind_name(record.kind).upper().replace(" ", "_"),
        "facts": dict(record.facts),
        "says": saying(record),
        "state": state_word(fold.state).upper().replace(" ", "_"),
        "running": fold.running,
        "queue": list(fold.queue),
    }


def _line(moment: Moment, console: Console) -> None:
    record, fold = moment
    style = STATE_STYLES.get(fold.task.status.state, "") if fold.task else ""
    marked = style if record.kind in (Kind.TASK, Kind.STATUS) else ""
    head = Text.assemble(
        (f"{record.seq:>6}  {clock(record.at)}  e{record.epoch}  ", "dim"),
        (f"{kind_name(record.kind):<14}", f"bold {marked}".strip()),
        "  ",
        "; ".join(filter(None, _changes(record))),
    )
    console.print(head, soft_wrap=True)


def kind_name(kind: int) -> str:
    """Return what a record says, in words."""
    return Kind(kind).name.lower().replace("_", " ")


def _changes(record: Record) -> Iterator[str]:
    """What a record changed, in words."""
    facts = record.facts
    match record.kind:
        case Kind.ACCEPTED:
            message = SendMessageRequest.FromString(record.payload).message
            yield f"message {plain(message.message_id)}: {_short(parts_text(message.parts))}"
        case Kind.STARTED:
            again = " again, after a crash" if facts.get("again") else ""
            yield f"run {facts.get('run')} for {_for(record)}{again}"
        case Kind.ENDED:
            yield f"run {facts.get('run')}: {plain(str(facts.get('outcome', '')))}"
            yield _failure(record)
        case Kind.REFUSED:
            yield f"the message in record {facts.get('message')}"
            yield _failure(record)
        case Kind.CANCEL_ASKED:
            yield f"of run {facts.get('run')}"
        case Kind.EPOCH_CLAIMED:
            yield f"a new server goes on, as epoch {record.epoch}"
        case Kind.HOOK_SET:
            config = TaskPushNotificationConfig.FromString(record.payload)
            yield f"{plain(config.id)} at {plain(receiver(record.payload))}"  # no credentials
        case Kind.HOOK_DELETED:
            yield plain(str(facts.get("hook", "")))
        case _:
            yield from _said(record)


def _for(record: Record) -> str:
    """Name the messages that a run is for: several, if it follows upon one that gave way."""
    *before, last = messages_of(record) or (0,)
    if not before:
        return f"the message in record {last}"
    return f"the messages in records {', '.join(map(str, before))} and {last}"


def _failure(record: Record) -> str:
    failure = Failure.unpack(record.payload)
    return "" if failure is None else f"{failure.error}: {_short(failure.message)}"


def _said(record: Record) -> Iterator[str]:
    event = StreamResponse.FromString(record.payload)
    match event.WhichOneof("payload"):
        case "task":
            yield f"{state_word(event.task.status.state)}, {_counts(event.task)}"
            yield _short(parts_text(event.task.status.message.parts))
        case "status_update":
            yield state_word(event.status_update.status.state)
            yield _short(parts_text(event.status_update.status.message.parts))
        case "artifact_update":
            artifact = event.artifact_update.artifact
            how = "+" if event.artifact_update.append else "="
            last = ", the last chunk" if event.artifact_update.last_chunk else ""
            text = _short(parts_text(artifact.parts))
            yield f"{plain(artifact.artifact_id)} {how} {text}{last}"
        case "message":
            yield f"a bare answer: {_short(parts_text(event.message.parts))}"


def _counts(task: Task) -> str:
    return f"{len(task.history)} messages, {len(task.artifacts)} artifacts"


def _short(text: str) -> str:
    line = " ".join(plain(text).split())
    return line if len(line) <= _LONG else f"{line[: _LONG - 1]}…"


# -- one version of it


def _version(kept: Kept, fold: Fold, console: Console, *, machine: bool) -> None:
    if machine:
        task = None if fold.task is None else said(fold.task)
        if fold.task is not None and task is None:
            raise CommandError(
                f"the task as of record {fold.version} has no form in JSON (NaN or an infinity in "
                "its data or metadata): look at it without --json"
            )
        told = {
            "at": fold.version,
            "head": kept.head.seq,
            "epoch": fold.epoch,
            "running": fold.running,
            "queue": list(fold.queue),
            "task": task,
        }
        out(console, told)
        return
    console.print(f"as of record {fold.version} of {kept.head.seq}", style="dim")
    if fold.task is None:
        console.print(Text("there was no Task yet", style="dim"))
        return
    for message in fold.task.history:
        console.print(Text.assemble((f"{_role(message)}: ", "bold"), _text(message.parts)))
    printer = Printer(console)
    printer.show(StreamResponse(task=fold.task))
    printer.end()


def _role(message: Message) -> str:
    return Role.Name(message.role).removeprefix("ROLE_").lower()


def _text(parts: Any) -> str:
    given: list[Part] = list(parts)
    return plain(parts_text(given))
