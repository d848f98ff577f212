"""What a webhook's configuration may say, and the headers that it asks for (R61).

Neighbours: `push.py` (checks configurations as they come), `hooks.py` (sends the headers),
`targets.py` (checks the URL's host).
"""

from __future__ import annotations

import re

from a2a.types import TaskPushNotificationConfig

from actors.a2a.targets import LONGEST_URL

LONGEST_ID = 500
"""Bytes: it is part of the name of a durable consumer, which stands in an index."""
LONGEST_TOKEN = 4096
LONGEST_CREDENTIALS = 16 * 1024
LONGEST_SCHEME = 100

Headers = list[tuple[bytes, bytes]]

_VALUE = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_SCHEME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


class ConfigError(ValueError):
    """A configuration that no notification could be sent by. The text quotes none of it."""


def check_config(config: TaskPushNotificationConfig) -> None:
    """See that a configuration's id, token and authentication can be kept and sent (R61, R100).

    Raises:
        ConfigError: one of them is too long, or cannot be said in a header.
    """
    if (size := len(config.id.encode())) > LONGEST_ID:
        raise ConfigError(f"the id has {size} bytes, expected at most {LONGEST_ID}")
    if not config.id.isprintable():
        raise ConfigError("the id has control characters in it")
    _check_length("url", config.url, LONGEST_URL)
    _check_value("token", config.token, LONGEST_TOKEN)
    authentication = config.authentication
    _check_length("authentication.scheme", authentication.scheme, LONGEST_SCHEME)
    if authentication.scheme and not _SCHEME.fullmatch(authentication.scheme):
        raise ConfigError("authentication.scheme is not one word, as Bearer or Basic")
    _check_value("authentication.credentials", authentication.credentials, LONGEST_CREDENTIALS)
    if authentication.credentials and not authentication.scheme:
        raise ConfigError("authentication has credentials and no scheme; add one, as Bearer")


def secrets(config: TaskPushNotificationConfig) -> Headers:
    """Return the headers by which the receiver knows that it is us (R61).

    Raises:
        ConfigError: as `check_config`.
    """
    check_config(config)
    headers: Headers = []
    if config.token:
        headers.append((b"X-A2A-Notification-Token", config.token.encode()))
    authentication = config.authentication
    if authentication.scheme and authentication.credentials:
        value = f"{authentication.scheme} {authentication.credentials}"
        headers.append((b"Authorization", value.encode()))
    return headers


def _check_length(name: str, value: str, most: int) -> None:
    if len(value) > most:
        raise ConfigError(f"the {name} has {len(value)} characters, expected at most {most}")


def _check_value(name: str, value: str, most: int) -> None:
    _check_length(name, value, most)
    if value and not _VALUE.fullmatch(value):
        raise ConfigError(
            f"the {name} has characters that a header cannot have; expected printable ASCII "
            "without blanks at its ends"
        )
