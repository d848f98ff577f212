"""R83, R90 to R92 and R94: what a client declares along with a request.

Neighbours: `errors.py` (how refusals look).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
from a2a.server.context import ServerCallContext
from a2a.types import AgentExtension
from a2a.utils.errors import ExtensionSupportRequiredError, VersionNotSupportedError
from google.protobuf.json_format import MessageToDict
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.a2a.rules import plays
from tests.a2a.rules.defects import Defect, Proceed, with_handler
from tests.a2a.rules.errors import wrong, wrong_grpc
from tests.a2a.rules.registry import ALL, GRPC, HTTP, JSONRPC, REST, breaks, rule
from tests.a2a.rules.server import Setup
from tests.a2a.rules.world import World, collect

NEEDED, OTHER = "https://example.org/needed/v1", "https://example.org/nice/v1"
EXTENSIONS = "A2A-Extensions"
VERSION = "A2A-Version"


def demanding(setup: Setup) -> Setup:
    """Return the setup of an agent that requires an extension, and knows another."""
    extensions = [
        AgentExtension(uri=NEEDED, required=True),
        AgentExtension(uri=OTHER, required=False),
    ]
    capabilities = {"push_notifications": True, "extensions": extensions}
    return replace(setup, capabilities=capabilities)


@rule(
    "R83",
    "a request that does not declare a required extension is ESR, whatever else it declares; "
    "unknown and optional ones are no matter",
    sdk="nothing is refused, as by a2a-sdk: the agent sees what was declared",
    setup=demanding,
)
async def r83(world: World) -> None:
    for declared in (NEEDED, f"{OTHER}, {NEEDED}", f"{NEEDED},https://example.org/unknown"):
        ready = replace(world, headers={EXTENSIONS: declared})
        task = await ready.task(plays.ask)
        assert (await ready.get(task.id)).id == task.id
        assert NEEDED in world.seen[-1].requested_extensions
    before = len(world.seen)
    for lacking in ({}, {EXTENSIONS: OTHER}, {EXTENSIONS: NEEDED[:-1]}, {EXTENSIONS: ""}):
        short = replace(world, headers=lacking)
        operations = every_operation(short, task.id)
        if not world.spec:
            await collect(operations[1]())
            await operations[2]()
            continue
        for operation in operations:
            error = await short.refused(ExtensionSupportRequiredError, operation())
            assert NEEDED in str(error)
    assert len(world.seen) == before + (0 if world.spec else 4)
    assert (await replace(world, headers={EXTENSIONS: NEEDED}).get(task.id)).id == task.id


def every_operation(world: World, task: str) -> list[Callable[[], Any]]:
    """Operations to try, none begun yet."""
    return [
        lambda: world.send(plays.work),
        lambda: world.stream(plays.work),
        lambda: world.get(task),
        lambda: world.list(),
        lambda: world.cancel(task),
        lambda: world.subscribe(task),
    ]


@breaks("R83", policy="spec")
@breaks("R83", policy="spec", binding=GRPC)
def serves_without_the_extension(setup: Setup) -> Setup:
    return replace(setup, policy=replace(setup.policy, declared="ignored"))


@breaks("R83", error=ExtensionSupportRequiredError)
def refuses_where_the_sdk_does_not(setup: Setup) -> Setup:
    return replace(setup, policy=replace(setup.policy, declared="checked"))


@breaks("R83", policy="spec", error=ExtensionSupportRequiredError)
def demands_optional_extensions(setup: Setup) -> Setup:
    right = demanding(setup)
    for extension in right.capabilities["extensions"]:
        extension.required = True
    return right


async def version(world: World, version: str) -> bool:
    """Tell whether a message of this version is served, by hand; else it must be VNS."""
    world = replace(world, headers={VERSION: version})
    seen = await wrong(world, world.request(plays.work))
    if seen.details:
        assert seen.details[0]["reason"] == "VERSION_NOT_SUPPORTED"
    return not seen.details


@rule(
    "R90",
    "1.0 is served, other major and minor versions are VNS; in HTTP none at all is 0.3",
    sdk="other major versions are VNS; minor ones, and in gRPC all, are served, as by a2a-sdk",
)
async def r90(world: World) -> None:
    assert await version(world, "1.0")
    for minor in ("1.1", "1.9", "1.10"):
        assert await version(world, minor) != world.spec
    for other in ("2.0", "0.2", "10.0", "latest", "1.0beta"):
        lenient = not world.spec and (world.binding == GRPC or other == "1.0beta")
        assert await version(world, other) == lenient, other
    served = len(world.seen)
    for old in ("0.3", ""):
        assert await version(world, old) == (world.binding == GRPC)
    assert len(world.seen) == served + (2 if world.binding == GRPC else 0)
    if world.spec:
        await refuses_everywhere(replace(world, headers={VERSION: "1.9"}))
    if world.binding == JSONRPC:
        parts = [{"kind": "text", "text": "x"}]
        old_message = {"kind": "message", "messageId": "o", "role": "user", "parts": parts}
        answer = await world.rpc("message/send", {"message": old_message}, **{VERSION: ""})
        assert answer["result"]["kind"] == "task"


async def refuses_everywhere(world: World) -> None:
    """See that other operations look at the version, too."""
    await world.refused(VersionNotSupportedError, world.get("any"))
    await world.refused(VersionNotSupportedError, world.list())
    await world.refused(VersionNotSupportedError, world.cancel("any"))
    await world.refused(VersionNotSupportedError, world.stream(plays.work))
    await world.refused(VersionNotSupportedError, world.subscribe("any"))


@breaks("R90", policy="spec")
@breaks("R90", policy="spec", binding=REST)
@breaks("R90", policy="spec", binding=GRPC)
def knows_major_versions_only(setup: Setup) -> Setup:
    return replace(setup, policy=replace(setup.policy, declared="ignored"))


@breaks("R90")
@breaks("R90", binding=REST)
def takes_any_version_for_its_own(setup: Setup) -> Setup:
    return _with_headers(setup, lambda name, value: b"1.0" if name == b"a2a-version" else value)


@rule("R91", "the patch version does not matter")
async def r91(world: World) -> None:
    for patch in ("1.0.0", "1.0.7", "1.0.99"):
        assert await version(world, patch)
        task = await replace(world, headers={VERSION: patch}).task(plays.work)
        assert (await replace(world, headers={VERSION: patch}).get(task.id)).id == task.id


@breaks("R91")
@breaks("R91", binding=REST)
def takes_versions_to_the_letter(setup: Setup) -> Setup:
    def exact(name: bytes, value: bytes) -> bytes:
        return b"0.0" if name == b"a2a-version" and value != b"1.0" else value

    return _with_headers(setup, exact)


@rule("R92", "the version may be in the query; a header has the last word", bindings=HTTP)
async def r92(world: World) -> None:
    headers = {name: value for name, value in world.metadata if name != VERSION.lower()}
    body = MessageToDict(world.request(plays.work))
    rpc = {"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": body}
    path, body = ("/", rpc) if world.binding == JSONRPC else ("/rest/message:send", body)
    # Without the client of the others: a2a-sdk has given that one a version header.
    async with httpx.AsyncClient(base_url=world.remote.http.base_url) as http:

        async def served(query: str, **more: str) -> bool:
            url = f"{path}?{VERSION}={query}" if query else path
            answer = await http.post(url, json=body, headers={**headers, **more})
            return "error" not in answer.json()

        assert await served("1.0")
        assert await served("1.0.3")
        assert not await served("")
        assert not await served("2.0")
        assert await served("2.0", **{VERSION: "1.0"})
        assert not await served("1.0", **{VERSION: "2.0"})
        if world.spec:
            assert not await served("1.9")


@breaks("R92")
@breaks("R92", binding=REST)
def does_not_look_into_the_query(setup: Setup) -> Setup:
    def middleware(app: ASGIApp) -> ASGIApp:
        async def blind(scope: Scope, receive: Receive, send: Send) -> None:
            await app({**scope, "query_string": b""}, receive, send)

        return blind

    return replace(setup, middleware=(*setup.middleware, middleware))


@rule(
    "R94",
    "the version and the extensions are in headers or metadata, in whichever case",
    bindings=ALL,
)
async def r94(world: World) -> None:
    request = world.request(plays.work)
    for cased in (str, str.lower, str.upper):
        if world.binding == GRPC:  # where names are in lower case by the protocol
            metadata = ((VERSION.lower(), "1.0"), (EXTENSIONS.lower(), f"{OTHER},{NEEDED}"))
            user = tuple(pair for pair in world.metadata if pair[0] == "x-user")
            call = world.remote.stub.SendMessage(request, metadata=(*metadata, *user))
            seen = await wrong_grpc(call)
        else:
            names = {cased(VERSION): "1.0", cased(EXTENSIONS): f"{OTHER}, {NEEDED}"}
            seen = await wrong(replace(world, headers=names), request)
        assert not seen.details
        assert world.seen[-1].requested_extensions == {OTHER, NEEDED}
        request = world.request(plays.work)
    await world.task(plays.work)
    assert world.seen[-1].requested_extensions == set()


@breaks("R94")
@breaks("R94", binding=REST)
def drops_extensions(setup: Setup) -> Setup:
    return _with_headers(setup, lambda name, value: b"" if name == b"a2a-extensions" else value)


@breaks("R94", binding=GRPC)
def drops_extensions_of_all(setup: Setup) -> Setup:
    class Drops(Defect):
        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            context.requested_extensions = set()
            return await go(params)

    return with_handler(setup, Drops)


def _with_headers(setup: Setup, change: Callable[[bytes, bytes], bytes]) -> Setup:
    """Return the setup in which the headers of requests are changed on their way in."""

    def middleware(app: ASGIApp) -> ASGIApp:
        async def changed(scope: Scope, receive: Receive, send: Send) -> None:
            headers = [(name, change(name, value)) for name, value in scope.get("headers", ())]
            await app({**scope, "headers": headers}, receive, send)

        return changed

    return replace(setup, middleware=(*setup.middleware, middleware))
