"""`actors journal import-sdk` on what a2a-sdk's DatabasePushNotificationConfigStore has written.

Each file is written by that store and by DatabaseTaskStore.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest
from a2a.compat.v0_3.model_conversions import core_to_compat_push_notification_config_model
from a2a.server.context import ServerCallContext
from a2a.server.tasks import DatabasePushNotificationConfigStore, DatabaseTaskStore
from a2a.types import Task, TaskPushNotificationConfig, TaskState, TaskStatus
from cryptography.fernet import Fernet
from sqlalchemy.ext.asyncio import create_async_engine

from actors.a2a import Policy, RequestHandler
from actors.cli.sdk_hooks import HookTable, with_hooks
from actors.cli.sdk_rows import owned_tasks
from actors.runtime.journal.port import Stored
from actors.storage import MemoryJournal, SqliteJournal
from actors.storage.adopt import adopt
from actors.task.delivery import Delivery
from actors.task.fold import fold
from actors.task.hooks import HOOKS_BOUND
from actors.task.listing import TASKS
from tests.a2a.agents import Actor, ask, card
from tests.a2a.receivers import receiving
from tests.cli.journals import call
from tests.postgres import dsn, execute, own_server, schema
from tests.users import Named

__all__ = ["dsn", "own_server", "schema"]

KEY: Final = Fernet.generate_key()
AT: Final = 1_700_000_000_123
STATES: Final = {
    "busy": TaskState.TASK_STATE_WORKING,
    "done": TaskState.TASK_STATE_COMPLETED,
    "paused": TaskState.TASK_STATE_INPUT_REQUIRED,
    "é☠": TaskState.TASK_STATE_INPUT_REQUIRED,  # beyond ASCII the order of ids is the bytes' one
}

# The SDK gives the classes for all its tables one name.
pytestmark = pytest.mark.filterwarnings("ignore:This declarative base already contains")


def config(task: str, name: str = "", **fields: Any) -> TaskPushNotificationConfig:
    fields = {"url": f"https://hooks.example/{task}?{name}", "token": f"t-{name}", **fields}
    made = TaskPushNotificationConfig(task_id=task, id=name or task, **fields)
    if name == "login":
        made.authentication.scheme, made.authentication.credentials = "Bearer", "5ecret"
    return made


CONFIGS: Final = [
    *(config("busy", each) for each in ("", "b", "login")),
    config("done"),
    config("paused", "b"),
    config("é☠"),
]


async def written(path: Path, *configs: TaskPushNotificationConfig, **options: Any) -> None:
    """Let the SDK's stores write a file; all of it is ann's."""
    context = ServerCallContext(user=Named("ann"))
    engine = create_async_engine(f"sqlite+aiosqlite:///{path}")
    tasks = DatabaseTaskStore(engine)
    store = DatabasePushNotificationConfigStore(engine, **options)
    try:
        for name, state in STATES.items():
            task = Task(id=name, context_id="context", status=TaskStatus(state=state))
            task.status.timestamp.FromMilliseconds(AT)
            await tasks.save(task, context)
        for each in configs:
            await store.set_info(each.task_id, each, context)
        await store.initialize()
    finally:
        await engine.dispose()


def changed(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as db:
        for statement in statements:
            db.execute(statement)
        db.commit()


def imported(path: Path) -> Mapping[str, Stored]:
    """The logs in a journal."""
    journal = SqliteJournal(path)
    journal.open(TASKS)
    found = {head.log: journal.read(head.log) for head in journal.heads()}
    journal.close()
    return {name: stored for name, stored in found.items() if stored is not None}


def hooks(stored: Mapping[str, Stored]) -> list[TaskPushNotificationConfig]:
    return [
        TaskPushNotificationConfig.FromString(kept)
        for name in stored
        for _, kept in fold(stored[name].tail).hooks.values()
    ]


def ordered(configs: list[TaskPushNotificationConfig]) -> list[TaskPushNotificationConfig]:
    return sorted(configs, key=lambda each: (each.task_id, each.id))


@pytest.mark.parametrize(
    ("options", "flags"),
    [
        ({}, ()),
        ({"encryption_key": KEY}, ("--push-key-file", "key")),
        ({"table_name": "my_hooks"}, ("--push-table", "my_hooks")),
        ({"core_to_model_conversion": core_to_compat_push_notification_config_model}, ()),
    ],
    ids=["plain", "encrypted", "another table", "0.3"],
)
def test_every_webhook_is_what_that_store_was_given(
    options: dict[str, Any], flags: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("key").write_bytes(KEY + b"\n")
    asyncio.run(written(tmp_path / "sdk.db", *CONFIGS, **options))
    done = call("journal", "import-sdk", "sdk.db", *flags, "--database", "x.db")
    said = "imported 4 tasks with 6 webhooks into x.db, 1 of them as FAILED, as nobody works"
    assert (done.code, done.err, done.out) == (0, "", f"{said} on them any more\n")
    found = imported(tmp_path / "x.db")
    assert ordered(hooks(found)) == ordered(CONFIGS)
    assert found["busy"].tail[-1].seq == 5
    assert fold(found["busy"].tail).state == TaskState.TASK_STATE_FAILED
    assert call("journal", "check", "x.db").code == 0


async def test_they_hear_of_what_follows_and_of_nothing_again(tmp_path: Path) -> None:
    """Also of the end of what was at work: nobody has told them that."""
    new, ann = tmp_path / "x.db", ServerCallContext(user=Named("ann"))
    async with receiving() as receiver, asyncio.timeout(10):
        url = receiver.url()
        every = [config(name, url=url) for name in ("busy", "done", "paused")]
        await written(tmp_path / "sdk.db", *every)
        options = ("--allow-webhooks", "127.0.0.1", "--database", str(new))
        done = await asyncio.to_thread(
            call, "journal", "import-sdk", str(tmp_path / "sdk.db"), *options
        )
        assert (done.code, done.err) == (0, "")
        handler = RequestHandler(
            Actor(),
            None,
            card(push_notifications=True),
            database=new,
            policy=Policy.spec(),
            delivery=Delivery(allow=("127.0.0.1",)),
        )
        await handler.start()
        first = json.loads((await receiver.asked.get()).body)
        await handler.on_message_send(ask("work", "paused"), ann)
        told = [json.loads((await receiver.asked.get()).body) for _ in range(5)]
        await handler.aclose()
    assert first["statusUpdate"]["taskId"] == "busy"
    assert first["statusUpdate"]["status"]["state"] == "TASK_STATE_FAILED"
    kinds = [next(iter(each)) for each in told]
    assert kinds == ["statusUpdate", *3 * ["artifactUpdate"], "statusUpdate"]
    assert all(next(iter(each.values()))["taskId"] == "paused" for each in told)
    assert len(receiver.got) == 6


def test_those_that_cannot_be_taken_over_are_told(tmp_path: Path) -> None:
    many = [config("done", f"n{number:03}") for number in range(HOOKS_BOUND + 1)]
    private = config("paused", "private", url="http://10.0.0.1/5ecret")
    odd = config("paused", "odd", token="5ecret\n")
    asyncio.run(written(tmp_path / "sdk.db", *CONFIGS, *many, private, odd))
    told = '{"url": "https://a.example", "token": {"5ecret": 1}}'
    changed(
        tmp_path / "sdk.db",
        "UPDATE push_notification_configs SET owner = 'bob' WHERE task_id = 'paused' "
        "AND config_id = 'b'",
        "UPDATE push_notification_configs SET task_id = 'gone' WHERE config_id = 'login'",
        f"UPDATE push_notification_configs SET config_data = '{told}' WHERE task_id = 'é☠'",
        f"INSERT INTO push_notification_configs SELECT task_id, 'old', '{told}', owner, NULL "
        "FROM push_notification_configs WHERE task_id = 'é☠'",
        "INSERT INTO push_notification_configs VALUES ('', 'x', '{}', 'ann', '1.0')",
        "INSERT INTO push_notification_configs VALUES ('done', 'x', 1e9, 'ann', '1.0')",
        "INSERT INTO push_notification_configs VALUES ('zz', 'x', "
        """'{"url": "https://a.example"}', 'ann', '1.0')""",
    )
    new = tmp_path / "x.db"
    done = call("journal", "import-sdk", str(tmp_path / "sdk.db"), "--database", str(new))
    assert (done.code, done.err) == (1, "")
    first, *lines = done.out.splitlines()
    assert first.startswith(f"imported 4 tasks with {2 + HOOKS_BOUND} webhooks into")
    assert "5ecret" not in done.out
    found = dict(line.removeprefix("webhook ").split(" is left out: ", 1) for line in lines)
    private_said = "the host '10.0.0.1' is not public; use one that is, or ask the operator"
    assert found.pop("'private' of task 'paused'").startswith(private_said)
    assert found.pop("'odd' of task 'paused'").startswith("the token has characters")
    nowhere = "its task is not there, or could not be read"
    assert found == {
        "'b' of task 'paused'": "it is of 'bob', and its task of 'ann'",
        "'login' of task 'gone'": nowhere,
        "'x' of task 'zz'": nowhere,
        "'é☠' of task 'é☠'": "it is no configuration of a2a-sdk (ParseError)",
        "'old' of task 'é☠'": "it is no configuration of a2a-sdk (ValidationError)",
        "'x' of task ''": "it has no ids, expected text",
        "'x' of task 'done'": "it is of type float, expected bytes",
        "'n099' of task 'done'": f"its task has {HOOKS_BOUND} others, and may have no more",
        "'n100' of task 'done'": f"its task has {HOOKS_BOUND} others, and may have no more",
    }
    assert call("journal", "check", str(new)).code == 0


def test_those_that_are_encrypted_need_their_key(tmp_path: Path) -> None:
    source, key = tmp_path / "sdk.db", tmp_path / "key"
    asyncio.run(written(source, config("done"), encryption_key=KEY))

    def said(*flags: str) -> str:
        where = ("--database", str(tmp_path / "x.db"))
        done = call("journal", "import-sdk", str(source), *flags, *where)
        assert done.code
        return done.complaint if done.err else done.out

    assert "is left out: it is encrypted; name the file that has the key with --push" in said()
    (tmp_path / "x.db").unlink()
    key.write_bytes(Fernet.generate_key())
    flags = ("--push-key-file", str(key))
    assert "is encrypted with another key than that of --push-key-file" in said(*flags)
    key.write_text("my key")
    assert f"{key} has no key, expected 32 bytes in URL-safe base64" in said(*flags)
    key.unlink()
    assert "cannot read the key" in said(*flags)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--push-table", "hooks"), "has no table 'hooks' of a2a-sdk's DatabasePushNotification"),
        (("--push-table", "a b"), "'a b' is no name of a table"),
        (("--allow-webhooks", "10.0.0.0/99"), "--allow-webhooks: allow has '10.0.0.0/99'"),
    ],
)
def test_wrong_options_store_nothing(flags: tuple[str, ...], said: str, tmp_path: Path) -> None:
    asyncio.run(written(tmp_path / "sdk.db"))
    new = tmp_path / "x.db"
    done = call("journal", "import-sdk", str(tmp_path / "sdk.db"), *flags, "--database", str(new))
    assert done.code == 2
    assert said in done.complaint
    assert not new.exists()


async def test_from_postgres(dsn: str, schema: str) -> None:
    """The order of ids that joins the tables is that of their bytes, whatever the collation."""
    names = ("B", "a", "b", "ä", "☠", "\U0001f600")
    tasks = ", ".join(f"""('{each}', 'c', '{{"state": 3}}', '1.0')""" for each in names)
    data = """'{"url": "https://a.example"}'"""
    rows = ", ".join(f"('{each}', 'x', {data}, '1.0')" for each in reversed(names))
    columns = "task_id VARCHAR(36), config_id VARCHAR(255), config_data BYTEA"
    await execute(
        dsn,
        f"CREATE SCHEMA {schema}; SET search_path = {schema}; "
        'CREATE TABLE tasks (id VARCHAR(36) COLLATE "unicode", context_id VARCHAR(36), '
        f"status JSON, protocol_version VARCHAR(16)); INSERT INTO tasks VALUES {tasks}; "
        f"CREATE TABLE hooks ({columns}, protocol_version VARCHAR(16)); "
        f"INSERT INTO hooks VALUES {rows};",
    )
    where = f"{dsn}{'&' if '?' in dsn else '?'}search_path={schema}"
    table = HookTable(source=where, name="hooks")
    joined = with_hooks(owned_tasks(where, "tasks", []), table)
    done = await adopt(joined, MemoryJournal(), tenant="", keep=False, now=AT)
    assert table.told == []
    assert (done.imported, done.webhooks) == (6, 6)
