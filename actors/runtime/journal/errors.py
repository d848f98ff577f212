"""What goes wrong with a journal. The messages are for the log, never for a client."""

from __future__ import annotations


class StorageError(Exception):
    """The journal could not do its work."""


class StorageUnavailable(StorageError):  # noqa: N818 - a state that passes, not a fault
    """It may work again soon (disk full, locked, connection lost).

    Out of `append` it means that nothing was stored, or that nobody knows (the connection broke
    during the commit). The same group is then appended again, and read back if that is fenced.
    """


class StorageRejected(StorageError):  # noqa: N818 - a verdict, not a fault of ours
    """A user's own store refused to save; `cause` is what it raised and what callers hear."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(f"the task store refused: {cause!r}")
        self.cause = cause


class JournalCorrupt(StorageError):  # noqa: N818 - a state of a file
    """Stored bytes are not what was written; says where."""
