"""R70, R71, R89 and R93: how tasks look in JSON.

Neighbours: `listing.py` (R67 to R73: which tasks there are).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
from a2a.server.context import ServerCallContext
from a2a.types import TaskState, TaskStatus, TaskStatusUpdateEvent
from google.protobuf.json_format import MessageToDict

from tests.a2a.rules import plays
from tests.a2a.rules.defects import Defect, Proceed, with_handler
from tests.a2a.rules.framing import on_the_wire
from tests.a2a.rules.listing import listed_json
from tests.a2a.rules.plays import Stage
from tests.a2a.rules.registry import GRPC, HTTP, JSONRPC, REST, breaks, rule
from tests.a2a.rules.server import Setup
from tests.a2a.rules.wire_defects import changing_answers
from tests.a2a.rules.world import World

ALLOWED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3}|\.\d{6})?Z")
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z")
CAMEL = re.compile(r"[a-z][a-zA-Z0-9]*")


@rule("R70", "without includeArtifacts a listed task has no key `artifacts`")
async def r70(world: World) -> None:
    task = await world.task(plays.work)
    assert len(task.artifacts) == 1
    for fields in ({}, {"include_artifacts": False}):
        (listed,) = (await listed_json(world, **fields))["tasks"]
        assert listed["id"] == task.id
        assert not listed.get("artifacts")
        assert world.binding == GRPC or "artifacts" not in listed


@breaks("R70")
@breaks("R70", binding=REST)
def lists_no_artifacts_as_none(setup: Setup) -> Setup:
    def empty(answer: Any) -> Any:
        for task in answer.get("result", answer).get("tasks", ()):
            task.setdefault("artifacts", [])
        return answer

    return changing_answers(setup, empty)


@breaks("R70", binding=GRPC)
def lists_artifacts_uncalled_for(setup: Setup) -> Setup:
    class Includes(Defect):
        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            if op == "list":
                params.include_artifacts = True
            return await go(params)

    return with_handler(setup, Includes)


@rule("R71", "with includeArtifacts each listed task has the key `artifacts`, if it has none, too")
async def r71(world: World) -> None:
    none, some = await world.task(plays.ask), await world.task(plays.work)
    listed = (await listed_json(world, include_artifacts=True))["tasks"]
    artifacts = {task["id"]: task.get("artifacts") for task in listed}
    assert artifacts[none.id] == []
    (shown,) = artifacts[some.id] or [dict[str, Any]()]
    texts = [part.text for part in some.artifacts[0].parts]
    assert [part["text"] for part in shown.get("parts", ())] == texts


@breaks("R71")
@breaks("R71", binding=REST)
def leaves_out_empty_artifacts(setup: Setup) -> Setup:
    def without(answer: Any) -> Any:
        for task in answer.get("result", answer).get("tasks", ()):
            if not task.get("artifacts"):
                task.pop("artifacts", None)
        return answer

    return changing_answers(setup, without)


@breaks("R71", binding=GRPC)
def never_lists_artifacts(setup: Setup) -> Setup:
    class Never(Defect):
        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            if op == "list":
                params.include_artifacts = False
            return await go(params)

    return with_handler(setup, Never)


def named(value: Any, name: str) -> Iterator[Any]:
    """Everything of this name in JSON, at any depth."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from (each,) if key == name else named(each, name)
    if isinstance(value, list):
        for each in value:
            yield from named(each, name)


@rule(
    "R89",
    "times are UTC with a Z, to the millisecond where they are the server's; those that an agent "
    "sets are passed on",
)
async def r89(world: World) -> None:
    async def says_no_time(stage: Stage) -> None:
        await stage.begin()
        await stage.status(TaskState.TASK_STATE_WORKING)
        await stage.status(TaskState.TASK_STATE_COMPLETED)

    async def says_when(stage: Stage) -> None:
        await stage.begin()
        status = TaskStatus(state=TaskState.TASK_STATE_COMPLETED)
        status.timestamp.FromJsonString("2100-01-01T01:00:00.123456+01:00")
        said = TaskStatusUpdateEvent(status=status, task_id=stage.to.task_id)
        said.context_id = stage.to.context_id
        await stage.emit(said)

    stream = await on_the_wire(world, world.request(says_no_time))
    sent = await world.sent_json(world.request(says_no_time))
    whole = [
        sent,
        await world.got_json(sent["task"]["id"]),
        await listed_json(world),
        [MessageToDict(event) for event in stream],
    ]
    for said in whole:
        stamps = list(named(said, "timestamp"))
        assert stamps
        assert all(STAMP.fullmatch(stamp) for stamp in stamps), stamps
    told = await world.sent_json(world.request(says_when))
    assert list(named(told, "timestamp")) == ["2100-01-01T00:00:00.123456Z"]
    worked = await world.sent_json(world.request(plays.work))
    assert all(ALLOWED.fullmatch(stamp) for stamp in named(worked, "timestamp"))


@breaks("R89")
@breaks("R89", binding=REST)
def tells_local_times(setup: Setup) -> Setup:
    def local(answer: Any) -> Any:
        if isinstance(answer, dict):
            return {
                name: each.replace("Z", "+00:00") if name == "timestamp" else local(each)
                for name, each in answer.items()
            }
        return [local(each) for each in answer] if isinstance(answer, list) else answer

    return changing_answers(setup, local)


@breaks("R89", binding=GRPC)
def tells_microseconds(setup: Setup) -> Setup:
    class Finer(Defect):
        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            answer = await go(params)
            if op == "get":
                answer.status.timestamp.nanos += 1000
            return answer

    return with_handler(setup, Finer)


@rule("R93", "JSON and queries have camelCase names, and enums by name", bindings=HTTP)
async def r93(world: World) -> None:
    context = f"c {world.user}"
    message = {
        "messageId": f"golden {world.user}",
        "role": "ROLE_USER",
        "contextId": context,
        "parts": [{"text": "go", "mediaType": "text/plain"}],
    }
    configuration = {"historyLength": 1, "acceptedOutputModes": ["text/plain"]}
    sent = await asked(world, "SendMessage", message=message, configuration=configuration)
    task = sent["task"]["id"]
    ids = {"contextId": context, "taskId": task}
    assert len(sent["task"].pop("history")) == 1
    status = sent["task"].pop("status")
    assert status.pop("timestamp")
    assert status == {"state": "TASK_STATE_COMPLETED"}
    parts = [{"text": f"chunk {number}"} for number in range(3)]
    golden = {
        "id": task,
        "contextId": context,
        "artifacts": [{"artifactId": "result", "parts": parts}],
    }
    assert sent == {"task": golden}
    got = await asked(world, "GetTask", id=task)
    (mine, its) = got["history"]
    assert mine == {**message, **ids}
    assert its.pop("messageId")
    assert its == {"role": "ROLE_AGENT", "parts": [{"text": "on it"}], **ids}
    assert "history" not in await asked(world, "GetTask", id=task, historyLength=0)
    page = await asked(
        world,
        "ListTasks",
        contextId=context,
        status="TASK_STATE_COMPLETED",
        pageSize=1,
        includeArtifacts=True,
        statusTimestampAfter="2020-01-01T00:00:00Z",
    )
    (listed,) = page.pop("tasks")
    assert [artifact["artifactId"] for artifact in listed["artifacts"]] == ["result"]
    assert page == {"nextPageToken": "", "pageSize": 1, "totalSize": 1}
    hook = {"taskId": task, "url": "http://hook.test/", "authentication": {"scheme": "Bearer"}}
    made = await asked(world, "CreateTaskPushNotificationConfig", **hook)
    assert made.pop("id")
    assert made == hook
    for said in (sent, got, listed, page, made):
        assert all(CAMEL.fullmatch(name) for name in names(said))


async def asked(world: World, method: str, **params: Any) -> dict[str, Any]:
    """Call a method by hand; in REST what is no body is a query."""
    if world.binding == JSONRPC:
        return dict((await world.rpc(method, params)).get("result", {}))
    task = params.get("id", "")
    query = {name: value for name, value in params.items() if name != "id"}
    match method:
        case "SendMessage":
            answer = await world.rest("POST", "/message:send", params)
        case "GetTask":
            answer = await world.rest("GET", f"/tasks/{task}?{httpx.QueryParams(query)}")
        case "ListTasks":
            answer = await world.rest("GET", f"/tasks?{httpx.QueryParams(query)}")
        case _:
            path = f"/tasks/{params['taskId']}/pushNotificationConfigs"
            answer = await world.rest("POST", path, params)
    return dict(answer.json())


def names(value: Any) -> Iterator[str]:
    """The names of all fields in JSON, at any depth."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield name
            yield from names(each)
    if isinstance(value, list):
        for each in value:
            yield from names(each)


@breaks("R93")
@breaks("R93", binding=REST)
def speaks_in_snakes(setup: Setup) -> Setup:
    def snake(answer: Any) -> Any:
        if isinstance(answer, dict):
            return {name.replace("Id", "_id"): snake(each) for name, each in answer.items()}
        return [snake(each) for each in answer] if isinstance(answer, list) else answer

    return changing_answers(setup, snake)


@breaks("R93")
def counts_states(setup: Setup) -> Setup:
    def numbered(answer: Any) -> Any:
        if isinstance(answer, dict):
            return {name: numbered(each) for name, each in answer.items()}
        if isinstance(answer, list):
            return [numbered(each) for each in answer]
        is_state = isinstance(answer, str) and answer in TaskState.keys()  # noqa: SIM118 - no dict
        return TaskState.Value(answer) if is_state else answer

    return changing_answers(setup, numbered)
