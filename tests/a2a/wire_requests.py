"""Requests picked by hand, for `test_wire_same.py`; names of tasks are placeholders."""

from __future__ import annotations

import json
from typing import Any

from actors.a2a.wire.rest import OPERATIONS


def rpc(method: Any, params: Any, **more: Any) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": "seven", "method": method, "params": params, **more})


def message(text: str, **more: Any) -> dict[str, Any]:
    return {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": text}], **more}


HOOK = {"taskId": "DONE", "id": "h", "url": "http://127.0.0.1/hook"}

CALLS: dict[str, list[Any]] = {
    "SendMessage": [
        {"message": message("work — ünïcode")},
        {"message": message("reply")},
        {"message": message("ask"), "configuration": {"historyLength": 0}},
        {"message": message("fail")},
        {"message": message("fail_first")},
        {"message": message("silent")},
        {"message": message("work", taskId="none")},
        {"message": message("work", taskId="DONE")},
        {"message": message("work", taskId="DONE", contextId="another")},
        {"message": message("work", metadata={"n": float("nan")})},
        {"message": {"role": "ROLE_USER"}},
        {"message": message("work"), "configuration": {"historyLength": -1}},
        {"message": message("work"), "tenant": "acme", "unknown": {"field": 1}},
        {"message": message("work"), "configuration": {"taskPushNotificationConfig": HOOK}},
    ],
    "GetTask": [
        {"id": "DONE"},
        {"id": "none"},
        {},
        {"id": 7},
        {"id": "DONE", "historyLength": 1},
        {"id": "DONE", "historyLength": -1},
        {"id": "DONE", "tenant": "acme"},
    ],
    "CancelTask": [{"id": "GONE"}, {"id": "GONE"}, {"id": "DONE"}, {"id": "none"}, {}],
    "ListTasks": [
        {"contextId": "none"},
        {"pageSize": 0},
        {"pageSize": 101},
        {"pageToken": "x"},
        {"contextId": "none", "includeArtifacts": True},
        {"status": "TASK_STATE_AWAY"},
        {"statusTimestampAfter": "yesterday"},
    ],
    "CreateTaskPushNotificationConfig": [HOOK, {**HOOK, "taskId": "none"}, {"taskId": "DONE"}],
    "GetTaskPushNotificationConfig": [{"taskId": "DONE", "id": "h"}, {"taskId": "DONE", "id": "x"}],
    "ListTaskPushNotificationConfigs": [{"taskId": "DONE"}, {"taskId": "none"}, {}],
    "DeleteTaskPushNotificationConfig": [
        {"taskId": "DONE", "id": "h"},
        {"taskId": "none", "id": "h"},
    ],
    "GetExtendedAgentCard": [{}, {"tenant": "acme"}],
    "SubscribeToTask": [{"id": "DONE"}, {"id": "none"}, {}],
    "Nonsense": [{}],
}
CALLS["SendStreamingMessage"] = [
    params for params in CALLS["SendMessage"] if "fail_first" not in json.dumps(params)
]  # there ours has answered when the message was stored, so the error comes as an event
CALLS["SendStreamingMessage"].remove({"message": message("silent")})  # likewise


ODD_IDS: tuple[Any, ...] = (0, -1, 10**30, "", "ü", None, True, 1.5, [], {})
ODD_METHODS: tuple[Any, ...] = (7, None, [], {}, "", "message/send")
ODD_CALLS: dict[str, str | bytes] = {
    "broken": "{broken",
    "empty": "",
    "a batch": "[" + rpc("GetTask", {"id": "x"}) + "]",
    "a number": "7",
    "nothing": "null",
    "deep params": '{"jsonrpc":"2.0","id":1,"method":"GetTask","params":'
    + '{"id":' * 500
    + "1"
    + "}" * 501,
    "another member": rpc("GetTask", {"id": "DONE"}, more=1),
    "an old version": rpc("GetTask", {"id": "DONE"}, jsonrpc="1.0"),
    "no version": json.dumps({"id": 1, "method": "GetTask", "params": {"id": "DONE"}}),
    "no params": json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ListTasks"}),
    "no id": json.dumps({"jsonrpc": "2.0", "method": "GetTask", "params": {"id": "DONE"}}),
    **{
        f"params {params!r}": rpc("GetTask", params)
        for params in ([], [1], "", "id", None, 7, True)
    },
    **{f"id {number!r}": rpc("GetTask", {"id": "DONE"}, id=number) for number in ODD_IDS},
    **{f"method {method!r}": rpc(method, {}) for method in ODD_METHODS},
    "of 0.3": rpc("tasks/get", {"id": "DONE"}),
    "0.3, streamed": rpc(
        "message/stream",
        {
            "message": {
                "messageId": "m",
                "role": "user",
                "kind": "message",
                "parts": [{"kind": "text", "text": "work"}],
            }
        },
    ),
}


def rest_requests() -> list[tuple[str, str, str | bytes]]:
    found: list[tuple[str, str, str | bytes]] = []
    for method in ("SendMessage", "SendStreamingMessage"):
        path = "/message:send" if method == "SendMessage" else "/message:stream"
        found += [
            ("POST", path, json.dumps(p)) for p in CALLS[method] if "fail" not in json.dumps(p)
        ]
        found += [("POST", path, body) for body in ("", "{", "[]", '{"message": 5}', "null")]
    queries = (
        "",
        "?historyLength=0",
        "?historyLength=x",
        "?historyLength=-1",
        "?id=other",
        "?more=1",
    )
    found += [
        ("GET", f"/tasks/{task}{query}", "")
        for task in ("DONE", "none", "a%20b")
        for query in queries
    ]
    lists = (
        "contextId=none",
        "pageSize=0",
        "pageSize=101",
        "pageToken=x",
        "status=NONE",
        "pageSize=x",
        "contextId=none&includeArtifacts=true",
        "statusTimestampAfter=then",
        "context_id=none",
    )
    found += [("GET", f"/tasks?{query}", "") for query in lists]
    found += [("POST", f"/tasks/{task}:cancel", "{}") for task in ("DONE", "none")]
    found += [
        (verb, f"/tasks/{task}:subscribe", "")
        for verb in ("GET", "POST")
        for task in ("DONE", "none")
    ]
    hooks = "/tasks/DONE/pushNotificationConfigs"
    found += [("POST", hooks, json.dumps(HOOK)), ("POST", hooks, "{"), ("GET", hooks, "")]
    found += [("GET", f"{hooks}/h", ""), ("GET", f"{hooks}/x", ""), ("DELETE", f"{hooks}/h", "")]
    found += [
        ("GET", "/extendedAgentCard", ""),
        ("POST", "/extendedAgentCard", ""),
        ("GET", "/none", ""),
    ]
    for _, path in {(0, key[0]) for key in OPERATIONS}:
        at = path.format(id="DONE", push_id="h")
        found += [
            (verb, at, "")
            for verb in ("PUT", "DELETE", "OPTIONS", "HEAD")
            if verb != "DELETE" or "push_id" not in path
        ]
    found += [
        ("GET", "/v1/tasks/DONE", ""),
        ("POST", "/v1/message:send", "{}"),
        ("GET", "/v1/card", ""),
    ]
    return sorted(found, key=str)
