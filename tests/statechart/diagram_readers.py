"""Readers of pictures: what a Mermaid, DOT or PlantUML text says, by the chart's own names.

Each knows the grammar of its language and nothing of how pictures are made.
"""

from __future__ import annotations

import html
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from statechart import ALWAYS, Answer, done


class Paid:
    """An event that is a class."""


EVENTS = ("go", "pay_a", "pay_b", "pay_b.x", "x-1", "x-2", "x-3", "always", "refuses", Paid)


@dataclass
class Seen:
    """What is in a picture, or in a chart: all by the chart's own names."""

    states: dict[str, tuple[str | None, str]] = field(default_factory=dict)  # parent, kind
    starts: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    told: set[tuple[str, str, str]] = field(default_factory=set)  # name, "entry", actions
    rows: set[tuple[Any, ...]] = field(default_factory=set)


# -- reading lines ---------------------------------------------------------------------------------

LINE = re.compile(
    r"(?:(?P<verb>refuses|drops|defers) )?(?P<triggers>[\w.*-][^\[/(—]*?)"
    r"(?: \[(?P<conditions>[^\]]*)\])?(?: / (?P<actions>[^(—]*?))?"
    r"(?P<internal> \(internal\))?(?P<local> \(local\))?"
    r"(?: \((?P<reason>.*)\))?(?: — (?P<note>.*))?"
)
VERBS = {"": Answer.GO, "refuses": Answer.REFUSE, "drops": Answer.DROP, "defers": Answer.DEFER}
EVENT_NAMES = tuple(event if isinstance(event, str) else event.__name__ for event in EVENTS)


def triggers_of(text: str, source: str) -> Iterator[str]:
    for word in text.split(", "):
        kind, _, rest = word.partition(" ")
        if word == "any event":
            yield from EVENT_NAMES
        elif word.endswith("*"):
            yield from (event for event in EVENT_NAMES if event.startswith(word[:-1]))
        elif word == "always":
            yield ALWAYS
        elif kind in {"after", "quiet", "at"}:
            yield f"{kind}.{rest.removesuffix(' ms')}.{source}"
        else:
            yield {"event": rest, "done": done(rest)}.get(kind, word) if rest else word


def rows_of(text: str, source: str, targets: tuple[str, ...] = ()) -> Iterator[tuple[Any, ...]]:
    found = LINE.fullmatch(text)
    assert found, text
    part = {name: found[name] or "" for name in LINE.groupindex}
    several = {
        name: tuple(filter(None, part[name].split(", "))) for name in ("conditions", "actions")
    }
    answer = (VERBS[part["verb"]], part["reason"], part["note"], bool(part["local"]))
    assert bool(part["internal"]) == (not targets and answer[0] is Answer.GO)
    for trigger in triggers_of(part["triggers"], source):
        yield (source, trigger, targets, several["conditions"], several["actions"], answer)


def remark(seen: Seen, name: str, text: str) -> None:
    kind, _, rest = text.partition(" / ")
    if text.startswith("“"):
        seen.told.add((name, "note", text[1:-1]))
    elif kind in {"entry", "exit", "initial", "default"}:
        seen.told.add((name, kind, rest))
    elif text != "parallel":
        seen.rows |= set(rows_of(text, name))


@dataclass
class Arrows:
    """The arrows of a picture, gathered until all forks are known."""

    seen: Seen
    labelled: list[tuple[str, str, list[str]]] = field(default_factory=list)
    forks: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, tail: str, head: str, labels: list[str]) -> None:
        if labels:
            self.labelled.append((tail, head, labels))
        elif tail.startswith("fork"):
            self.forks[tail].append(head)
        else:
            self.seen.starts[tail].append(head)

    def finish(self) -> Seen:
        for tail, head, labels in self.labelled:
            for label in labels:
                stays = " (internal)" in (LINE.fullmatch(label) or {0: ""})[0].split(" — ")[0]
                targets = () if stays else tuple(self.forks.get(head, [head]))
                self.seen.rows |= set(rows_of(label, tail, targets))
        return self.seen


def name_of(text: str) -> str:
    """The state that an identifier stands for; helper nodes stand for their group."""
    return re.sub(r"^state[·ˑ]", "", re.sub(r"[·ˑ](?:any|start)$", "", text))


# -- reading languages -----------------------------------------------------------------------------


def mermaid_plain(text: str) -> str:
    bare = re.sub(r"#\d+;", "", text)
    assert not re.search(r"[#;:\"<>{}\\%]|end note", bare), text
    return re.sub(r"#(\d+);", lambda found: chr(int(found[1])), text)


def read_mermaid(text: str) -> Seen:
    seen = Seen()
    around: list[Any] = []
    arrows, noted = Arrows(seen), ""

    for each in map(str.strip, text.splitlines()[1:]):
        if noted and each != "end note":
            remark(seen, noted, mermaid_plain(each))
        elif found := re.fullmatch(r"note right of (\S+)|end note", each):
            noted = name_of(found[1]) if found[1] else ""
        elif found := re.fullmatch(r"(\S+) --> (\S+)(?: : (.*))?", each):
            labels = [mermaid_plain(label) for label in found[3].split("<br>")] if found[3] else []
            tail = str(around[-1]) if found[1] == "[*]" else name_of(found[1])
            arrows.add(tail, name_of(found[2]), labels)
        elif each == "}":
            around.pop()
        elif found := re.fullmatch(r"class (\S+) final", each):
            for name in map(name_of, found[1].split(",")):
                seen.states[name] = (seen.states[name][0], "final")
        elif found := re.fullmatch(r'state "(.*)" as (\S+)( \{)?|(\w+)', each):
            name = str(found[4] or name_of(found[2]))
            if not re.search("·(any|start|regions)$", found[2] or ""):
                kind = found[1] if found[1] in {"H", "H*"} else ""
                seen.states[name] = (around[-1] if around else None, kind)
            around += [None if name == "all·regions" else name] if found[3] else []
        else:
            assert re.match(r"--$|accDescr: |class|state fork·\d+ <<fork>>$", each), each
    return arrows.finish()


STRING = r'"((?:[^"\\]|\\.)*)"'


def dot_label(options: str) -> tuple[str, list[str]]:
    found = re.search(rf"label=(?:{STRING}|<(.*)>)", options)
    assert found, options
    if found[2] is None:
        plain = re.sub(r"\\(.)", lambda f: "\n" if f[1] == "n" else f[1], found[1])
        return html.unescape(plain), []
    title, _, rest = found[2].partition('<FONT POINT-SIZE="9">')
    rest = rest.removesuffix("</FONT>").replace('<BR ALIGN="LEFT"/>\xa0\xa0', " ")
    lines = [html.unescape(part) for part in rest.split('<BR ALIGN="LEFT"/>')[:-1]]
    return html.unescape(title.removesuffix("<BR/>")), lines


def read_dot(text: str) -> Seen:
    seen = Seen()
    around: list[Any] = []
    arrows = Arrows(seen)

    def place(name: str, title: str, lines: list[str], options: str) -> None:
        circle = "shape=circle" in options
        kind = title if circle else "final" if "peripheries=2" in options else ""
        seen.states[name] = (around[-1] if around else None, kind)
        for each in lines:
            remark(seen, name, each)

    body = text.splitlines()[6:-1]
    for each in map(str.strip, body):
        if found := re.fullmatch(rf"subgraph {STRING} {{", each):
            around.append(found[1].removeprefix("cluster_"))
        elif each == "}":
            around.pop()
        elif found := re.fullmatch(rf"{STRING} -> {STRING}(?: \[(.*)\])?", each):
            labels = dot_label(found[3])[0].split("\n") if "label=" in (found[3] or "") else []
            arrows.add(name_of(found[1]), name_of(found[2]), labels)
        elif found := re.fullmatch(rf"{STRING} \[(.*)\]", each):
            if "·" not in found[1]:
                xlabel = re.search("xlabel=.*", found[2])
                title, lines = dot_label(found[2])
                lines = lines or (dot_label(xlabel[0])[1] if xlabel else [])
                place(found[1], title, lines, found[2])
        elif each.startswith("label=") and around:
            name = around.pop()
            place(name, *dot_label(each), "")
            around.append(name)
    return arrows.finish()


def read_plantuml(text: str) -> Seen:
    seen = Seen()
    around: list[Any] = []
    arrows = Arrows(seen)

    def plain(text: str) -> str:
        assert not re.search(r"[\"{}\\]|<(?!U\+)|(--|__|//|\*\*)", text)
        return re.sub(r"<U\+(\w+)>", lambda found: chr(int(found[1], 16)), text)

    lines = text.splitlines()
    assert (lines[0], lines[-1], text.count("@enduml")) == ("@startuml", "@enduml", 1)
    for each in map(str.strip, lines[1:-1]):
        if each == "}":
            around.pop()
        elif found := re.fullmatch(r"(\S+) -(?:\[\S+\])?-> (\S+)(?: : (.*))?", each):
            labels = [plain(part) for part in found[3].split("\\n")] if found[3] else []
            tail = str(around[-1]) if found[1] == "[*]" else name_of(found[1])
            arrows.add(tail, name_of(found[2]), labels)
        elif found := re.fullmatch(r'state "(.*?)" as (\S+)(?: <<(\S+)>>)?[^{]*?( \{)?', each):
            if found[2] == "allˑregions":
                around.append(None)
                continue
            kind = {"final": "final", "history": "H", "history*": "H*"}.get(found[3] or "", "")
            seen.states[name_of(found[2])] = (around[-1] if around else None, kind)
            around += [name_of(found[2])] if found[4] else []
        elif found := re.fullmatch(r"(\w+) : (.*)", each):
            remark(seen, name_of(found[1]), plain(found[2]))
        else:
            assert re.match(r"--$|hide |skinparam |title |caption |state forkˑ\d+ <<fork>>$", each)
    return arrows.finish()
