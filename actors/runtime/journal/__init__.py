"""Logs that outlive their actors, and the actor that alone writes and reads them.

record.py      Record, and what a fact may be           (values)
projection.py  rows beside logs, and how they are listed (values)
errors.py      what goes wrong
port.py        Journal: what storage must keep           (Protocols)
messages.py    what the JournalActor is told, and tells
doubt.py       an append that may be stored or not       (pure)
lanes.py       appends in groups, writers that are void  (state of the actor)
actor.py       JournalActor                              (pure)
shell.py       performs its requests on a port           (asyncio)
"""
