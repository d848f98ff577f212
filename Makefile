# Every target sets itself up: a virtual environment in .venv, made with $(PYTHON) and filled from
# constraints.txt, again when pyproject.toml or constraints.txt change.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
# File name and address of every chart that is drawn.
CHARTS := task-sdk=actors.task.chart:sdk_chart task-spec=actors.task.chart:spec_chart \
	traffic-light=statechart.examples:TRAFFIC_LIGHT order=statechart.examples:ORDER

.DEFAULT_GOAL := help
.PHONY: help run test check diagrams w3c bench bench-quick bench-plot bench-parts soak

help: ## say what there is (the default)
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

run: $(READY) ## see it work: a server, an agent, a crash, nothing lost (20 seconds)
	@$(BIN)/actors demo

test: $(READY) ## run all tests
	@$(BIN)/pytest --numprocesses auto --dist loadfile

check: $(READY) ## lint, formatting, types, architecture
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/pytest -q tests/test_layers.py tests/test_maps.py

w3c: $(READY) ## run the W3C's SCXML tests that need no scripting (downloads them)
	@$(BIN)/python -m tests.w3c

bench: $(READY) ## measure the task core beside a2a-sdk, against its targets; forty minutes
	@$(BIN)/python -m tests.bench.suite.program $(BENCH)

bench-quick: $(READY) ## the same, a few rows of it; two minutes
	@$(BIN)/python -m tests.bench.suite.program --quick $(BENCH)

bench-plot: $(READY) ## draw what the last `make bench` has found, in diagrams/
	@$(BIN)/python -m tests.bench.suite.plots

bench-parts: $(READY) ## measure charts, actors, journals and the simulator, beside others; ten minutes
	@$(BIN)/python -m tests.bench.step
	@$(BIN)/python -m tests.bench.actors
	@$(BIN)/python -m tests.bench.simulation
	@$(BIN)/python -m tests.bench.journal
	@$(BIN)/python -m tests.bench.stalled
	@$(BIN)/python -m tests.bench.webhooks

soak: $(READY) ## random charts, mutants, schedules, kills, damage, load; up to four hours, resumable
	@$(BIN)/python -m tests.soak.differential --minutes 50
	@$(BIN)/python -m tests.soak.mutants
	@$(BIN)/python -m tests.soak.simulation --minutes 20
	@$(BIN)/python -m tests.soak.crash --minutes 60
	@$(BIN)/python -m tests.soak.fuzz --minutes 20
	@$(BIN)/python -m tests.soak.histories --minutes 10
	@$(BIN)/python -m tests.soak.handlers --minutes 30
	@$(BIN)/python -m tests.soak.sockets --minutes 5
	@$(BIN)/python -m tests.soak.surface --minutes 5
	@$(BIN)/python -m tests.soak.load --minutes 30

diagrams: $(READY) ## draw the charts again, in diagrams/ and README.md (needs graphviz)
	@command -v dot >/dev/null || { echo "make diagrams needs graphviz: 'dot' is not on PATH" >&2; exit 1; }
	@for chart in $(CHARTS); do \
		draw="$(BIN)/python -m statechart draw $${chart#*=}"; file="diagrams/$${chart%%=*}"; \
		$$draw --output $$file.mmd && \
		$$draw --format svg --output $$file.svg && \
		$$draw --format answers --output $$file.md || exit 1; \
	done
	@$(BIN)/python diagrams/embed.py

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "this needs Python 3.11 or newer, $(PYTHON) is not: make PYTHON=python3.11" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing into .venv ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]' -c constraints.txt
	@touch $@
