"""What a request declares of its client: the version and the extensions that it speaks (R83, R90).

Our HTTP routes look at the major version themselves, as the SDK's do; this is what a policy asks
for besides, over every binding. A call that says nothing of a version is taken at its word.

Neighbours: `entry.py` (asks, before anything else), `wire/methods.py` (the routes' own look).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from a2a.server.context import ServerCallContext
from a2a.types import AgentCard
from a2a.utils.constants import VERSION_HEADER
from a2a.utils.errors import ExtensionSupportRequiredError, VersionNotSupportedError

from actors.task.policy import Policy

_SPOKEN: Final = re.compile(r"(1\.0|0\.3)(\.\d+)?")
"""R91: the patch version does not matter."""


@dataclass(frozen=True, slots=True)
class Declared:
    """Judges what requests declare.

    Args:
        card: what the agent requires.
        policy: says whether that is enforced.
    """

    card: AgentCard
    policy: Policy

    def check(self, context: ServerCallContext) -> None:
        """Refuse a client that speaks something else.

        Raises:
            VersionNotSupportedError: it speaks neither 1.0 nor 0.3.
            ExtensionSupportRequiredError: it does not declare an extension that is required.
        """
        if self.policy.declared == "ignored":
            return
        version = _version(context.state)
        if version and not _SPOKEN.fullmatch(version):
            raise VersionNotSupportedError(
                f"A2A version {version[:40]!r} is not spoken here: send 1.0 or 0.3 as "
                f"{VERSION_HEADER}."
            )
        required = {each.uri for each in self.card.capabilities.extensions if each.required}
        if missing := sorted(required - context.requested_extensions):
            raise ExtensionSupportRequiredError(
                f"This agent requires {', '.join(missing)}: declare in A2A-Extensions that you "
                "support it."
            )


def _version(state: Mapping[str, Any]) -> str:
    """Return the version that a call names, in HTTP headers or gRPC metadata; "" for none."""
    name = VERSION_HEADER.lower()
    if (grpc := state.get("grpc_context")) is not None:
        return str(dict(grpc.invocation_metadata() or ()).get(name, ""))
    return str(state.get("headers", {}).get(name, ""))
