"""`--allow-webhooks`: which addresses webhooks may have besides public ones.

Neighbours: `serve.py`, `journal.py` (take the option), `options.py` (declares it).
"""

from __future__ import annotations

from a2a.types import AgentCard

from actors.a2a.targets import Targets
from actors.cli.failure import CommandError
from actors.task.delivery import Delivery


def allowing(allow: tuple[str, ...]) -> Delivery:
    """Return how webhooks are delivered: as usual, and to these addresses too.

    Raises:
        CommandError: one of them is neither a network nor a host name.
    """
    try:
        Targets(allow)
    except ValueError as error:
        raise CommandError(f"--allow-webhooks: {error}", 2) from error
    return Delivery(allow=allow)


def allowing_for(card: AgentCard, allow: tuple[str, ...]) -> Delivery:
    """Return the same for an agent that is to be served.

    Raises:
        CommandError: as `allowing`; or the card says that there are no webhooks (R54).
    """
    if allow and not card.capabilities.push_notifications:
        raise CommandError(
            "--allow-webhooks: the agent's card does not declare pushNotifications, so there are "
            "no webhooks; declare it, or leave that option out",
            2,
        )
    return allowing(allow)
