# Needs Python 3.11 to 3.13, git and make; everything else is installed into .venv.
# The first interpreter that runs and is of a supported version; a name on the PATH may be an empty shim.
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
CANDIDATES := python3.11 python3.12 python3.13 python3 python
PYTHON ?= $(shell for name in $(CANDIDATES); do $$name -c '$(SUPPORTED)' 2>/dev/null && echo $$name && break; done)

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
WORKERS ?= 2

SEEDS ?= 20000

.PHONY: run test lint types soak bench clean

run: $(STAMP)
	@$(BIN)/python -m chalicelib.local

test: lint types
	@$(BIN)/pytest -n $(WORKERS)

lint: $(STAMP)
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet

types: $(STAMP)
	@$(BIN)/mypy --no-error-summary

# The simulator over many seeds; a failing one prints how to run it again.
soak: $(STAMP)
	@$(BIN)/python -m tests.simulator --kind all --seeds 0:$(SEEDS)

bench: $(STAMP)
	@$(BIN)/python -m bench

clean:
	@rm -rf $(VENV) dist .local-state .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp is written last, so that an interrupted installation is repeated.
$(STAMP): requirements.txt requirements-dev.txt
	@"$(PYTHON)" -c '$(SUPPORTED)' 2>/dev/null \
		|| { echo "Python 3.11, 3.12 or 3.13 is needed; name one: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	@echo "Installing the requirements into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

# Packaging and deployment; see docs/deploy.md. PYTHON names what to package for only where it is given to make.
.PHONY: package deploy destroy smoke

TARGET_PYTHON = $(if $(findstring command,$(origin PYTHON)),--python "$(PYTHON)")
TARGET_REGION = $(if $(REGION),--region "$(REGION)")
NAMED_STAGE = test -n "$(STAGE)" || { echo "Which stage? make $@ STAGE=dev" >&2; exit 1; }

package: $(STAMP)
	@$(BIN)/python -m infra.package $(TARGET_PYTHON) $(if $(STAGE),--stage "$(STAGE)")

deploy: $(STAMP)
	@$(NAMED_STAGE)
	@$(BIN)/python -m infra.deploy --stage "$(STAGE)" $(TARGET_REGION) $(TARGET_PYTHON) $(PARAMETERS)

destroy: $(STAMP)
	@$(NAMED_STAGE)
	@$(BIN)/python -m infra.destroy --stage "$(STAGE)" $(TARGET_REGION)

smoke: $(STAMP)
	@$(BIN)/pytest tests/package/smoke.py

# Signatures judged by the JavaScript library that receivers use; needs Node.
.PHONY: npmtest

npmtest: $(STAMP)
	@npm ci --prefix tests/npm --silent --no-audit --no-fund
	@$(BIN)/python -m tests.npm

# Too slow for every run of the tests: real processes killed under load, and the engine's tests judged by mutants.
.PHONY: killtest mutation leaktest

killtest: $(STAMP)
	@$(BIN)/python -m tests.crash.kill --rounds 20

mutation: $(STAMP)
	@$(BIN)/python -m tests.mutation --jobs $(WORKERS) --least 90

leaktest: $(STAMP)
	@$(BIN)/python -m tests.sandbox.test_processes --runs 2000

# The page of a pin and the console in a real browser; needs Node and Chromium (CHROMIUM, /usr/bin/chromium).
.PHONY: page

page: $(STAMP)
	@npm ci --prefix tests/browser --silent --no-audit --no-fund
	@$(BIN)/python -m tests.browser $(if $(OUT),--out "$(OUT)")

# The API as a collection for Postman, and its document held against what it answers; see docs/api.md.
.PHONY: postman fuzz

postman: $(STAMP)
	@$(BIN)/python -m infra.postman $(if $(OUT),--out "$(OUT)") $(if $(URL),--url "$(URL)")

fuzz: $(STAMP)
	@$(BIN)/python -m tests.fuzz $(if $(TIME),--seconds "$(TIME)")
