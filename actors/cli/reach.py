"""From the URL of a server to its card, a client of a2a-sdk, and its JSON-RPC endpoint.

Neighbours: `send.py`, `tail.py`, the demo's tour.
"""

from __future__ import annotations

import grpc.aio
import httpx
from a2a.client import (
    A2ACardResolver,
    AgentCardResolutionError,
    Client,
    ClientConfig,
    ClientFactory,
)
from a2a.types import AgentCard
from a2a.utils.constants import TransportProtocol
from a2a.utils.errors import JSON_RPC_ERROR_CODE_MAP, A2AError

from actors.cli.failure import CommandError, ServerError
from actors.cli.words import Binding

_PROTOCOLS = {
    Binding.JSONRPC: TransportProtocol.JSONRPC,
    Binding.REST: TransportProtocol.HTTP_JSON,
    Binding.GRPC: TransportProtocol.GRPC,
}


def http_client() -> httpx.AsyncClient:
    """Return an HTTP client that waits for a slow agent, but not for a server that is not there."""
    return httpx.AsyncClient(timeout=httpx.Timeout(10, read=None))


async def card_at(http: httpx.AsyncClient, url: str) -> AgentCard:
    """Return the card that the server at `url` publishes.

    Raises:
        CommandError: no server is there, or it has no card.
    """
    try:
        return await A2ACardResolver(http, url).get_agent_card()
    except AgentCardResolutionError as error:
        if isinstance(error.__cause__, httpx.TransportError):
            raise not_there(url, error.__cause__) from error
        raise CommandError(f"{url} answers, but has no A2A agent card: {error}") from error
    except (httpx.InvalidURL, ValueError) as error:
        raise CommandError(f"{url!r} is no URL of a server: {error}", 2) from error


def not_there(url: str, error: Exception) -> CommandError:
    """Return the failure for a server that could not be reached."""
    return CommandError(
        f"no server answers at {url} ({str(error) or type(error).__name__}); start one with "
        "`actors serve MODULE:EXECUTOR`, or name another with --url"
    )


def client_for(
    card: AgentCard, http: httpx.AsyncClient, binding: Binding, *, streaming: bool = True
) -> Client:
    """Return a2a-sdk's client for one binding of a card.

    Raises:
        CommandError: the card does not offer that binding.
    """
    config = ClientConfig(
        streaming=streaming,
        httpx_client=http,
        grpc_channel_factory=grpc.aio.insecure_channel,
        supported_protocol_bindings=[_PROTOCOLS[binding]],
    )
    try:
        return ClientFactory(config).create(card)
    except ValueError as error:
        raise _not_offered(card, binding) from error


def endpoint(card: AgentCard) -> str:
    """Return the JSON-RPC address of a card.

    Raises:
        CommandError: it offers none.
    """
    for interface in card.supported_interfaces:
        if interface.protocol_binding == TransportProtocol.JSONRPC:
            return interface.url
    raise _not_offered(card, Binding.JSONRPC)


def _not_offered(card: AgentCard, binding: Binding) -> CommandError:
    offered = ", ".join(dict.fromkeys(each.protocol_binding for each in card.supported_interfaces))
    return CommandError(
        f"the card of {card.name!r} offers {offered or 'nothing'}, not {binding.value}"
    )


def server_error(error: A2AError) -> CommandError:
    """Return what a2a-sdk's client raised, as a line with code and text."""
    code = JSON_RPC_ERROR_CODE_MAP.get(type(error))
    return CommandError(str(error)) if code is None else ServerError(code, str(error))
