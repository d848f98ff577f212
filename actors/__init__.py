"""Actors with statecharts, and on them the task core of an A2A agent server.

Imports go one way: `actors.runtime` knows only `statechart`; `actors.task` knows both;
`actors.storage`, `actors.a2a`, `actors.simulation` and `actors.cli` know `actors.task` and not
one another (the command line may know all). A test holds that.
"""
