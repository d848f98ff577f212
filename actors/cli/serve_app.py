"""`actors serve`: its options and help.

Neighbours: `app.py` (adds it), `serve.py` (what it does).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from actors.cli.failure import CommandError
from actors.cli.options import DEFAULT_DATABASE, AllowWebhooks, Database
from actors.cli.words import Durability, Level, LogFormat, Preset, Recovery, duration


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=_SERVE_EXAMPLES)(serve)


_SERVE_EXAMPLES = """
Examples:

    actors serve actors.demo.agent:TravelDesk

    actors serve my_agent:MyExecutor --port 9000 --database /var/lib/my-agent.db

    actors serve my_agent:make_executor --recovery rerun --card card.json

    actors serve my_agent:MyExecutor --database postgresql://me@localhost/agents --keep 30d

    actors serve my_agent:MyExecutor --allow-webhooks 10.0.0.0/8 --allow-webhooks hooks.internal
"""


def serve(
    agent: Annotated[
        str,
        typer.Argument(
            metavar="MODULE:EXECUTOR",
            help="An AgentExecutor: class, instance, or function without arguments that makes one.",
        ),
    ],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="For JSON-RPC (/) and REST (/rest).")
    ] = 8000,
    grpc_port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, help="For gRPC; 0 serves none.", show_default="the port after --port"
        ),
    ] = None,
    database: Database = DEFAULT_DATABASE,
    durability: Annotated[
        Durability, typer.Option(help="Of a file: what an acknowledged event survives.")
    ] = Durability.PROCESS,
    policy: Annotated[
        Preset,
        typer.Option(help="Behave as clients of a2a-sdk expect, or as the specification says."),
    ] = Preset.SDK,
    recovery: Annotated[
        Recovery,
        typer.Option(help="After a crash: fail what was running, run it again, or let it wait."),
    ] = Recovery.FAIL,
    deduplicate: Annotated[
        bool | None,
        typer.Option(
            "--deduplicate/--no-deduplicate",
            help="Answer a message id that comes again with its first answer.",
            show_default="as the policy",
        ),
    ] = None,
    keep: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="How long tasks are kept that have ended: 12h, 30d. Looked at every 10 minutes, "
            "or each tenth of the time if that is shorter, so they go that much later.",
            show_default="for ever",
        ),
    ] = None,
    keep_records: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="How long a task at rest keeps the events that led there, for streams to resume; "
            "looked at as --keep.",
            show_default="for ever",
        ),
    ] = None,
    card: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Agent card (JSON). By default `agent_card` of the executor or its module, "
            "else one made from the class.",
        ),
    ] = None,
    drain: Annotated[
        float, typer.Option(metavar="SECONDS", min=0, help="How long runs may go on at the end.")
    ] = 10.0,
    max_message_bytes: Annotated[
        int,
        typer.Option(
            min=1, max=60 * 1024 * 1024, metavar="BYTES", help="Of one message of a client."
        ),
    ] = 10 * 1024 * 1024,
    streams_per_owner: Annotated[
        int, typer.Option(min=0, metavar="N", help="Open streams of one user; 0: any number.")
    ] = 10_000,
    runs_per_owner: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="N",
            help="Messages of one user that the agent works on at once; 0: any number.",
        ),
    ] = 10_000,
    rate: Annotated[
        float | None,
        typer.Option(
            min=0.001,
            metavar="N",
            help="Requests per second of one user, of which as many may come at once.",
            show_default="any number",
        ),
    ] = None,
    connections: Annotated[
        int,
        typer.Option(
            min=1, metavar="N", help="Over HTTP at once; fewer if the system allows fewer files."
        ),
    ] = 10_000,
    allow_webhooks: AllowWebhooks = None,
    log_level: Annotated[Level, typer.Option(help="How much to log on stderr.")] = Level.WARNING,
    log_format: Annotated[
        LogFormat, typer.Option(help="Lines for people, or one JSON object each.")
    ] = LogFormat.TEXT,
    metrics: Annotated[
        bool | None,
        typer.Option(
            "--metrics/--no-metrics",
            help="Serve /metrics for Prometheus; needs the extra `telemetry`.",
            show_default="if that is installed",
        ),
    ] = None,
) -> None:
    """Serve an agent over JSON-RPC, REST and gRPC; its tasks survive a crash."""
    from actors.a2a import Limit, Limits, Policy, Retention
    from actors.cli import serve as serving

    if grpc_port == port:
        raise CommandError(f"--port and --grpc-port are both {port}: give each its own", 2)
    preset = Policy.sdk if policy is Preset.SDK else Policy.spec
    with _judging("--drain"):
        chosen = preset(recovery=recovery.value, drain=drain)
    if deduplicate is not None:
        chosen = replace(chosen, deduplicate=deduplicate)
    with _judging("--keep, --keep-records"):
        limit = Limit(age=duration(keep)) if keep is not None else Limit()
        records = duration(keep_records) if keep_records is not None else None
        retention = Retention.terminal(limit, records=records)
    with _judging("--rate"):
        limits = Limits(
            message_bytes=max_message_bytes,
            body_bytes=2 * max_message_bytes,  # a character may take more in JSON
            streams=streams_per_owner or None,
            runs=runs_per_owner or None,
            rate=rate,
        )
    options = serving.Options(
        agent=agent,
        host=host,
        port=port,
        grpc_port=(port + 1) % 65536 if grpc_port is None else grpc_port,  # 65536: no gRPC
        database=database,
        durability=durability.value,
        policy=chosen,
        retention=retention,
        card=card,
        limits=limits,
        connections=connections,
        allow_webhooks=tuple(allow_webhooks or ()),
        log_level=log_level.value,
        log_format=log_format,
        metrics=metrics,
    )
    serving.serve(options, Console())


@contextmanager
def _judging(option: str) -> Iterator[None]:
    """Tell what is refused of an option's value.

    Raises:
        CommandError: in place of a ValueError.
    """
    try:
        yield
    except ValueError as error:
        raise CommandError(f"{option}: {error}", 2) from error
