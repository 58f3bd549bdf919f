# Every target sets up .venv by itself; Python 3.11 to 3.13 and make are all it needs (uv is used
# when it is there). `make help` explains each target.

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed-lock
LINKED := $(VENV)/.installed-project
ACCEPTABLE := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
FIND_PYTHON = for candidate in $(PYTHON) python3 python3.13 python3.12 python3.11; do \
	if $$candidate -c '$(ACCEPTABLE)' >/dev/null 2>&1; then echo $$candidate; break; fi; done

export DO_NOT_TRACK := 1
export DBT_SEND_ANONYMOUS_USAGE_STATS := false

.DEFAULT_GOAL := help
.PHONY: help setup run ui manifest test test-slow lint format docs clean lock

help: ## Explain every target
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(INSTALLED) $(LINKED) ## Make .venv (done by every other target when the lock changed)

$(INSTALLED): requirements.lock
	@python=$$($(FIND_PYTHON)); \
	if [ -z "$$python" ]; then echo "Tradehouse needs Python 3.11, 3.12 or 3.13 and found none;" \
		"name one with make PYTHON=/path/to/python3" >&2; exit 1; fi; \
	echo "Installing the pinned packages into $(VENV) ..."; \
	if uv --version >/dev/null 2>&1; then \
		{ [ -x $(BIN)/python ] || uv venv --quiet --python "$$(command -v $$python)" $(VENV); } && \
		VIRTUAL_ENV=$(VENV) uv pip install --quiet --compile-bytecode --require-hashes -r requirements.lock; \
	else \
		{ [ -x $(BIN)/pip ] || $$python -m venv $(VENV); } && \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
			-r requirements.lock; \
	fi
	@touch $@

$(LINKED): pyproject.toml $(INSTALLED)
	@if uv --version >/dev/null 2>&1; then \
		VIRTUAL_ENV=$(VENV) uv pip install --quiet --no-deps --no-build-isolation --editable .; \
	else \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
			--no-build-isolation --editable .; \
	fi
	@touch $@

run: setup ## Take what waits: sync, build, test, publish (LANDING=<dir> names a landing directory)
	@$(BIN)/tradehouse run $(if $(LANDING),--landing "$(LANDING)") $(ARGS)

ui: setup ## Start the asset page and its daemon (PROFILE=prod switches sensor and schedules on; PORT=3000)
	@$(BIN)/python -m orchestration.page --profile $(or $(PROFILE),dev) --port $(or $(PORT),3000)

manifest: setup ## Prepare manifest and instance for Dagster (done by make ui; dagster dev does the first)
	@$(BIN)/python -m orchestration.page --only-prepare

test: setup ## Run the tests, without the slow ones (ARGS="-k name" narrows)
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m "not slow" $(ARGS)

test-slow: setup ## Run every test, the slow ones and those on the real sample too
	$(BIN)/python -m pytest -n 2 --dist loadgroup $(ARGS)

lint: setup ## Check style and types: ruff, mypy, sqlfluff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/sqlfluff lint --disable-progress-bar --processes 2 models tests/data

format: setup ## Put Python into the house's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: setup ## Make the documentation site of the models (made anew only when the project changed)
	@$(BIN)/tradehouse docs $(ARGS)

clean: ## Remove what can be made again: .venv, caches, dbt's target (data/ stays)
	rm -rf $(VENV) target logs .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info
	find . -name __pycache__ -type d -not -path './data/*' -prune -exec rm -rf {} +

lock: ## Resolve requirements.lock anew from pyproject.toml (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-strip-extras --custom-compile-command "make lock" --group dev pyproject.toml \
		-o requirements.lock
