"""Logs that outlive their actors, and the actor that alone writes and reads them.

The map, each file importing only those above it:

    record.py      Record, and what a fact may be             (values)
    projection.py  rows beside logs, how they are listed      (values)
    fitting.py     whether a row is of its projection         (pure)
    errors.py      what goes wrong
    use.py         one owner of a journal at a time
    port.py        Journal: what storage must keep            (Protocols)
    messages.py    what the JournalActor is told, and tells
    logged.py      LoggedActor: its state is its log          (pure)
    doubt.py       an append that may be stored or not        (pure)
    lanes.py       appends in groups, writers that are void   (state of the actor)
    actor.py       JournalActor                               (pure)
    shell.py       performs its requests on a port            (asyncio)
"""
