"""Entry point of `python -m actors`."""

from actors.cli import main

main()
