# foldsweep. `make demo` runs the main job, `make check` checks a change, `make help` lists the rest.
# Needs Python 3.11 to 3.13 and make; everything else goes into $(VENV), at the versions of constraints.txt.

PYTHON ?= python3
VENV ?= .venv
DEMO_HOME ?= foldsweep-home
# Many tests wait for processes, so more of them than cores is faster: three are for two cores.
TEST_PROCESSES ?= 3

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
FOLDSWEEP := FOLDSWEEP_HOME=$(DEMO_HOME) $(BIN)/foldsweep
RUNS := $(VENV)/.installed-to-run
CHECKS := $(VENV)/.installed-to-check
PARALLEL := -n $(TEST_PROCESSES) --dist worksteal
comma := ,

# A demo or a test never writes to a storage or a server that the shell happens to point at.
unexport FOLDSWEEP_HOME FOLDSWEEP_STORAGE_URL MLFLOW_TRACKING_URI

.DEFAULT_GOAL := help
.PHONY: help install demo check test acceptance lint constraints clean

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

install: $(CHECKS) ## Create the environment with everything that development needs

demo: $(RUNS) ## Run a small sweep on scikit-learn's digits, up to a registered model that predicts
	$(BIN)/python examples/digits.py $(DEMO_HOME)/digits
	$(FOLDSWEEP) launch examples/digits.yaml --data $(DEMO_HOME)/digits/digits.npz
	@# Exit 1 is the gate's no to a challenger; the champion of an earlier demo then stays and predicts.
	$(FOLDSWEEP) promote digits --model digits || test $$? -eq 1
	$(FOLDSWEEP) predict models:/digits@champion $(DEMO_HOME)/digits/unseen-*.png
	@echo
	@echo "To see every trial, curve and picture in the MLflow UI:"
	@echo "  $(FOLDSWEEP) ui"

check: lint ## Lint, check types and layers, run the quick tests: under 2 minutes on 2 cores
	$(BIN)/python -m pytest -m "not slow and not acceptance" $(PARALLEL)

test: lint ## The same with the slow tests: under 10 minutes
	$(BIN)/python -m pytest -m "not acceptance" $(PARALLEL)

acceptance: $(CHECKS) ## Run what takes longest: large tests, and the small form of each benchmark
	$(BIN)/python -m pytest -m acceptance $(PARALLEL)
	$(BIN)/python -m bench.augmentation --images 256
	$(BIN)/python -m bench.compute_once --small
	$(BIN)/python -m bench.time_to_score --small
	$(BIN)/python -m bench.chaos --small
	$(BIN)/python -m bench.storage --small

lint: $(CHECKS) ## Run ruff, mypy and import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

constraints: ## Resolve the newest versions that pyproject.toml allows into constraints.txt
	$(PYTHON) .ci/resolve.py constraints.txt

clean: ## Remove the environment and the caches; sweeps in $(DEMO_HOME) stay
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The build back end comes from constraints.txt too, so the build may not fetch one of its own.
define install_extras
	$(PIP) install --quiet --constraint constraints.txt setuptools
	$(PIP) install --quiet --constraint constraints.txt --no-build-isolation --editable ".[$(1)]"
endef

$(RUNS): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit((3, 11) > v or v >= (3, 14))' || \
		{ echo "foldsweep needs Python 3.11 to 3.13, $(PYTHON) is another: make PYTHON=python3.11 ..."; exit 2; }
	$(PYTHON) -m venv $(VENV)
	@echo "Installing foldsweep and TensorFlow into $(VENV): 2.7 GB, once."
	$(call install_extras,cpu)
	@touch $@

$(CHECKS): $(RUNS)
	$(call install_extras,cpu$(comma)dev)
	@touch $@
