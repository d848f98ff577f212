"""W3C's own tests of SCXML, and SCION's, run on charts: `python -m tests.w3c [folder]`.

Nothing of them is in this repository: their packages are fetched into `folder`, by default one
under `.venv`, and compared with the digests below. Documents that need a script are counted by
what `from_scxml` says to them; all others must end in the state `pass`, or go where SCION's
scripts of events say. Exits with 1 if one does not, unless `DIFFERENT` says who is right.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from statechart import Chart, ChartError, Machine
from statechart.scxml import ScxmlError, from_scxml

CACHE = Path(sys.prefix) / "w3c"
MANUAL = ("test178", "test230", "test250", "test301", "test307", "test313", "test314", "test415")
"""Tests that a person has to look at: they have no state `pass`."""

STEPS = 100
"""Times that the clock is moved to the next timer; no test needs more than three."""

DIFFERENT = {
    "history/history2": "SCXML 3.10.2 lets a shallow history lead to children of its parent only"
}
"""SCION's tests that are played otherwise on purpose: the test, and what SCXML says to it."""


@dataclass(frozen=True)
class Package:
    """A package of tests: how it is fetched, and the digest of what must come."""

    command: tuple[str, ...]
    file: str
    sha256: str
    folder: str


SDIST = Package(
    (
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
        *("--no-binary", "python-statemachine", "python-statemachine==3.2.2", "--dest"),
    ),
    "python_statemachine-3.2.2.tar.gz",
    "5968c5e07a537f7531b8b1d0a0d5067a3452c88941fa0ac6c244870d48f78325",
    "python_statemachine-3.2.2/tests/scxml/w3c",
)
NPM = Package(
    ("npm", "pack", "--silent", "@scion-scxml/test-framework@2.0.16", "--pack-destination"),
    "scion-scxml-test-framework-2.0.16.tgz",
    "b813071f5691c7a36bab65ba5ce5aae479933395177447a6609c110bc936622b",
    "package/test",
)


@dataclass
class Report:
    """What became of the documents of one suite."""

    title: str
    passed: list[str] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    different: list[tuple[str, str]] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)

    def run(self, name: str, path: Path, play: Callable[[Path], str]) -> None:
        """Play one document; `play` returns what went wrong, nothing if nothing did."""
        try:
            wrong = play(path)
        except ScxmlError as error:
            self.skipped[error.what] += 1
            return
        except ChartError as error:
            wrong = "no sound chart: " + "; ".join(map(str, error.findings[:2]))
        if not wrong:
            self.passed.append(name)
        elif name in DIFFERENT:
            self.different.append((name, f"{wrong}. {DIFFERENT[name]}"))
        else:
            self.failed.append((name, wrong))

    def show(self) -> None:
        """Print the figures, then every failure."""
        ran = len(self.passed) + len(self.failed) + len(self.different)
        skipped = sum(self.skipped.values())
        print(
            f"{self.title}: {len(self.passed)} of {ran} passed, {len(self.different)} differ on "
            f"purpose, {len(self.failed)} failed ({skipped} need scripting or what is outside)"
        )
        reasons = ", ".join(f"{what} {count}" for what, count in self.skipped.most_common())
        print(f"  not taken: {reasons or 'none'}")
        for word, names in (("differs", self.different), ("FAILED", self.failed)):
            for name, why in names:
                print(f"  {word} {name}: {why}")


# -- getting them ----------------------------------------------------------------------------------


def fetched(package: Package, cache: Path) -> Path:
    """Return the folder with the documents of `package`, fetched if it is not there."""
    archive = cache / package.file
    if not archive.exists():
        cache.mkdir(parents=True, exist_ok=True)
        subprocess.run((*package.command, str(cache)), check=True, cwd=cache)
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if digest != package.sha256:
        sys.exit(f"{archive} has sha256 {digest}, expected {package.sha256}; remove it, try again")
    unpacked = cache / package.file.partition(".t")[0]
    if not unpacked.exists():
        with tarfile.open(archive) as content:
            content.extractall(unpacked, filter="data")
    return unpacked / package.folder


# -- playing them ----------------------------------------------------------------------------------


def until_the_end(path: Path) -> str:
    """Run one of W3C's tests under virtual time until it is in `pass` or `fail`."""
    machine = Machine.start(from_scxml(path.read_bytes(), name=name_of(path))).machine
    for _ in range(STEPS):
        if "pass" in machine.configuration:
            return ""
        if "fail" in machine.configuration or machine.due is None:
            break
        machine = machine.advance(machine.due).machine
    return f"ended in {machine.configuration!r}"


def as_scripted(path: Path) -> str:
    """Run one of SCION's tests: events at given times, and the states expected behind each."""
    script = json.loads(path.with_suffix(".json").read_text())
    events = dict.fromkeys(str(step["event"]["name"]) for step in script["events"])
    chart = from_scxml(path.read_bytes(), name=name_of(path), events=events)
    machine = Machine.start(chart).machine
    wrong = _compared("the start", script["initialConfiguration"], machine)
    for number, step in enumerate(script["events"], 1):
        if wrong:
            break
        due = machine.clock + step.get("after", 0)
        machine = machine.advance(due).machine.send(step["event"]["name"]).machine
        where = f"event {number}, {step['event']['name']!r}"
        wrong = _compared(where, step["nextConfiguration"], machine)
    return wrong


def _compared(where: str, expected: list[str], machine: Machine) -> str:
    names = _names(machine.chart)
    found = sorted(names.get(name, name) for name in machine.configuration.atomic)
    return "" if found == sorted(expected) else f"{where} led to {found}, not {sorted(expected)}"


def _names(chart: Chart) -> dict[str, str]:
    """Return the ids that states had, where they were renamed."""
    pairs = (each.split(" is ") for each in chart.note.split(", ") if each)
    return {new: old for old, new in pairs}


def name_of(path: Path) -> str:
    return path.name.partition(".")[0]


def w3c(title: str, paths: list[Path]) -> Report:
    report = Report(title)
    for path in sorted(paths):
        if name_of(path) not in MANUAL and "sub" not in name_of(path):
            report.run(name_of(path), path, until_the_end)
    return report


def scion(paths: list[Path]) -> Report:
    report = Report("SCION's own tests")
    for path in sorted(paths):
        if path.with_suffix(".json").exists() and "w3c" not in path.parent.name:
            report.run(f"{path.parent.name}/{path.stem}", path, as_scripted)
    return report


def reports(cache: Path) -> Iterator[Report]:
    """Yield what became of each suite; those of npm only where npm is."""
    folder = fetched(SDIST, cache)
    yield w3c("W3C's tests, as in python-statemachine", list(folder.rglob("*.scxml")))
    if shutil.which("npm"):
        folder = fetched(NPM, cache)
        yield w3c("W3C's tests, as in SCION", list((folder / "w3c-ecma").glob("*.scxml")))
        yield scion(list(folder.glob("*/*.scxml")))
    else:
        print("npm is not here, so SCION's tests are left out")


def main(arguments: list[str]) -> Any:
    failed = 0
    for report in reports(Path(arguments[0]) if arguments else CACHE):
        report.show()
        failed += len(report.failed)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
