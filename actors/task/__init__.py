"""The task core: the chart of a task and the actors that live by it.

The map, each file importing only those above it (and `actors.runtime`, `statechart`):

    policy.py    open questions, answered        record.py    one stored fact
    chart.py     what may happen                 fold.py      Task + record -> Task
    ports.py     what is needed of the world
    messages.py  what a TaskActor is told        orders.py    what it tells the others
    events.py    the core's own events, words for refusals
    rules.py     policy + chart, for deciding    state.py     decided state, the draft of a step
    fanout.py    FanOutActor: cursors, live tail kept.py      what its readers share
    reader.py    one reader, page by page
    release.py   what an acknowledgement frees
    readers.py   who reads along
    requests.py  send, cancel, get
    runs.py      what agents emit, how runs end
    decide.py    message -> decision             revive.py    from a log to a live task
    actor.py     TaskActor                       views.py     reads, folded
    doubt.py     stored, or fenced?              lanes.py      what is being stored
    journal.py   JournalActor: groups            shell.py     performs them
    runner.py    RunnerActor                     outbox.py    OutboxActor
    core.py      all of it wired, and the asks

Takes its messages from `a2a.types` and its errors from `a2a.utils.errors`, never anything of
`a2a.server`.
"""

try:
    import a2a.types  # noqa: F401 - asked for here, once, so that everybody gets this message
except ImportError as missing:
    raise ImportError(
        "actors.task needs the A2A message types: pip install 'statechart-actors[a2a]'"
    ) from missing
