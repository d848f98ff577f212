"""Users for tests."""

from __future__ import annotations

from a2a.auth.user import User


class Named(User):
    """A user who is authenticated by this name."""

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def is_authenticated(self) -> bool:
        return True

    @property
    def user_name(self) -> str:
        return self._name
