"""`actors journal check | export | import`, as real processes on real files."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.journals import call, filled, killed_server, listed, serving
from tests.cli.processes import ROOT, run


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled(tmp_path_factory.mktemp("sound") / "x.db")


@pytest.fixture
def corrupt(sound: Path, tmp_path: Path) -> Path:
    path = tmp_path / "corrupt.db"
    path.write_bytes(sound.read_bytes())
    db = sqlite3.connect(path)
    db.execute("UPDATE logs SET epoch = 2 WHERE log = 'of epochs'")
    db.commit()
    db.close()
    return path


def test_a_sound_journal(sound: Path) -> None:
    done = run("journal", "check", str(sound))
    assert (done.code, done.err) == (0, "")
    assert done.out == f"{sound}: sound; 10 logs, 319 records\n"
    done = call("journal", "check", "--database", str(sound), "--json")
    assert json.loads(done.out) == {"sound": True, "logs": 10, "records": 319, "found": 0}


def test_a_corrupt_journal(corrupt: Path) -> None:
    done = call("journal", "check", str(corrupt))
    assert (done.code, done.err) == (1, "")
    first, last = done.out.splitlines()
    expected = "log 'of epochs': found epoch 2 in the head, expected 3, as its last record has"
    assert first == expected
    assert last == f"{corrupt}: 1 corruptions found; 10 logs, 319 records"
    done = call("journal", "check", str(corrupt), "--json")
    told = [json.loads(line) for line in done.out.splitlines()]
    assert told[0]["log"] == "of epochs"
    assert told[1]["sound"] is False


def test_what_is_no_journal(tmp_path: Path) -> None:
    done = call("journal", "check", str(tmp_path / "x.db"))
    assert done.code == 2
    assert done.complaint == (
        f"actors: there is no journal at {tmp_path}/x.db: give the path of its file"
    )
    (tmp_path / "x.db").write_text("no database" * 100)
    done = call("journal", "check", str(tmp_path / "x.db"))
    assert done.code == 1
    assert "file is not a database" in done.out


def test_a_server_that_runs_and_one_that_was_killed(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with serving(path) as (server, url):
        call("send", "hello", "--url", url)
        done = run("journal", "check", str(path))
        assert (done.code, done.out) == (0, f"{path}: sound; 1 logs, 7 records\n")
        call("send", "stop", "--url", url)
        server.signal(signal.SIGKILL)
        assert server.done().code == -signal.SIGKILL
    done = call("journal", "check", str(path))
    assert (done.code, done.out) == (0, f"{path}: sound; 2 logs, 12 records\n")


def test_export_and_import(sound: Path, tmp_path: Path) -> None:
    told = run("journal", "export", str(sound))
    assert (told.code, told.err) == (0, "")
    file, new = tmp_path / "x.jsonl", tmp_path / "new.db"
    file.write_text(told.out, encoding="utf-8")
    done = call("journal", "import", str(file), "--database", str(new))
    assert (done.code, done.err) == (0, "")
    assert done.out == f"imported 10 logs, 319 records into {new}\n"
    assert call("journal", "export", "--database", str(new)).out == told.out
    assert call("journal", "check", str(new)).code == 0
    again = call("journal", "import", str(file), "--database", str(new), "--json")
    assert again.code == 1
    assert "nothing was imported: 10 of 10 logs exist already ('of another kind'" in again.complaint


def test_keys_of_which_only_the_digest_is_there_are_said_to_be_lost(tmp_path: Path) -> None:
    killed_server(tmp_path / "x.db", "hello")
    header, log, *rest = call("journal", "export", str(tmp_path / "x.db")).out.splitlines()
    log = json.dumps({**json.loads(log), "keys": {"\x01\x03" + "0a" * 32: 1, "short": 1}})
    (tmp_path / "x.jsonl").write_text("\n".join([header, log, *rest]), encoding="utf-8")
    new = str(tmp_path / "new.db")
    done = call("journal", "import", str(tmp_path / "x.jsonl"), "--database", new)
    assert "1 logs, 7 records into" in done.out
    assert "; 1 keys are lost: the file has only their digests" in done.out


def test_an_exported_server_goes_on_elsewhere(tmp_path: Path) -> None:
    (task,) = killed_server(tmp_path / "x.db", "hello")
    told = call("journal", "export", str(tmp_path / "x.db"))
    (tmp_path / "x.jsonl").write_text(told.out, encoding="utf-8")
    new = tmp_path / "new.db"
    done = call("journal", "import", str(tmp_path / "x.jsonl"), "--database", str(new), "--json")
    assert json.loads(done.out) == {"logs": 1, "records": 7, "keys_lost": 0}
    with serving(new) as (_, url):
        answer = call("send", "more", "--task", task, "--url", url)
    assert "you said: more" in answer.out
    assert [each["state"] for each in listed(new)] == ["COMPLETED"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: found the end of the file"),
        ("{", "line 1: found '{' (Expecting property name"),
        ('{"journal": 7}', "line 1: found journal version 7, expected 1"),
    ],
)
def test_a_bad_file(text: str, said: str, tmp_path: Path) -> None:
    file, new = tmp_path / "x.jsonl", tmp_path / "new.db"
    file.write_text(text)
    done = call("journal", "import", str(file), "--database", str(new))
    assert done.code == 1
    assert said in done.complaint
    assert not new.exists()


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    done = call("journal", "import", str(tmp_path / "x.jsonl"))
    assert done.code == 2
    assert "there is no file" in done.complaint
    done = call("journal", "export", str(tmp_path / "x.db"))
    assert done.code == 1
    assert "there is no journal at" in done.complaint


def test_an_export_of_which_something_cannot_be_read(corrupt: Path) -> None:
    db = sqlite3.connect(corrupt)
    db.execute("UPDATE records SET frame = zeroblob(40)")
    db.commit()
    db.close()
    done = call("journal", "export", str(corrupt))
    assert done.code == 1
    assert "cannot be read" in done.complaint
    assert '"end"' not in done.out


def test_nobody_reads_the_export(sound: Path) -> None:
    command = [sys.executable, "-m", "actors", "journal", "export", str(sound)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == "actors: the export is cut off, as nobody reads on\n"
    assert process.returncode == 1


def test_a_database_that_does_not_answer() -> None:
    dsn = "postgresql://me:secret@127.0.0.1:1/x"
    for command in (("check", dsn), ("export", dsn)):
        done = call("journal", *command)
        assert done.code == (2 if command[0] == "check" else 1)
        assert "postgresql://me@127.0.0.1:1/x" in done.complaint
        assert "secret" not in done.complaint


@pytest.mark.parametrize("command", ["check", "export", "import", "import-sdk"])
def test_help_teaches_by_example(command: str) -> None:
    assert f"│ {command} " in call("journal", "-h").out
    done = call("journal", command, "-h")
    assert done.code == 0
    assert f"  actors journal {command}" in done.out
