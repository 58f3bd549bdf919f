# Every target sets up .venv by itself (`tradehouse/bootstrap.py`); Python 3.11 to 3.13 with its venv
# and make are all it needs; uv is used when it is there. `make help` explains each target.

VENV := .venv
BIN := $(VENV)/bin
SUITS := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHONS := $(if $(PYTHON),"$(PYTHON)",python3 python3.13 python3.12 python3.11 $(BIN)/python)

export DO_NOT_TRACK := 1
export DBT_SEND_ANONYMOUS_USAGE_STATS := false

.DEFAULT_GOAL := help
.PHONY: help setup run ui api manifest test test-slow lint format docs clean lock

help: ## Explain every target
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Make .venv and keep it as the lock says (done by every other target)
	@for python in $(PYTHONS); do \
		if "$$python" -c '$(SUITS)' >/dev/null 2>&1; then \
			exec "$$python" -I tradehouse/bootstrap.py $(if $(PYTHON),named); fi; \
		found="$$found $$("$$python" --version 2>/dev/null | sed -n "s|^Python.*|$$python is &,|p")"; \
	done; \
	echo "Tradehouse needs Python 3.11, 3.12 or 3.13:$$found none of $(subst ",,$(PYTHONS)) is one." \
		"Install one, or name one with make PYTHON=/path/to/python3.12" >&2; exit 1

run: setup ## Take what waits: sync, build, test, publish (LANDING=<dir>; without, a new home gets a demo)
	@$(BIN)/tradehouse run $(if $(LANDING),--landing "$(LANDING)",--demo) $(ARGS)

ui: setup ## Start the asset page and its daemon (PROFILE=prod switches sensor and schedules on; PORT=3000)
	@$(BIN)/python -m orchestration.page --profile $(or $(PROFILE),dev) --port $(or $(PORT),3000)

api: setup ## Serve metrics, tables and extracts (PORT=8000; HOST, CERTIFICATE and KEY for other machines)
	@$(BIN)/python -m exposition.api --port $(or $(PORT),8000) $(if $(HOST),--host "$(HOST)") \
		$(if $(CERTIFICATE),--certificate "$(CERTIFICATE)") $(if $(KEY),--key "$(KEY)")

manifest: setup ## Prepare manifest and instance for Dagster (done by make ui; dagster dev does the first)
	@$(BIN)/python -m orchestration.page --only-prepare

test: setup ## Run the tests, without the slow ones (ARGS="-k name" narrows)
	$(BIN)/python -m pytest -n 3 --dist loadgroup -m "not slow" $(ARGS)

test-slow: setup ## Run every test, the slow ones and those on the real sample too
	$(BIN)/python -m pytest -n 3 --dist loadgroup $(ARGS)

lint: setup ## Check style, types, and that generated files are current
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/sqlfluff lint --disable-progress-bar --processes 2 models tests/data
	$(BIN)/tradehouse contracts generate --check
	$(BIN)/dbt --quiet --warn-error parse --no-partial-parse --show-all-deprecations
	$(BIN)/dbt-bouncer run

format: setup ## Put Python into the house's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: setup ## Make the documentation site of the models (made anew only when the project changed)
	@$(BIN)/tradehouse docs $(ARGS)

clean: ## Remove what can be made again: .venv, caches, dbt's target (data/ stays)
	rm -rf $(VENV) target logs .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info
	find . -name __pycache__ -type d -not -path './data/*' -prune -exec rm -rf {} +

lock: ## Resolve requirements.lock anew from pyproject.toml (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-build \
		--no-emit-index-url --strip-extras --custom-compile-command "make lock" --group dev \
		pyproject.toml -o requirements.lock
