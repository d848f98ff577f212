"""`actors journal check | export | import | import-sdk`: a whole journal, whatever keeps it.

Neighbours: `journals.py` (which journal), `sdk_rows.py` and `sdk_hooks.py` (a2a-sdk's tables); what
is done is done by `storage/check.py`, `storage/export.py`, `storage/imports.py` and
`storage/adopt.py`.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from actors.cli.failure import CommandError
from actors.cli.journals import out, shown, told_in_a_line
from actors.cli.sdk_hooks import HookTable, decrypting, with_hooks
from actors.cli.sdk_rows import owned_tasks
from actors.cli.webhooks import allowing
from actors.storage.adopt import Adopted, adopt
from actors.storage.check import check
from actors.storage.check_sqlite import check_file
from actors.storage.choose import is_dsn, journal_at, source_at
from actors.storage.export import export
from actors.storage.findings import Finding, Tally
from actors.storage.imports import import_lines

CORRUPT, UNREADABLE = 1, 2


async def check_journal(where: str, console: Console, *, machine: bool) -> int:
    """Print everything that is wrong with a journal; returns the exit code.

    Raises:
        CommandError: it cannot be read.
    """
    tally, wrong = Tally(), 0
    with told_in_a_line(UNREADABLE):
        async for finding in _findings(where, tally):
            wrong += not finding.harmless
            _tell(finding, console, machine=machine)
    if machine:
        count = {"sound": not wrong, "logs": tally.logs, "records": tally.records, "found": wrong}
        out(console, count)
    else:
        verdict = f"{wrong} corruptions found" if wrong else "sound"
        text = f"{shown(where)}: {verdict}; {tally.logs:,} logs, {tally.records:,} records"
        console.print(text, style="red" if wrong else "green", markup=False, soft_wrap=True)
    return CORRUPT if wrong else 0


async def _findings(where: str, tally: Tally) -> AsyncIterator[Finding]:
    if is_dsn(where):
        async with source_at(where) as source:
            async for finding in check(source, tally):
                yield finding
    else:
        async for finding in check_file(Path(where), tally):
            yield finding


def _tell(finding: Finding, console: Console, *, machine: bool) -> None:
    if machine:
        out(console, finding._asdict())
    else:
        style = "yellow" if finding.harmless else "red"
        console.print(str(finding), style=style, markup=False, highlight=False, soft_wrap=True)


async def export_journal(where: str) -> None:
    """Write a journal as JSON lines to stdout.

    Raises:
        CommandError: it cannot be read, or not all of it.
    """
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")  # type: ignore[union-attr] # stdout has it
    try:
        with told_in_a_line():
            async with source_at(where) as source:
                async for line in export(source):
                    sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    except BrokenPipeError:  # nobody reads on, and Python would say so at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise CommandError("the export is cut off, as nobody reads on") from None


async def import_journal(file: Path, where: str, console: Console, *, machine: bool) -> None:
    """Read JSON lines into a journal.

    Raises:
        CommandError: a line is not sound, a log exists already, or storing failed.
    """
    if not file.is_file():  # noqa: ASYNC240 - nobody else uses this loop
        raise CommandError(f"there is no file {file}: it is read twice, so a pipe will not do", 2)
    with told_in_a_line():
        done = await import_lines(lambda: _lines(file), journal_at(where))
    if machine:
        counts = {"logs": done.logs, "records": done.records, "keys_lost": done.keys_lost}
        out(console, counts)
        return
    text = f"imported {done.logs:,} logs, {done.records:,} records into {shown(where)}"
    if done.keys_lost:
        text += (
            f"; {done.keys_lost:,} keys are lost: the file has only their digests, as PostgreSQL "
            "keeps long ones, so requests that bear them are not recognised here"
        )
    console.print(text, markup=False, soft_wrap=True)


def _lines(file: Path) -> Iterator[str]:
    with file.open(encoding="utf-8", errors="strict", newline="\n") as lines:
        try:
            yield from lines
        except UnicodeDecodeError as error:
            raise CommandError(f"{file} is not UTF-8 text: {error}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class SdkImport:
    """Which tasks of a2a-sdk's store to import, and how."""

    source: str
    table: str
    where: str
    tenant: str
    keep: bool
    push_table: str | None
    """Of webhooks; None: the usual one, if there is one."""
    push_key: Path | None
    """The file that has the key that webhooks are encrypted with."""
    allow: tuple[str, ...]
    """As `Delivery.allow`."""


async def import_sdk(wanted: SdkImport, console: Console, *, machine: bool) -> int:
    """Import the tasks of a DatabaseTaskStore and their webhooks; returns the exit code.

    Raises:
        CommandError: there is no such store, or the journal cannot be written.
    """
    unreadable: list[str] = []
    hooks = HookTable(
        source=wanted.source,
        name=wanted.push_table,
        decrypt=None if wanted.push_key is None else decrypting(wanted.push_key),
        delivery=allowing(wanted.allow),
        told=unreadable,
    )
    with told_in_a_line():
        done = await adopt(
            with_hooks(owned_tasks(wanted.source, wanted.table, unreadable), hooks),
            journal_at(wanted.where),
            tenant=wanted.tenant,
            keep=wanted.keep,
            now=time.time_ns() // 1_000_000,
        )
    unreadable += done.refused
    if machine:
        counts = {"imported": done.imported, "failed": done.failed, "skipped": done.skipped}
        out(console, {**counts, "webhooks": done.webhooks, "unreadable": unreadable})
    else:
        text = _said(done, shown(wanted.where))
        console.print(text, markup=False, soft_wrap=True)
        for each in unreadable:
            console.print(each, style="red", markup=False, highlight=False, soft_wrap=True)
    return 1 if unreadable else 0


def _said(done: Adopted, where: str) -> str:
    hooks = f" with {done.webhooks:,} webhooks" if done.webhooks else ""
    lost = f", {done.failed:,} of them as FAILED, as nobody works on them any more"
    there = f"; {done.skipped:,} were there already" if done.skipped else ""
    return (
        f"imported {done.imported:,} tasks{hooks} into {where}{lost if done.failed else ''}{there}"
    )
