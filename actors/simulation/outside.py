"""The outside world that a simulated loop does not have: threads, sockets, processes, signals.

Their timing and their answers are not ours, so no replay could repeat them. Whoever asks for one is
told which, and what to do instead, rather than waiting for ever.

Neighbours: `loop.py` (what there is instead), `traps.py` (the same for clocks and chance).
"""

from __future__ import annotations

import asyncio
from typing import Any


class NotSimulated(NotImplementedError):  # noqa: N818 - says what is the matter
    """Something was asked of the event loop that a simulation cannot repeat."""

    def __init__(self, method: str) -> None:
        super().__init__(
            f"the simulated event loop has no {method}: no replay can repeat threads, sockets, "
            "processes and signals; put what needs them behind an async function of yours, and "
            "pass the scenario one that answers by itself"
        )


def _refused(method: str) -> Any:
    def refuse(*_: object, **__: object) -> Any:
        raise NotSimulated(method)

    return refuse


class Inside(asyncio.BaseEventLoop):
    """An event loop without an outside."""

    run_in_executor = _refused("run_in_executor (asyncio.to_thread uses it)")
    set_default_executor = _refused("set_default_executor")
    getaddrinfo = _refused("getaddrinfo")
    getnameinfo = _refused("getnameinfo")
    create_connection = _refused("create_connection")
    create_server = _refused("create_server")
    create_unix_connection = _refused("create_unix_connection")
    create_unix_server = _refused("create_unix_server")
    create_datagram_endpoint = _refused("create_datagram_endpoint")
    connect_accepted_socket = _refused("connect_accepted_socket")
    connect_read_pipe = _refused("connect_read_pipe")
    connect_write_pipe = _refused("connect_write_pipe")
    start_tls = _refused("start_tls")
    sendfile = _refused("sendfile")
    subprocess_exec = _refused("subprocess_exec")
    subprocess_shell = _refused("subprocess_shell")
    add_reader = _refused("add_reader")
    add_writer = _refused("add_writer")
    add_signal_handler = _refused("add_signal_handler")
    sock_connect = _refused("sock_connect")
    sock_accept = _refused("sock_accept")
    sock_recv = _refused("sock_recv")
    sock_sendall = _refused("sock_sendall")
