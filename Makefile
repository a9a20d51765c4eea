# What one does with this checkout. All of it runs from .venv, which is made of the locked dependencies where it is missing
# or older than they are. Needs Python 3.11 or newer and nothing else; the targets on containers need docker compose.

PYTHON =
ARGS =
# A worker for each core, with servers of its own: worth its start for the whole suite, not for a few files.
PARALLEL = $(if $(ARGS),,-n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder)
BIN = .venv/bin
COMPOSE = docker compose
COMPILE = UV_CACHE_DIR=.venv/uv-cache $(BIN)/uv pip compile --quiet pyproject.toml --extra embedded --extra otel --group dev --universal \
	--python-version 3.11 --generate-hashes --no-annotate --custom-compile-command 'make lock'
PIP = $(BIN)/python -m pip -qq --disable-pip-version-check --no-input

# Without its cache of bytecode, Python compiles everything again in each process that a test starts.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help up unit test coverage soak bench load check check-lock fmt proto docs lock migrate-up migrate-down build run test-integration

help: ## This list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | while IFS='	' read -r name what; do printf '%-18s%s\n' "$$name" "$$what"; done

up: .venv/made ## Everything on this machine, with a sample; Ctrl-C stops it (ARGS=--no-sample: empty)
	@$(BIN)/python -m cqar up $(ARGS)

unit: .venv/made ## The tests that need no server (ARGS: what pytest takes)
	$(BIN)/python -m pytest -q -m unit $(ARGS)

test: .venv/made ## The whole suite, side by side, on real servers and free ports (ARGS: a path or what else pytest takes)
	$(BIN)/python -m pytest -q -rs --durations=10 $(PARALLEL) $(ARGS)

coverage: .venv/made ## Lines that the tests run, by package; fails where that is less than 90 % (ARGS: what pytest takes)
	@$(BIN)/coverage erase
	@failed=0; $(BIN)/coverage run -m pytest -q $(PARALLEL) $(ARGS) || failed=$$?; \
	$(BIN)/coverage combine -q && $(BIN)/python -m tests.coverage && exit $$failed

soak: .venv/made ## The coherence checker for ten minutes, and its mutants (ARGS: see --help of tests.coherence)
	$(BIN)/python -m tests.coherence $(ARGS)
	$(BIN)/python -m tests.coherence --mutants
	$(BIN)/python -m pytest -q -m soak

bench: .venv/made ## Throughput, latency, memory, start: into bench.json and bench.md (ARGS: see --help of loadtests.bench)
	$(BIN)/python -m loadtests.bench --json bench.json --markdown bench.md $(ARGS)

load: .venv/made ## Users of all kinds for half a minute, on the running `make up` or one of its own (ARGS: what locust takes)
	$(BIN)/python -m loadtests.load $(ARGS)

check: .venv/made check-lock ## Style, types, import contracts; generated code, API page and lock file up to date
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m cqar.contract.generate --check
	$(BIN)/python -m cqar.dev.api_page --check

check-lock: .venv/made
	@fresh=$$(mktemp) && trap 'rm -f "$$fresh"' EXIT && cp requirements.lock "$$fresh" && $(COMPILE) --output-file "$$fresh" && \
	if ! cmp -s requirements.lock "$$fresh"; then \
		diff requirements.lock "$$fresh" | grep '^[<>] [^ ]' >&2; \
		echo 'requirements.lock does not fit pyproject.toml: make lock' >&2; exit 1; \
	fi

fmt: .venv/made ## Format the code
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

proto: .venv/made ## Generate the contract's Python from its .proto files
	$(BIN)/python -m cqar.contract.generate

docs: .venv/made ## Generate docs/api.md from the .proto files and the tables of calls
	$(BIN)/python -m cqar.dev.api_page

lock: .venv/made ## Lock the dependencies of pyproject.toml; what is locked stays (ARGS=--upgrade: the newest)
	$(COMPILE) --output-file requirements.lock $(ARGS)

migrate-up: .venv/made ## Apply all pending migrations to CQAR_DATABASE_URL
	@$(BIN)/python -m cqar migrate up

migrate-down: .venv/made ## Revert the last migration of CQAR_DATABASE_URL; its data is lost
	@$(BIN)/python -m cqar migrate down

build: ## The container image
	$(COMPOSE) build

run: ## Everything in containers; Ctrl-C stops it
	$(COMPOSE) up --build

test-integration: .venv/made ## Start everything in containers, load the sample, resolve a symbol, remove them again
	@export COMPOSE_PROJECT_NAME=cqar-integration && trap '$(COMPOSE) down --volumes' EXIT && \
	$(COMPOSE) up --build --detach --wait && $(BIN)/python -m cqar sample && $(BIN)/python -m cqar resolve binance BTCUSDT

.venv/made: requirements.lock pyproject.toml
	@for each in $(PYTHON) python3.11 python3 python3.12 python3.13; do \
		if "$$each" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$each; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
		echo "cqar needs Python 3.11 or newer, and here is $$(python3 --version 2>&1); name one: make PYTHON=/path/to/python3" >&2; \
		exit 1; \
	fi; \
	echo "making .venv with $$python ..." && "$$python" -m venv .venv
	@echo 'installing the locked dependencies, for about half a minute ...' && $(PIP) install --no-deps --require-hashes -r requirements.lock
	@echo 'installing cqar ...' && $(PIP) install --no-deps --no-build-isolation -e .
	@touch $@
