# The two commands a person needs are `make demo` and `make test`; `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# Most tests wait for a process more than for a processor, so there is one more of them than of processors; two where
# none of them lasts.
TEST_PROCESSES ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
FAULTS_TABLE ?= faults.md
# How many random histories each test plays in its long form.
EXAMPLES ?= 3000
# Bytecode is kept, whatever the environment says: each of the hundreds of processes would compile all of it again.
export PYTHONDONTWRITEBYTECODE :=
# Options of pytest for the long forms, such as --ignore=tests/faults.
SOAK ?=

.PHONY: demo test test-slow test-fast soak lint bench bench-activation bench-deliveries bench-hostile bench-identity bench-peers bench-warehouse docs-reference help clean

demo: $(VENV)/installed  ## start the whole stack, import CDNOW, play a live shop (DEMO_SECONDS=20 for a short run)
	@$(BIN)/onefold demo

test: $(VENV)/installed-test lint  ## all checks and the test suite, on the real parts
	$(BIN)/pytest -n $$(($(TEST_PROCESSES) + 1)) -m "not slow"

test-slow: $(VENV)/installed-test  ## more of what the suite shows once: other kills, damaged stores, long chapters
	$(BIN)/pytest -n $(TEST_PROCESSES) -m slow

test-fast: $(VENV)/installed-test  ## the tests that need neither Kafka nor ClickHouse, with few random histories: a minute
	$(BIN)/pytest -n $$(($(TEST_PROCESSES) + 1)) -m "not stack and not slow" --examples 4

soak: $(VENV)/installed-test  ## the long forms: many kills, outages, random histories; the faults' figures go to faults.md
	$(BIN)/pytest -n $(TEST_PROCESSES) --soak --examples $(EXAMPLES) --figures $(FAULTS_TABLE) $(SOAK)

lint: $(VENV)/installed-test  ## types, style, import layers, deployment files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/installed-test  ## throughput, latency and memory on this machine
	$(BIN)/python -m bench

bench-activation: $(VENV)/installed-test  ## lag of exits, latency of entries, back-fills beside live events (ACTIVATION="--small --only exits")
	$(BIN)/python -m bench.activation $(ACTIVATION)

bench-deliveries: $(VENV)/installed-test  ## webhooks a second, latency, isolation, memory (DELIVERIES="--small --only latency")
	$(BIN)/python -m bench.deliveries $(DELIVERIES)

bench-hostile: $(VENV)/installed-test  ## ten minutes of attacks: latency of ordinary senders, memory
	$(BIN)/python -m bench.hostile

bench-identity: $(VENV)/installed-test  ## how right identity is on real and labelled data, and how fast an unmerge
	$(BIN)/python -m bench.identity

bench-peers: $(VENV)/installed-test  ## one stateful job on Onefold and on its peers (PEERS="--events 1500000 --only ...")
	$(BIN)/python -m bench.peers $(PEERS)

bench-warehouse: $(VENV)/installed-test  ## how long analysts wait: ten million events, this layout and the one before
	$(BIN)/python -m bench.warehouse

docs-reference: $(VENV)/installed  ## write docs/reference/ and the schema of definitions anew
	@$(BIN)/python -m warehouse.reference > docs/reference/tables.md
	@$(BIN)/python -m definitions.schema.reference > docs/reference/definitions.md
	@$(BIN)/python -m onefold definitions schema > definitions/schema/definitions.schema.json

# Python is checked before anything is made, so that a wrong one is told in a line.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if (3, 11) <= v < (3, 14) else f"Onefold needs Python 3.11 to 3.13, and {sys.executable} is {v.major}.{v.minor}. Set PYTHON=python3.12, for example.")'
	@echo "Making a virtual environment in $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing Onefold and what it needs (about a minute) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

# Python compiles what is imported when it first is: pip would take half of its time for what nobody imports.
$(VENV)/installed-test: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing Onefold, what it needs and what its tests need ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt -e '.[test]'
	@touch $@ $(VENV)/installed

clean:  ## remove the virtual environment and the data of `onefold up` in this folder
	rm -rf $(VENV) .onefold

help:
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|'
