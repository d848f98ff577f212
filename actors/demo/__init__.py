"""The demo: `agent.py`, an agent to read and copy, and `tour.py`, which shows it through a crash.

The map, each file importing only those above it:

    agent.py    a travel desk
    process.py  its server, killed and started again
    proof.py    no gap, no duplicate
    tour.py     the scripted tour

It may import everything: `actors.a2a` nothing of it, `actors.cli` for reaching and showing.
"""
