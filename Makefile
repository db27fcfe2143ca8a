# Kava's commands. `make help` lists them; each does its own set-up.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --require-hashes
TRANSLATIONS := membership/translations
TEXTS := $(TRANSLATIONS)/messages.pot
MESSAGES := $(wildcard $(TRANSLATIONS)/*/LC_MESSAGES/*.po)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo demo-reset test check format bench messages translations requirements chromium

help:  ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

demo: .venv/demo-installed translations  ## Run the whole system here; Ctrl-C stops it (DEMO_PORT=8000)
	@exec $(BIN)/python -m sandbox.demo

demo-reset:  ## Forget the demo's data
	@if [ -e var/lock ] && ! flock --nonblock var/lock true; then \
		echo "The demo still runs. Stop it first." >&2; exit 1; \
	fi
	@rm -rf var && echo "The next demo begins anew."

test: .venv/dev-installed translations chromium  ## Run every test (ARGS="-k name" for some)
	@$(BIN)/python -m pytest --numprocesses 3 --dist loadscope --no-loadscope-reorder $(ARGS)

check: .venv/dev-installed translations  ## Lint, types, layers, migrations, compose file
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest -q tests/test_repository.py
	@if command -v docker-compose >/dev/null; then \
		SECRET_KEY=- POSTGRES_PASSWORD=- docker-compose --env-file config/example.env config --quiet && echo "docker-compose.yml is valid"; \
	fi

format: .venv/dev-installed  ## Tidy the code
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

bench: .venv/dev-installed translations  ## Measure against limits (ONLY=name for one)
	@$(BIN)/python -m benchmarks $(ONLY)

messages: .venv/demo-installed  ## Bring the catalogues up to date with the texts to translate
	@$(BIN)/pybabel --quiet extract --mapping-file pyproject.toml --add-location file \
		--output-file $(TEXTS) membership tasks templates
	@$(BIN)/pybabel --quiet update --input-file $(TEXTS) --output-dir $(TRANSLATIONS) \
		--no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date

translations: $(MESSAGES:.po=.mo)

requirements:  ## Pin the requirements anew (needs uv)
	@for each in requirements requirements-demo requirements-dev; do \
		uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
			--no-emit-index-url $$each.in -o $$each.txt || exit; \
	done

chromium:
	@sandbox/chromium

%.mo: %.po | .venv/demo-installed
	@$(BIN)/pybabel --quiet compile --input-file $< --output-file $@

$(BIN)/python:
	@sandbox/environment "$(PYTHON)"

.venv/demo-installed: requirements-demo.txt | $(BIN)/python
	@echo "Installing what the demo needs (once; a minute or two) …"
	@$(PIP) -r $<
	@touch $@

.venv/dev-installed: requirements-dev.txt | $(BIN)/python
	@echo "Installing what the tests need (once; a minute or two) …"
	@$(PIP) -r $<
	@touch .venv/demo-installed $@
