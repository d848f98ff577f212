"""R78 to R80: how each error looks on the wire.

Neighbours: `strangers.py` (what errors must not tell), `burdens.py` (errors that pass).
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import grpc.aio
from a2a.server.agent_execution import RequestContext, RequestContextBuilder
from a2a.types import SendMessageRequest
from a2a.utils.errors import (
    A2AError,
    ContentTypeNotSupportedError,
    ExtendedAgentCardNotConfiguredError,
    ExtensionSupportRequiredError,
    InternalError,
    InvalidAgentResponseError,
    InvalidParamsError,
    InvalidRequestError,
    MethodNotFoundError,
    PushNotificationNotSupportedError,
    TaskNotCancelableError,
    TaskNotFoundError,
    UnsupportedOperationError,
    VersionNotSupportedError,
)
from google.protobuf.json_format import MessageToDict
from google.rpc.error_details_pb2 import (  # type: ignore[import-untyped] # generated, no types
    BadRequest,
    ErrorInfo,
)
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped] # generated, no types

from tests.a2a.rules import plays
from tests.a2a.rules.registry import GRPC, JSONRPC, REST, breaks, rule
from tests.a2a.rules.server import Setup, push_store
from tests.a2a.rules.wire_defects import changing_answers
from tests.a2a.rules.world import World

DOMAIN = "a2a-protocol.org"
INFO = "type.googleapis.com/google.rpc.ErrorInfo"
VIOLATIONS = "type.googleapis.com/google.rpc.BadRequest"

ERRORS: dict[type[A2AError], tuple[int, str, int, str]] = {
    TaskNotFoundError: (-32001, "NOT_FOUND", 404, "TASK_NOT_FOUND"),
    TaskNotCancelableError: (-32002, "FAILED_PRECONDITION", 400, "TASK_NOT_CANCELABLE"),
    PushNotificationNotSupportedError: (
        -32003,
        "FAILED_PRECONDITION",
        400,
        "PUSH_NOTIFICATION_NOT_SUPPORTED",
    ),
    UnsupportedOperationError: (-32004, "FAILED_PRECONDITION", 400, "UNSUPPORTED_OPERATION"),
    ContentTypeNotSupportedError: (-32005, "INVALID_ARGUMENT", 400, "CONTENT_TYPE_NOT_SUPPORTED"),
    InvalidAgentResponseError: (-32006, "INTERNAL", 500, "INVALID_AGENT_RESPONSE"),
    ExtendedAgentCardNotConfiguredError: (
        -32007,
        "FAILED_PRECONDITION",
        400,
        "EXTENDED_AGENT_CARD_NOT_CONFIGURED",
    ),
    ExtensionSupportRequiredError: (
        -32008,
        "FAILED_PRECONDITION",
        400,
        "EXTENSION_SUPPORT_REQUIRED",
    ),
    VersionNotSupportedError: (-32009, "FAILED_PRECONDITION", 400, "VERSION_NOT_SUPPORTED"),
    InvalidParamsError: (-32602, "INVALID_ARGUMENT", 400, "INVALID_PARAMS"),
    InvalidRequestError: (-32600, "INVALID_ARGUMENT", 400, "INVALID_REQUEST"),
    MethodNotFoundError: (-32601, "NOT_FOUND", 404, "METHOD_NOT_FOUND"),
    InternalError: (-32603, "INTERNAL", 500, "INTERNAL_ERROR"),
}
"""Of each error its code in JSON-RPC, in gRPC, in HTTP, and its reason."""


class Raising(RequestContextBuilder):
    """A part of the user's that raises the error that a message names."""

    async def build(self, context: Any, params: Any = None, *args: Any, **more: Any) -> Any:
        text = params.message.parts[0].text if params else ""
        for kind in ERRORS:
            if text == kind.__name__:
                raise kind(f"this is {text}")
        ids = {name: more.get(name) for name in ("task_id", "context_id")}
        return RequestContext(context, params, **ids)


def raising(setup: Setup) -> Setup:
    """Return the setup of a server whose user's parts raise errors."""
    return replace(setup, options=lambda: {**push_store(), "request_context_builder": Raising()})


@dataclass(frozen=True, slots=True)
class Seen:
    """An error as it was on the wire: its codes, its text and its details."""

    codes: tuple[Any, ...]
    message: str
    details: list[dict[str, Any]]


async def wrong(world: World, request: SendMessageRequest) -> Seen:
    """Send by hand; returns the error."""
    if world.binding == GRPC:
        return await wrong_grpc(world.remote.stub.SendMessage(request, metadata=world.metadata))
    if world.binding == REST:
        response = await world.rest("POST", "/message:send", MessageToDict(request))
        error = response.json().get("error", {})
        codes = (response.status_code, error.get("code"), error.get("status"))
        return Seen(codes, error.get("message", ""), error.get("details", []))
    error = (await world.rpc("SendMessage", MessageToDict(request))).get("error", {})
    return Seen((error.get("code"),), error.get("message", ""), error.get("data", []))


async def wrong_grpc(call: Awaitable[Any]) -> Seen:
    """The same over gRPC, of its status and what is packed into the trailing metadata."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        packed = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin", b"")
        status = Status.FromString(packed if isinstance(packed, bytes) else packed.encode())
        details = []
        for each in status.details:
            kind = ErrorInfo if each.type_url == INFO else BadRequest
            found = kind()
            assert each.Unpack(found), f"an unknown detail: {each.type_url}"
            details.append({"@type": each.type_url, **MessageToDict(found)})
        codes = (error.code().name, status.code == error.code().value[0])
        return Seen(codes, error.details() or "", details)
    return Seen((), "", [])


async def each_error(world: World) -> dict[type[A2AError], Seen]:
    """Every error that there is; two of them by way of a real mistake, too."""
    return {kind: await wrong(world, world.request(plays.work, kind.__name__)) for kind in ERRORS}


async def real_errors(world: World) -> list[tuple[type[A2AError], Seen]]:
    """Errors that the server finds itself."""
    done = await world.task(plays.work)
    lacking = world.request(plays.work, message={"parts": [], "message_id": ""})
    return [
        (TaskNotFoundError, await wrong(world, world.request(plays.work, task="unknown"))),
        (UnsupportedOperationError, await wrong(world, world.request(plays.work, task=done.id))),
        (InvalidParamsError, await wrong(world, lacking)),
        (InvalidParamsError, await wrong(world, world.request(plays.work, history_length=-1))),
    ]


def codes_of(kind: type[A2AError], binding: str) -> tuple[Any, ...]:
    """The codes that an error must have."""
    jsonrpc, status, http, _ = ERRORS[kind]
    return {JSONRPC: (jsonrpc,), REST: (http, http, status), GRPC: (status, True)}[binding]


@rule("R78", "each error has its codes, on every binding", setup=raising)
async def r78(world: World) -> None:
    found = [*(await each_error(world)).items(), *await real_errors(world)]
    for kind, seen in found:
        assert seen.codes == codes_of(kind, world.binding), kind
    if world.binding == JSONRPC:
        await check_broken_calls(world)
    if world.binding == REST:
        assert (await world.rest("GET", "/no/such/path")).status_code == 404
        broken = await world.remote.http.post(
            "/rest/message:send", content=b"{", headers=dict(world.metadata)
        )
        assert (broken.status_code, broken.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")


async def check_broken_calls(world: World) -> None:
    """See the codes that are JSON-RPC's own."""
    call = {"jsonrpc": "2.0", "id": 1, "method": "GetTask", "params": {"id": "unknown"}}
    for body, code in (
        (b"{", -32700),
        (json.dumps({**call, "jsonrpc": "1.0"}).encode(), -32600),
        (b"[]", -32600),
        (json.dumps({**call, "method": "NoSuchMethod"}).encode(), -32601),
        (json.dumps({**call, "params": {"id": 7}}).encode(), -32602),
    ):
        answer = await world.remote.http.post("/", content=body, headers=dict(world.metadata))
        assert answer.json()["error"]["code"] == code, answer.text


@rule("R79", "an error has a code and a message, and each detail says its type", setup=raising)
async def r79(world: World) -> None:
    found = [*(await each_error(world)).items(), *await real_errors(world)]
    for kind, seen in found:
        assert seen.codes, kind
        assert all(code not in (None, "") for code in seen.codes)
        assert seen.message
        assert seen.details, kind
        assert [detail.get("@type") for detail in seen.details][:1] == [INFO]
        assert {detail.get("@type") for detail in seen.details} <= {INFO, VIOLATIONS}
    for kind, seen in found[: len(ERRORS)]:
        assert seen.message == f"this is {kind.__name__}"
    missing = found[len(ERRORS) + 2][1]
    assert [detail["@type"] for detail in missing.details] == [INFO, VIOLATIONS]
    fields = {each["field"] for each in missing.details[1]["fieldViolations"]}
    assert fields == {"message.message_id", "message.parts"}


@rule(
    "R80",
    f"an error's first detail is an ErrorInfo: its reason, the domain {DOMAIN}",
    setup=raising,
)
async def r80(world: World) -> None:
    for kind, seen in [*(await each_error(world)).items(), *await real_errors(world)]:
        detail = seen.details[0] if seen.details else {}
        assert detail.get("domain") == DOMAIN, kind
        assert detail.get("reason") == ERRORS[kind][3]


# -- defects

Change = Callable[[dict[str, Any]], None]


def _changing_errors(setup: Setup, change: Change) -> Setup:
    def changed(answer: Any) -> Any:
        if isinstance(answer, dict) and "error" in answer:
            change(answer["error"])
        return answer

    return changing_answers(setup, changed)


def _details(error: dict[str, Any]) -> list[dict[str, Any]]:
    return list(error.get("data") or error.get("details") or [])


@breaks("R78")
@breaks("R78", binding=REST)
def has_one_code_for_all(setup: Setup) -> Setup:
    return _changing_errors(setup, lambda error: error.update(code=-32603))


@breaks("R78", binding=GRPC)
@breaks("R80", binding=GRPC)
def takes_a_missing_task_for_a_bad_request(setup: Setup) -> Setup:
    class Wrong(Raising):
        async def build(self, context: Any, params: Any = None, *args: Any, **more: Any) -> Any:
            try:
                return await super().build(context, params, *args, **more)
            except TaskNotFoundError as error:
                raise InvalidParamsError(str(error)) from error

    options = {"request_context_builder": Wrong()}
    return replace(setup, options=lambda: {**push_store(), **options})


@breaks("R78")
def has_no_word_for_unknown_methods(setup: Setup) -> Setup:
    def change(error: dict[str, Any]) -> None:
        if error["message"] == MethodNotFoundError.message:
            error["code"] = -32600

    return _changing_errors(setup, change)


@breaks("R79")
@breaks("R79", binding=REST)
def says_nothing(setup: Setup) -> Setup:
    return _changing_errors(setup, lambda error: error.update(message=""))


@breaks("R79")
@breaks("R79", binding=REST)
def has_details_of_no_type(setup: Setup) -> Setup:
    def change(error: dict[str, Any]) -> None:
        for detail in _details(error):
            del detail["@type"]

    return _changing_errors(setup, change)


@breaks("R80")
@breaks("R80", binding=REST)
def has_a_domain_of_its_own(setup: Setup) -> Setup:
    def change(error: dict[str, Any]) -> None:
        for detail in _details(error):
            detail["domain"] = "example.org"

    return _changing_errors(setup, change)
