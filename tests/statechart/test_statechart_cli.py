"""The command line: what it prints, where, and its exit codes."""

from __future__ import annotations

import importlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import statechart
from statechart.cli import main
from statechart.explore import explore
from statechart.load import load_chart, load_properties

LAMPS = """
import builtins
import os
import sys

from statechart import Chart, Go, State

def build(rows=(Go("turn", "off", "on"), Go("turn", "on", "off"))):
    lamp = State("lamp", (State("off"), State("on")), "off")
    return Chart(name="lamp", regions=(lamp,), events=("turn",), rows=rows)

LAMP = build()
NUMBER = 7

class Shelf:
    lamp = LAMP

def bad():
    return build(rows=(Go("turn", "off", "on"),))

def needy(what):
    return what

def broken():
    raise RuntimeError("the lamp\\nfell down")

def loud():
    sys.stdout.write("made\\n")
    sys.__stdout__.write("past print\\n")
    os.system("echo by a program")
    return LAMP

def odd():
    return Chart(name="l\\udc80mp", regions=LAMP.regions, events=("turn",), rows=LAMP.rows)

def __getattr__(name):
    if name == "lazy":
        raise RuntimeError("too lazy")
    raise AttributeError(name)
"""

CLAIMS = """
from statechart import Chart, Drop, Go, State
from statechart.explore import Environment

COINS = Chart(
    name="coins",
    regions=(State("till", (State("open"), State("shut", final=True)), initial="open"),),
    events=("pay", "shut"),
    rows=(Go("pay", "open", None, "room", "add"), Go("shut", "open", "shut"),
          Drop(("pay", "shut"), "till", "no")),
    guards={"room": lambda coins, _: coins < 3},
)
ROOM = Environment(context=0, perform=lambda coins, turn: coins + len(turn.outcome.actions))

class Wrong:
    environment = ROOM
    always = {"two at most": lambda node: node.context <= 2}
    sometimes = {"nine": lambda node: node.context == 9}

def right():
    return {
        "environment": ROOM,
        "always": {"three at most": lambda node: node.context <= 3},
        "steps": {"coins stay": lambda before, turn, after: after.context >= before.context},
        "sometimes": {"three": lambda node: node.context == 3},
        "possible": {"shut": lambda node: "shut" in node},
        "ends": True,
    }

CRASHES = {"always": {"crash": lambda node: 1 // 0}}
NOTHING = object()
UNKNOWN = {"alway": {}}

def loud(node):
    print("judged")
    return True

class Rude:
    def __repr__(self):
        print("shown")
        raise GeneratorExit

LOUD = {"always": {"loud": loud}}
RUDE = {"environment": Environment(context=Rude()), "always": {"never": lambda node: False}}
LIST = {"always": ["x"]}
"""

OWN = """
class Own(BaseException):
    def __str__(self):
        raise ValueError("no words")

raise Own
"""

STUCK = """
from statechart import ALWAYS, Chart, Drop, Go, State

PLACES = (State("new"), State("open"), State("shut"), State("gone", final=True))
DOOR = Chart(
    name="door",
    regions=(State("door", PLACES, "new"),),
    events=("push", "burn"),
    rows=(Go(ALWAYS, "new", "open"), Go("push", "open", "shut"), Go("burn", "open", "gone", "dry"),
          Drop("burn", "door", "no"),
          Drop("push", ("shut", "gone"), "no")),
    guards={"dry": lambda context, data: False},
    waive={"trap": "it is stuck"},
)
CLAIMS = {"always": {"not shut": lambda node: "shut" not in node}}
"""

SCXML = """
<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" name="light" initial="red">
  <state id="red"><transition event="turn" target="green"/></state>
  <state id="green"><transition event="turn" target="red"/></state>
</scxml>
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, with modules, files that do not load, and a document."""
    (tmp_path / "lamps.py").write_text(LAMPS)
    (tmp_path / "claims.py").write_text(CLAIMS)
    (tmp_path / "crash.py").write_text("import claims\n\nraise RuntimeError('oh dear')\n")
    (tmp_path / "leaves.py").write_text("raise SystemExit(0)\n")
    (tmp_path / "gives_up.py").write_text("raise GeneratorExit\n")
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "stuck.py").write_text(STUCK)
    (tmp_path / "lacks.py").write_text("import no_such_module\n")
    (tmp_path / "typo.py").write_text("def :\n")
    (tmp_path / "unsound.py").write_text("from lamps import bad\n\nCHART = bad()\n")
    (tmp_path / "light.scxml").write_text(SCXML)
    (tmp_path / "noise.xml").write_text("<html/>")
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    for path in tmp_path.glob("*.py"):
        monkeypatch.delitem(sys.modules, path.stem, raising=False)
    return tmp_path


def out(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    """Run a command that prints to stdout only, and return that."""
    assert main(arguments) == code
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def err(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 2) -> str:
    """Run a command that prints to stderr only, and return that."""
    assert main(arguments) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err


def usage(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    return capsys.readouterr().err


# -- draw ------------------------------------------------------------------------------------------

FORMATS = [
    ("mermaid", "mmd", "stateDiagram-v2"),
    ("dot", "dot", 'digraph "lamp"'),
    ("plantuml", "puml", "@startuml"),
    ("scxml", "scxml", "<?xml"),
    ("answers", "md", "### lamp"),
]


@pytest.mark.parametrize(("format_", "ending", "start"), FORMATS)
def test_draw(
    format_: str, ending: str, start: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn = out(capsys, "draw", "lamps:LAMP", "--format", format_)
    assert drawn.startswith(start)
    assert out(capsys, "draw", "lamps:LAMP", "--output", f"lamp.{ending}") == ""
    assert (here / f"lamp.{ending}").read_text() == drawn


@pytest.mark.parametrize(
    "where", ["lamps:LAMP", "lamps:build", "lamps:Shelf.lamp", "lamps.py:LAMP", "./lamps.py:build"]
)
def test_where_a_chart_may_be(where: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert out(capsys, "draw", where).startswith("stateDiagram-v2")


def test_a_document_from_a_file_or_standard_input(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = out(capsys, "draw", "light.scxml")
    assert "red" in drawn
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(SCXML.encode())))
    assert out(capsys, "draw", "-") == drawn


def test_a_document_gets_its_guards_from_code(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    guarded = SCXML.replace('event="turn" target="green"', 'event="turn" cond="ok" target="green"')
    (here / "guarded.scxml").write_text(guarded)
    (here / "code.py").write_text(
        "CODE = {'guards': {'ok': lambda *_: True}}\nGUARDS = {'ok': bool}"
    )
    told = err(capsys, "draw", "guarded.scxml")
    assert "guards={'ok': ...}; --code MODULE:ATTR has guards and times\n" in told
    assert "[ok]" in out(capsys, "draw", "guarded.scxml", "--code", "code.py:CODE")
    assert "an unknown part 'ok'" in err(
        capsys, "draw", "guarded.scxml", "--code", "code.py:GUARDS"
    )
    assert "is for SCXML documents" in err(capsys, "draw", "lamps:LAMP", "--code", "code.py:CODE")


def test_states_can_be_lit(capsys: pytest.CaptureFixture[str]) -> None:
    plain = out(capsys, "draw", "lamps:LAMP")
    assert out(capsys, "draw", "lamps:LAMP", "--lit", "on", "lamp") != plain
    assert "no state 'onn' to light; did you mean 'on'?" in err(
        capsys, "draw", "lamps:LAMP", "--lit", "onn"
    )
    assert "answers is none" in err(
        capsys, "draw", "lamps:LAMP", "--format", "answers", "--lit", "on"
    )


def test_what_cannot_be_drawn(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "cannot write no/such/place.mmd: No such file" in err(
        capsys, "draw", "lamps:LAMP", "--output", "no/such/place.mmd"
    )
    assert "'lamp.png'; end it in one of .mmd" in err(
        capsys, "draw", "lamps:LAMP", "--output", "lamp.png"
    )
    monkeypatch.setenv("PATH", "")
    assert "graphviz" in err(capsys, "draw", "lamps:LAMP", "--format", "svg")
    assert "unanswered: event 'turn' in <on>" in err(capsys, "draw", "lamps:bad", code=1)


def test_what_the_terminal_cannot_show(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (Path.cwd() / "lamps.py").write_text(LAMPS.replace('name="lamp"', 'name="l\u00e4mp"'))
    shown = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(shown, encoding="ascii"))
    assert main(["draw", "lamps:LAMP", "--format", "dot"]) == 2
    assert "cannot show '\\xe4'; use --output" in capsys.readouterr().err
    assert main(["check", "lamps:LAMP"]) == 0
    assert shown.getvalue().startswith(b"chart 'l\\xe4mp' is sound")
    shown.truncate(0)
    assert main(["check", "lamps:LAMP", "--json"]) == 0
    assert json.loads(shown.getvalue().strip(b"\0"))["chart"] == "l\u00e4mp"


def test_what_no_file_can_hold(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "never.py").write_text("CLAIMS = {'always': {'no': lambda node: False}}\n")
    (here / "odd.mmd").write_text("as it was")
    arguments = ("--properties", "never:CLAIMS", "--sequence", "--output", "odd.mmd")
    assert err(capsys, "explore", "lamps:odd", *arguments) == (
        "statechart: cannot write odd.mmd: UTF-8 has no letter '\\udc80'; write another into the "
        "chart\n"
    )
    assert (here / "odd.mmd").read_text() == "as it was"
    assert json.loads(out(capsys, "check", "lamps:odd", "--json"))["chart"] == "l\udc80mp"


def test_dot_may_not_be_a_program(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "dot").write_text("nonsense")
    (here / "dot").chmod(0o755)
    monkeypatch.setenv("PATH", str(here))
    told = err(capsys, "draw", "lamps:LAMP", "--format", "svg")
    assert told.endswith("dot: Exec format error; install graphviz\n")


def test_dot_has_a_time_limit(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "dot").write_text("#!/bin/sh\nwhile :; do :; done\n")
    (here / "dot").chmod(0o755)
    monkeypatch.setenv("PATH", str(here))
    # By its name, since `statechart.diagram` has a function of the same name.
    monkeypatch.setattr(importlib.import_module("statechart.diagram.dot"), "_LIMIT", 0.05)
    assert err(capsys, "draw", "lamps:LAMP", "--format", "svg") == (
        "statechart: dot did not finish in 0.05 s; write --format dot and lay it out with other "
        "options\n"
    )


# -- check -----------------------------------------------------------------------------------------


def test_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert out(capsys, "check", "lamps:LAMP") == (
        "chart 'lamp' is sound: 1 region, 3 states, 1 event, 2 rows, 2 configurations\n"
    )
    assert "unanswered: event 'turn' in <on>" in out(capsys, "check", "lamps:bad", code=1)
    assert "unanswered" in out(capsys, "check", "unsound:CHART", code=1)


def test_check_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    sound = json.loads(out(capsys, "check", "lamps:LAMP", "--json"))
    assert sound["sound"] is True
    assert sound["findings"] == []
    assert sound["size"]["configurations"] == 2
    bad = json.loads(out(capsys, "check", "lamps:bad", "--json", code=1))
    assert bad["sound"] is False
    assert {each["rule"] for each in bad["findings"]} == {"unanswered"}
    assert set(bad["findings"][0]) == {"rule", "where", "why", "repair"}


def test_what_a_chart_waives_is_told_with_the_reason(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "lamps.py").write_text(
        LAMPS.replace(
            "rows=rows)", 'rows=rows,guards={"spare": bool},waive={"unused-guard":"why"})'
        )
    )
    assert "\n  waived unused-guard: why\n" in out(capsys, "check", "lamps:LAMP")
    told = json.loads(out(capsys, "check", "lamps:LAMP", "--json"))
    assert told["waived"] == {"unused-guard": "why"}


def test_the_rules_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    from statechart.check import RULES

    lines = out(capsys, "check", "--rules").splitlines()
    assert [line.split()[0] for line in lines] == list(RULES)
    assert [line.endswith("(may be waived)") for line in lines] == [
        rule.waivable for rule in RULES.values()
    ]
    assert list(json.loads(out(capsys, "check", "--rules", "--json"))) == list(RULES)


# -- explore ---------------------------------------------------------------------------------------


def test_explore(capsys: pytest.CaptureFixture[str]) -> None:
    assert out(capsys, "explore", "lamps:LAMP") == (
        "chart 'lamp': 2 states, 2 transitions, 2 configurations, depth 1\n"
    )
    assert out(capsys, "explore", "claims:COINS") == (
        "chart 'coins': 2 states, 5 transitions, 2 configurations, depth 1\n  'ends' holds\n"
    )


def test_explore_with_properties(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("explore", "claims.py:COINS", "--properties", "claims.py:right")
    assert out(capsys, *arguments) == (
        "chart 'coins': 8 states, 16 transitions, 2 configurations, depth 4\n"
        "  always 'three at most' holds\n"
        "  sometimes 'three' holds\n"
        "  steps 'coins stay' holds\n"
        "  possible 'shut' holds\n"
        "  'ends' holds\n"
    )
    assert "limit was reached; raise --limit\n" in out(capsys, *arguments, "--limit", "5", code=1)


def test_a_counterexample_is_told_and_drawn(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("explore", "claims:COINS", "--properties", "claims:Wrong")
    told = out(capsys, *arguments, "--output", "wrong.mmd", code=1)
    assert "  always 'two at most' is violated\n  sometimes 'nine' was never seen\n" in told
    assert "  3. pay [room] / add -> <open>; context 3\n" in told
    assert (here / "wrong.mmd").read_text().startswith("stateDiagram-v2")
    out(capsys, *arguments, "--output", "wrong.mmd", "--sequence", code=1)
    assert (here / "wrong.mmd").read_text().count("environment->>chart: pay [room]") == 3
    found = json.loads(out(capsys, *arguments, "--json", code=1))
    assert (found["states"], found["unmet"], found["complete"]) == (8, ["nine"], True)
    (violation,) = found["violations"]
    assert [step["event"] for step in violation["steps"]] == ["start", "pay", "pay", "pay"]
    assert violation["steps"][1]["guards"] == {"room": True}


PICTURES = [
    ("mmd", "mermaid", "stateDiagram-v2"),
    ("dot", "dot", "digraph"),
    ("puml", "plantuml", "@startuml"),
    ("svg", "svg", "<?xml"),
]


@pytest.mark.parametrize(("ending", "format_", "start"), PICTURES)
def test_a_counterexample_is_drawn_as_the_file_is_called(
    ending: str, format_: str, start: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if ending == "svg" and shutil.which("dot") is None:
        pytest.skip("graphviz is not installed")
    arguments = ("explore", "claims:COINS", "--properties", "claims:Wrong", "--output")
    out(capsys, *arguments, f"way.{ending}", code=1)
    drawn = (here / f"way.{ending}").read_text()
    assert drawn.startswith(start)
    assert "\N{CIRCLED DIGIT ONE}\N{CIRCLED DIGIT TWO}\N{CIRCLED DIGIT THREE} pay" in drawn
    out(capsys, *arguments, "way", "--format", format_, code=1)
    assert (here / "way").read_text() == drawn


def test_a_counterexample_as_mermaid_is_the_one_of_explore(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("explore", "stuck:DOOR", "--properties", "stuck:CLAIMS")
    out(capsys, *arguments, "--output", "way.mmd", code=1)
    found = explore(load_chart("stuck:DOOR"), **load_properties("stuck:CLAIMS"))
    assert (here / "way.mmd").read_text() == found.violations["not shut"].mermaid()


def test_what_a_counterexample_is_not_drawn_as(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("explore", "claims:COINS", "--properties", "claims:Wrong", "--output")
    assert "'way.md'; end it in one of .mmd .dot .svg .puml, or" in err(
        capsys, *arguments, "way.md"
    )
    assert "end it in one of .mmd, or" in err(capsys, *arguments, "way.svg", "--sequence")
    assert list(here.glob("way.*")) == []


def test_deadlocks_are_told_and_can_be_a_failure(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("explore", "stuck:DOOR", "--properties", "stuck:CLAIMS")
    (here / "stuck.py").write_text(f"{STUCK}\nCLAIMS = {{'ends': False}}\n")
    assert "\n  1 deadlock(s), the first in <shut>\n" in out(capsys, *arguments)
    told = out(capsys, *arguments, "--no-deadlocks", "--output", "stuck.dot", code=1)
    assert "  '--no-deadlocks' is violated\nno deadlocks, but not here:\n" in told
    assert told.endswith("  1. push -> <shut>\n")
    assert "\N{CIRCLED DIGIT ONE} push" in (here / "stuck.dot").read_text()
    found = json.loads(out(capsys, *arguments, "--no-deadlocks", "--json", code=1))
    assert (found["ok"], found["deadlocks"]) == (False, ["<shut>"])
    assert [step["event"] for step in found["violations"][0]["steps"]] == ["start", "push"]
    assert "  '--no-deadlocks' holds\n" in out(capsys, "explore", "lamps:LAMP", "--no-deadlocks")


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        ("RUDE", "cannot explore claims:COINS: GeneratorExit: (/"),
        ("CRASHES", "cannot explore claims:COINS: ZeroDivisionError: "),
        ("NOTHING", "is empty; write some of environment, always"),
        ("UNKNOWN", "has an unknown part 'alway'; did you mean 'always'?"),
        ("LIST", "always of claims:LIST is of type list, not Mapping"),
        ("RIGHT", "has no attribute 'RIGHT'"),
    ],
)
def test_properties_that_are_none(
    attribute: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explore", "claims:COINS", "--properties", f"claims:{attribute}"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err


def test_what_their_code_prints_is_not_in_the_answer(
    here: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (here / "prints.py").write_text("from lamps import loud\n\nprint('imported')\n")
    assert main(["check", "prints:loud", "--json"]) == 0
    captured = capfd.readouterr()
    assert json.loads(captured.out)["sound"] is True
    assert sorted(captured.err.splitlines()) == ["by a program", "imported", "made", "past print"]
    assert main(["explore", "claims:COINS", "--properties", "claims:LOUD", "--json"]) == 0
    captured = capfd.readouterr()
    assert json.loads(captured.out)["ok"] is True
    assert captured.err == "judged\n" * 2


# -- what goes wrong -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("lamps", "'lamps' is neither MODULE:ATTR nor an SCXML file"),
        (":LAMP", "is neither MODULE:ATTR"),
        ("nowhere:LAMP", "there is no module 'nowhere'"),
        ("lamps.deep:LAMP", "there is no module 'lamps.deep'"),
        ("nowhere.py:LAMP", "cannot read nowhere.py: No such file"),
        ("nowhere.scxml", "cannot read nowhere.scxml: No such file"),
        ("noise.xml", "cannot read noise.xml: line 1"),
        ("lamps:LAMB", "lamps has no attribute 'LAMB'; did you mean 'LAMP'?"),
        ("lamps:NUMBER", "lamps:NUMBER is of type int, not a Chart"),
        ("lamps:needy", "cannot be called without arguments: missing a required argument: 'what'"),
        ("lamps:broken", "lamps:broken failed: RuntimeError: the lamp fell down (/"),
        ("crash:CHART", "crash failed while it was imported: RuntimeError: oh dear (/"),
        ("crash.py:CHART", "crash.py failed while it was imported: RuntimeError: oh dear (/"),
        ("lamps.py:lazy", "lamps.py:lazy failed: RuntimeError: too lazy (/"),
        ("lamps.py:builtins.int", "cannot tell what arguments lamps.py:builtins.int wants: no sig"),
        (".:CHART", "'.' is not the name of a module; write my.charts or path/file.py"),
        ("gives_up:CHART", "gives_up failed while it was imported: GeneratorExit: (/"),
        ("own.py:CHART", "own.py failed while it was imported: Own: its message cannot be read, V"),
        ("leaves:CHART", "leaves failed while it was imported: SystemExit: 0"),
        ("lacks:CHART", "lacks failed while it was imported: ModuleNotFoundError: No module named"),
        ("typo:CHART", "typo failed while it was imported: SyntaxError"),
    ],
)
def test_what_is_not_a_chart(where: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    told = err(capsys, "check", where)
    assert told.startswith("statechart: ")
    assert told.count("\n") == 1
    assert message in told


def test_a_directory_that_is_gone(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "gone").mkdir()
    monkeypatch.chdir(here / "gone")
    (here / "gone").rmdir()
    assert err(capsys, "check", "lamps:LAMP") == (
        "statechart: cannot look for 'lamps' in the current directory: No such file or directory; "
        "go to one that is there\n"
    )


def test_a_file_that_failed_is_not_half_there(capsys: pytest.CaptureFixture[str]) -> None:
    first = err(capsys, "check", "crash.py:CHART")
    assert err(capsys, "check", "crash.py:CHART") == first


def test_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert "the following arguments are required: COMMAND" in usage(capsys)
    assert "invalid choice: 'png'" in usage(capsys, "draw", "lamps:LAMP", "--format", "png")
    assert "either a CHART or --rules" in usage(capsys, "check")
    assert "either a CHART or --rules" in usage(capsys, "check", "lamps:LAMP", "--rules")
    assert "0 leaves nothing to search" in usage(capsys, "explore", "lamps:LAMP", "--limit", "0")
    assert "'many' is not a whole number" in usage(
        capsys, "explore", "lamps:LAMP", "--limit", "many"
    )
    assert "--rules reads none" in usage(capsys, "check", "--rules", "--code", "lamps:LAMP")
    for option in (["--sequence"], ["--format", "svg"]):
        told = usage(capsys, "explore", "lamps:LAMP", *option)
        assert f"{option[0]} is for the counterexample; say with --output FILE" in told
    assert "as mermaid only, not as dot" in usage(
        capsys, "explore", "lamps:LAMP", "--output", "x", "--sequence", "--format", "dot"
    )


@pytest.mark.parametrize("command", ["draw", "check", "explore"])
def test_help_has_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([command, "-h"])
    assert caught.value.code == 0
    assert f"examples:\n  statechart {command} " in capsys.readouterr().out


def test_an_interrupt_ends_quietly(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (Path.cwd() / "lamps.py").write_text("raise KeyboardInterrupt\n")
    assert err(capsys, "check", "lamps:LAMP", code=130) == ""


def run(here: Path, *arguments: str, stdout: int = subprocess.PIPE) -> tuple[int, str]:
    """Run the real program, and return its exit code and what it said to stderr."""
    done = process([sys.executable, "-m", "statechart", *arguments], here, stdout)
    return done.returncode, done.stderr


def process(
    command: list[str], here: Path, stdout: int = subprocess.PIPE
) -> subprocess.CompletedProcess[str]:
    home = Path(statechart.__file__).parents[1]
    return subprocess.run(
        command,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
        cwd=here,
        # Buffered, as in a terminal: what is not flushed meets the closed end only at the exit.
        env=os.environ | {"PYTHONPATH": str(home), "PYTHONUNBUFFERED": ""},
    )


def test_as_a_module(here: Path) -> None:
    code, complained = run(here, "check", "crash:CHART")
    assert code == 2
    assert complained.startswith("statechart: crash failed while it was imported")
    assert "Traceback" not in complained


def test_a_reader_that_has_gone_away(here: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    assert run(here, "draw", "lamps:LAMP", stdout=writer) == (128 + signal.SIGPIPE, "")
    os.close(writer)


CLOSED = "standard output is closed, and there is nowhere to write the answer"
FULL = "cannot write to standard output: [Errno 28] No space left on device"


@pytest.mark.parametrize(
    ("line", "code", "told"),
    [
        ("draw lamps:LAMP >/dev/full", 2, FULL),
        ("draw -h >/dev/full", 2, FULL),
        ("draw lamps:LAMP >&-", 2, CLOSED),
        ("check --rules >&-", 2, CLOSED),
        ("draw lamps:LAMP --output lamp.mmd >&-", 0, ""),
        ("draw - <&-", 2, "standard input is closed; write a file into it, or name the file"),
        ("draw - 0>/dev/null", 2, "cannot read standard input: Bad file descriptor"),
        ("check nowhere:LAMP 2>&-", 2, ""),
    ],
)
def test_streams_that_are_closed_or_full(line: str, code: int, told: str, here: Path) -> None:
    done = process(["/bin/sh", "-c", f'exec "{sys.executable}" -m statechart {line}'], here)
    assert done.returncode == code
    assert done.stderr == (f"statechart: {told}\n" if told else "")


@pytest.mark.parametrize(
    ("closing", "told"),
    [
        ("os.close(1)", ""),
        ("sys.stdout.close()", ""),
        (
            "sys.__stdout__.close()",
            "statechart: cannot write to standard output: I/O operation on closed file.\n",
        ),
    ],
)
def test_a_module_that_closes_stdout(closing: str, told: str, here: Path) -> None:
    (here / "closes.py").write_text(f"import os, sys\n\nfrom lamps import LAMP\n\n{closing}\n")
    done = process([sys.executable, "-m", "statechart", "check", "closes:LAMP"], here)
    assert (done.returncode, done.stderr) == (2 if told else 0, told)
    assert done.stdout.startswith("chart 'lamp' is sound") is not bool(told)


def test_what_is_printed_while_stderr_is_closed(here: Path) -> None:
    command = f'exec "{sys.executable}" -m statechart check lamps:loud --json 2>&-'
    done = process(["/bin/sh", "-c", command], here)
    assert done.returncode == 0
    assert json.loads(done.stdout)["sound"] is True
