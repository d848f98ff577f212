"""The task core: the chart of a task and the actors that live by it.

Takes its messages from `a2a.types` and its errors from `a2a.utils.errors`, never anything of
`a2a.server`.
"""

try:
    import a2a.types  # noqa: F401 - asked for here, once, so that everybody gets this message
except ImportError as missing:
    raise ImportError(
        "actors.task needs the A2A message types: pip install 'statechart-actors[a2a]'"
    ) from missing
