"""Webhooks out of the table of a2a-sdk's own DatabasePushNotificationConfigStore, with their tasks.

What is wrong with a configuration is told without its words, which may be secrets.

Neighbours: `journal.py` (the command), `sdk_tables.py` (reads rows), `sdk_rows.py` (tasks),
`actors/storage/adopt.py` (what becomes of them).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from a2a.compat.v0_3 import types as types_v03
from a2a.compat.v0_3.conversions import to_core_push_notification_config
from a2a.types import TaskPushNotificationConfig
from google.protobuf.json_format import Parse

from actors.a2a.hook_config import check_config
from actors.a2a.targets import check_url
from actors.cli.failure import CommandError
from actors.cli.sdk_tables import Row, Table, rows_of
from actors.storage.adopt import Owned
from actors.task.delivery import Delivery
from actors.task.hooks import HOOKS_BOUND

DEFAULT_TABLE: Final = "push_notification_configs"
_COLUMNS: Final = ("task_id", "config_id", "config_data", "owner", "protocol_version")
_NEEDED: Final = frozenset({"task_id", "config_id", "config_data"})
_FERNET: Final = b"gAAAA"
"""What everything that is encrypted as the store does it begins with."""

Decrypt: TypeAlias = Callable[[bytes], bytes | None]
"""Returns None for what was not encrypted with its key."""


class LeftOut(ValueError):  # noqa: N818 - a verdict on a row, always told and never raised further
    """A configuration is not taken over; the text says why and quotes none of it."""


class Hook(NamedTuple):
    """A configuration and whose it is."""

    config: TaskPushNotificationConfig
    owner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HookTable:
    """Which configurations to read, and which are acceptable.

    Args:
        source: path of a SQLite file, or a DSN.
        name: of the table; None: the usual one, if there is one.
        decrypt: with the store's key; None: nobody knows it.
        delivery: which addresses are allowed (R65).
        told: what is wrong with those that are left out is added here.
    """

    source: str
    name: str | None = None
    decrypt: Decrypt | None = None
    delivery: Delivery = field(default_factory=Delivery)
    told: list[str] = field(default_factory=list)

    async def hooks(self) -> AsyncGenerator[Hook, None]:
        """Every configuration that can be taken over, by task.

        Raises:
            CommandError: there is no such table, or it cannot be read.
        """
        table = Table(
            self.name or DEFAULT_TABLE,
            "DatabasePushNotificationConfigStore",
            _COLUMNS,
            _NEEDED,
            "task_id",
            "--push-table",
            optional=self.name is None,
        )
        async with aclosing(rows_of(self.source, table)) as rows:
            async for row in rows:
                try:
                    yield self._hook(row)
                except LeftOut as why:
                    self.leave_out(row["task_id"], row["config_id"], str(why))

    def leave_out(self, task: object, hook: object, why: str) -> None:
        """Tell that a configuration is not taken over."""
        self.told.append(f"webhook {hook!r:.80} of task {task!r:.80} is left out: {why}")

    def _hook(self, row: Row) -> Hook:
        task, name = row["task_id"], row["config_id"]
        if not (isinstance(task, str) and task and isinstance(name, str)):
            raise LeftOut("it has no ids, expected text")
        try:
            config = _config(self._plain(row["config_data"]), row.get("protocol_version"))
        except LeftOut:
            raise
        except Exception as error:
            kind = type(error).__name__  # without its text, which quotes what it could not read
            raise LeftOut(f"it is no configuration of a2a-sdk ({kind})") from error
        config.task_id, config.id = task, name or task
        try:
            check_config(config)
            check_url(config.url, self.delivery)
        except ValueError as error:
            raise LeftOut(str(error)) from error
        return Hook(config, row.get("owner") or "")

    def _plain(self, data: object) -> bytes:
        kept = data.encode() if isinstance(data, str) else data
        if not isinstance(kept, bytes):
            raise LeftOut(f"it is of type {type(kept).__name__}, expected bytes")
        if not kept.startswith(_FERNET):
            return kept
        if self.decrypt is None:
            raise LeftOut("it is encrypted; name the file that has the key with --push-key-file")
        plain = self.decrypt(kept)
        if plain is None:
            raise LeftOut("it is encrypted with another key than that of --push-key-file")
        return plain


def _config(data: bytes, version: object) -> TaskPushNotificationConfig:
    if version == "1.0":
        return Parse(data, TaskPushNotificationConfig())
    old = types_v03.PushNotificationConfig.model_validate_json(data)
    return to_core_push_notification_config(old)


def decrypting(file: Path) -> Decrypt:
    """Return what decrypts with the key in a file.

    Raises:
        CommandError: there is no such key, or nothing to decrypt with.
    """
    try:
        from cryptography.fernet import Fernet, InvalidToken  # here: few need it
    except ImportError as error:
        raise CommandError(
            f"--push-key-file needs cryptography ({error}); install it", 2
        ) from error
    try:
        fernet = Fernet(file.read_bytes().strip())
    except OSError as error:
        raise CommandError(f"cannot read the key: {error}", 2) from error
    except ValueError as error:
        raise CommandError(
            f"{file} has no key, expected 32 bytes in URL-safe base64: the encryption_key of "
            "DatabasePushNotificationConfigStore",
            2,
        ) from error

    def decrypt(data: bytes) -> bytes | None:
        try:
            return fernet.decrypt(data)
        except InvalidToken:
            return None

    return decrypt


async def with_hooks(
    tasks: AsyncGenerator[Owned, None], table: HookTable
) -> AsyncGenerator[Owned, None]:
    """Give each task its webhooks; both come in the order of the tasks' ids.

    A webhook is taken over if its task is there and has the same owner (R87).
    """
    async with aclosing(tasks), aclosing(table.hooks()) as hooks:
        hook = await anext(hooks, None)
        async for task in tasks:
            mine: list[TaskPushNotificationConfig] = []
            while hook is not None and hook.config.task_id <= task.task.id:
                _join(task, hook, mine, table)
                hook = await anext(hooks, None)
            yield task._replace(hooks=tuple(mine))
        while hook is not None:
            _left_alone(hook, table)
            hook = await anext(hooks, None)


def _join(
    task: Owned, hook: Hook, mine: list[TaskPushNotificationConfig], table: HookTable
) -> None:
    config = hook.config
    if config.task_id != task.task.id:
        _left_alone(hook, table)
    elif hook.owner != task.owner:
        why = f"it is of {hook.owner!r:.80}, and its task of {task.owner!r:.80}"
        table.leave_out(config.task_id, config.id, why)
    elif len(mine) == HOOKS_BOUND:
        why = f"its task has {HOOKS_BOUND} others, and may have no more"
        table.leave_out(config.task_id, config.id, why)
    else:
        mine.append(config)


def _left_alone(hook: Hook, table: HookTable) -> None:
    why = "its task is not there, or could not be read"
    table.leave_out(hook.config.task_id, hook.config.id, why)
