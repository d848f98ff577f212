"""Entry point of `python -m statechart`."""

import sys

from statechart.cli import main

sys.exit(main())
