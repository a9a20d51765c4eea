# Development targets. They run from .venv, which make creates from the locked dependencies if it is missing or out of date.
# Needs Python 3.11 or newer and nothing else; the container targets need docker compose.

PYTHON =
ARGS =
# A worker per core with its own servers, which take too long to start for a few files.
PARALLEL = $(if $(ARGS),,-n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder)
BIN = .venv/bin
COMPOSE = docker compose
COMPILE = UV_CACHE_DIR=.venv/uv-cache $(BIN)/uv pip compile --quiet pyproject.toml --extra embedded --extra otel --group dev --universal \
	--python-version 3.11 --generate-hashes --no-annotate --custom-compile-command 'make lock'
PIP = $(BIN)/python -m pip -qq --disable-pip-version-check --no-input

# Without the bytecode cache, every process that a test starts compiles all modules again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help up unit test coverage soak bench load check audit check-lock fmt proto docs lock migrate-up migrate-down build run test-integration

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | while IFS='	' read -r name what; do printf '%-18s%s\n' "$$name" "$$what"; done

up: .venv/made ## Run cqar and its servers here, with a sample; Ctrl-C stops them (ARGS=--no-sample: empty)
	@$(BIN)/python -m cqar up $(ARGS)

unit: .venv/made ## Run the tests that need no server (ARGS: pytest arguments)
	$(BIN)/python -m pytest -q -m unit $(ARGS)

test: .venv/made ## Run all tests in parallel, on real servers and free ports (ARGS: a path or other pytest arguments)
	$(BIN)/python -m pytest -q -rs --durations=10 $(PARALLEL) $(ARGS)

coverage: .venv/made ## Measure line coverage per package; fails below 90 % (ARGS: pytest arguments)
	@$(BIN)/coverage erase
	@failed=0; $(BIN)/coverage run -m pytest -q $(PARALLEL) $(ARGS) || failed=$$?; \
	$(BIN)/coverage combine -q && $(BIN)/python -m tests.coverage && exit $$failed

soak: .venv/made ## Run the coherence checker for ten minutes, its mutants, attacks and the truth run (ARGS: see python -m tests.coherence --help)
	$(BIN)/python -m tests.coherence $(ARGS)
	$(BIN)/python -m tests.coherence --mutants
	$(BIN)/python -m tests.attacks
	$(BIN)/python -m tests.importers.truth --decide --blind
	$(BIN)/python -m pytest -q -m soak

bench: .venv/made ## Measure throughput, latency, memory and start; writes bench.json and bench.md (ARGS: see python -m loadtests.bench --help)
	$(BIN)/python -m loadtests.bench --json bench.json --markdown bench.md $(ARGS)

load: .venv/made ## Simulate users for 30 seconds, on the running `make up` or a new stack (ARGS: locust arguments)
	$(BIN)/python -m loadtests.load $(ARGS)

check: .venv/made check-lock ## Check style, types, import contracts, phrases, generated code, the API page and the lock file
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m cqar.dev.phrases
	$(BIN)/python -m cqar.contract.generate --check
	$(BIN)/python -m cqar.dev.api_page --check

audit: .venv/made ## Look up known vulnerabilities of the locked dependencies; skipped if OSV cannot be reached
	@$(BIN)/python -m cqar.dev.audit $(ARGS)

check-lock: .venv/made
	@fresh=$$(mktemp) && trap 'rm -f "$$fresh"' EXIT && cp requirements.lock "$$fresh" && $(COMPILE) --output-file "$$fresh" && \
	if ! cmp -s requirements.lock "$$fresh"; then \
		diff requirements.lock "$$fresh" | grep '^[<>] [^ ]' >&2; \
		echo 'requirements.lock does not match pyproject.toml; run make lock' >&2; exit 1; \
	fi

fmt: .venv/made ## Format the code
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

proto: .venv/made ## Generate the contract's Python from its .proto files
	$(BIN)/python -m cqar.contract.generate

docs: .venv/made ## Generate docs/api.md from the .proto files and the tables of calls
	$(BIN)/python -m cqar.dev.api_page

lock: .venv/made ## Lock the dependencies of pyproject.toml; keeps locked versions (ARGS=--upgrade: newest versions)
	$(COMPILE) --output-file requirements.lock $(ARGS)

migrate-up: .venv/made ## Apply all pending migrations to CQAR_DATABASE_URL
	@$(BIN)/python -m cqar migrate up

migrate-down: .venv/made ## Revert the last migration of CQAR_DATABASE_URL; deletes its data
	@$(BIN)/python -m cqar migrate down

# Secrets of the containers. compose reads the file in this folder.
.env:
	@umask 077 && echo "CQAR_PEPPER=$$(od -An -vtx1 -N32 /dev/urandom | tr -d ' \n')" > $@ && \
	echo 'created .env with a new CQAR_PEPPER, which all API keys depend on: keep it'

build: .env ## Build the container image
	$(COMPOSE) build

run: .env ## Run cqar and its servers in containers; Ctrl-C stops them
	$(COMPOSE) up --build

test-integration: .venv/made .env ## Start the containers, load the sample, resolve a symbol, remove them
	@export COMPOSE_PROJECT_NAME=cqar-integration && trap '$(COMPOSE) down --volumes' EXIT && \
	$(COMPOSE) up --build --detach --wait && \
	CQAR_API_KEY=$$($(COMPOSE) run --rm -T migrate keys create integration --role admin --database) && export CQAR_API_KEY && \
	$(BIN)/python -m cqar sample && $(BIN)/python -m cqar resolve binance BTCUSDT

.venv/made: requirements.lock pyproject.toml
	@for each in $(PYTHON) python3.11 python3 python3.12 python3.13; do \
		if "$$each" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$each; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
		echo "cqar needs Python 3.11 or newer, found $$(python3 --version 2>&1); set one: make PYTHON=/path/to/python3" >&2; \
		exit 1; \
	fi; \
	echo "making .venv with $$python ..." && "$$python" -m venv .venv
	@echo 'installing the locked dependencies, about 30 seconds ...' && $(PIP) install --no-deps --require-hashes -r requirements.lock
	@echo 'installing cqar ...' && $(PIP) install --no-deps --no-build-isolation -e .
	@touch $@
