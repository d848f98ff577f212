"""The task core: the chart of a task and the actors that live by it.

The map, each file importing only those above it (and `actors.runtime`, `statechart`):

    what may happen to a task, and what is said of it
        policy.py     open questions, answered
        chart.py      what may happen
        rules.py      policy and chart, for deciding
        record.py     what one stored fact says
        fold.py       Task + record -> Task
        listing.py    the row by which tasks are listed
        ports.py      what is needed of the world
        messages.py   what a TaskActor is told
        kept.py       what readers have made of records
        orders.py     what it tells the others
        events.py     the core's own events, words for refusals

    who reads a task along
        fanout.py     FanOutActor: cursors, a ring of records
        reader.py     one reader, page by page

    what a task decides
        settle.py     what a message is answered with
        state.py      what it has decided
        draft.py      one step's changes of that
        release.py    what an acknowledgement frees
        turns.py      whose turn it is to run
        hooks.py      its webhooks
        readers.py    its readers
        requests.py   send, cancel, get
        runs.py       what agents emit, how runs end
        sweeping.py   making room
        decide.py     message -> decision
        revive.py     from a log to a live task
        actor.py      TaskActor: one per live task
        views.py      tasks that are only read

    who runs agents, tells webhooks, makes room
        runner.py     RunnerActor: at most one run a task
        delivery.py   how webhooks are tried, how long
        traffic.py    how many at once
        courier.py    one webhook, what it has to hear
        attempts.py   what became of attempts
        leftover.py   webhooks of an earlier process
        rounds.py     one webhook after another
        outbox.py     OutboxActor: tells webhooks of records
        retention.py  how long tasks are kept

    all of it
        core.py       TaskCore: wired, and the asks
        again.py      the same message once more

Takes its messages from `a2a.types` and its errors from `a2a.utils.errors`, never anything of
`a2a.server`.
"""

try:
    import a2a.types  # noqa: F401 - asked for here, once, so that everybody gets this message
except ImportError as missing:
    raise ImportError(
        "actors.task needs the A2A message types: pip install 'statechart-actors[a2a]'"
    ) from missing
