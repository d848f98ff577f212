"""SCXML's algorithm, clause by clause: small documents, events, where they lead, what is done.

Each case names the section of https://www.w3.org/TR/scxml/ that decides it. W3C's own tests need a
script for most of these; here every state tells when it is entered and left, and the order shows
what happened. A case is its section and what it is about, by chance where the document begins;
then the document, with `{name}` for an action; then the events (`@500` is a time), the atomic
states at the end, and all actions in order. The cases are in `clauses.txt`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from statechart import Machine
from statechart.scxml import from_scxml

CASES = Path(__file__).with_name("clauses.txt").read_text().split("\n\n")
HEAD = (
    '<scxml xmlns="http://www.w3.org/2005/07/scxml" xmlns:sc="urn:statechart:scxml:1" '
    'version="1.0" name="doc"'
)


class Case(NamedTuple):
    section: str
    about: str
    initial: str
    body: str
    events: tuple[str, ...]
    ends: str
    actions: str


def case_of(text: str) -> Case:
    lines = [line.strip() for line in text.strip().splitlines()]
    section, about, *initial = lines[0].split(" | ")
    body = "".join(line for line in lines[1:] if line.startswith("<"))
    result = " ".join(line for line in lines[1:] if not line.startswith("<"))
    events, ends, actions = (part.strip() for part in result.split("|"))
    return Case(section, about, "".join(initial), body, tuple(events.split()), ends, actions)


def document(case: Case) -> str:
    """The document, with actions where it names them and wherever a state is entered or left."""
    body = re.sub(r"<(state|parallel|final) id=\"(\w+)\"([^>]*?)(/?)>", _told, case.body)
    body = re.sub(r"\{([\w.]+)\}", _action, body)
    initial = f' initial="{case.initial}"' if case.initial else ""
    return f"{HEAD}{initial}>{body}</scxml>"


def _told(found: re.Match[str]) -> str:
    tag, name, more, empty = found.groups()
    told = f"<onentry>{{in.{name}}}</onentry><onexit>{{out.{name}}}</onexit>"
    return f'<{tag} id="{name}"{more}>{told}' + (f"</{tag}>" if empty else "")


def _action(found: re.Match[str]) -> str:
    return f'<sc:action name="{found[1]}"/>'


@pytest.mark.parametrize(
    "case", [case_of(text) for text in CASES], ids=lambda case: f"{case.section}: {case.about}"
)
def test_a_clause(case: Case) -> None:
    known = dict.fromkeys(event for event in case.events if not event.startswith("@"))
    progress = Machine.start(from_scxml(document(case), events=known))
    done = [*progress.actions]
    for event in case.events:
        machine, after = progress.machine, event.removeprefix("@")
        progress = machine.send(event) if after == event else machine.advance(int(after))
        done += progress.actions
    assert " ".join(progress.machine.configuration.atomic) == case.ends
    assert " ".join(done) == case.actions
