"""The A2A rules as executable checks, each with a defect that it is known to notice.

`python -m tests.a2a.rules` writes `tests/a2a/rules.md` from what is registered here. The map:

    registry.py   @rule, @breaks: what there is            table.py    rules.md
    plays.py      the agent: what it does is passed along with the message
    server.py     Setup and Server: our handler behind three bindings, in the test's loop
    remote.py     a2a-sdk's client over one binding        world.py    what a check works with
    defects.py    a handler with hooks for defects      wire_defects.py   ASGI middleware for others

All other files hold checks and their breakers, by topic; `tests/a2a/test_rules.py` runs them.
"""
