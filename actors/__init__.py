"""Actors with statecharts, and on them the task core of an A2A agent server.

Imports go one way: `actors.runtime` knows only `statechart`; `actors.task` knows both;
`actors.storage`, `actors.telemetry` and `actors.a2a` know `actors.task`, and of one another no more
than `tests/test_layers.py` says; `actors.simulation` and `actors.cli` are on top of all that.
"""
