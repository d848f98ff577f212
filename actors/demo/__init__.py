"""The demo: `agent.py`, an agent to read and copy, and `tour.py`, which shows it through a crash.

It may import everything: `actors.a2a` nothing of it, `actors.cli` for reaching and showing.
"""
