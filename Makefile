# Everything a developer runs. `make help` lists it; the steps themselves are in xtask/ and .ci/.
.DEFAULT_GOAL := help
.PHONY: help run dev build check test unit e2e fmt lint clean ci setup

XTASK := cargo run --quiet --package xtask --

help: ## This list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Install what is missing, build, and serve the sandbox on 127.0.0.1:3000 (PATCHBAY_ADDR chooses another address)
	@.ci/setup build
	@.ci/first-build
	@$(XTASK) run

dev: ## The same under cargo-leptos: builds again and reloads the browser at every change
	@.ci/setup build
	@$(XTASK) leptos watch -- serve --sandbox

build: ## One self-contained file for production: target/release/patchbay
	@.ci/setup build
	@.ci/first-build
	@$(XTASK) build

check: ## The quick inner loop: types of the server and the browser code, no tests
	@.ci/setup build
	cargo check --workspace --exclude frontend --all-targets
	cargo check --package frontend --target wasm32-unknown-unknown

test: ## Everything: unit, store on SQLite and PostgreSQL, HTTP, end-to-end in Chromium
	@.ci/setup build test
	@$(MAKE) --no-print-directory unit
	@$(MAKE) --no-print-directory e2e

unit: ## Rust tests, with a throwaway PostgreSQL (TESTS="-p server name" narrows them)
	@.ci/setup build postgres network
	@.ci/with-postgres .ci/unit $(TESTS)

e2e: ## End-to-end tests in Chromium, against a server of their own (SPECS=tests/smoke.spec.ts narrows them)
	@.ci/setup build browser
	@.ci/first-build
	@$(XTASK) debug
	@$(XTASK) npm end2end
	@cd end2end && node_modules/.bin/playwright test $(SPECS)

.PHONY: bench bench-peers bench-growth bench-overload bench-build
bench: bench-build ## Deliveries per second, and time to a visible record, on SQLite and PostgreSQL (BENCH="--seconds 5")
	@$(BENCHMARK) $(BENCH)

bench-peers: bench-build ## The same events to @supabase/stripe-sync-engine and to us, on one PostgreSQL
	@$(XTASK) npm crates/bench/peers
	@$(BENCHMARK) peers $(BENCH)

bench-growth: bench-build ## Speed, pages and memory with 5 million events, next to an empty database (BENCH="--events 500000 --records 50000")
	@$(BENCHMARK) growth $(BENCH)

bench-overload: bench-build ## Twice what the server can take, and one connection's flood beside another
	@ulimit -n 16384; $(BENCHMARK) overload $(BENCH)

bench-build:
	@.ci/setup build postgres
	@.ci/first-build
	@$(XTASK) build
	@cargo build --quiet --release --package patchbay-bench

BENCHMARK = $${CARGO_TARGET_DIR:-target}/release/patchbay-bench

.PHONY: chaos
ROUNDS ?= 20
chaos: ## Faults under load, and the sender's ledger held against the database (ROUNDS=500, CHAOS="--seed 7")
	@.ci/setup build chaos
	@.ci/first-build
	@$(XTASK) build
	@cargo build --quiet --release --package patchbay-chaos
	@$${CARGO_TARGET_DIR:-target}/release/patchbay-chaos --rounds $(ROUNDS) $(CHAOS)

.PHONY: fuzz
fuzz: ## Try to break verifiers and parsers (SECONDS=60 or RUNS=1000000 per target; TARGETS="stripe_verify" narrows)
	@.ci/setup build
	@.ci/fuzz $(if $(SECONDS),--seconds $(SECONDS)) $(if $(RUNS),--runs $(RUNS)) $(TARGETS)

fmt: ## Format all Rust code
	cargo fmt --all

lint: ## Formatting, clippy for server and browser, dependencies, and the project's own rules
	@.ci/setup build lint
	@.ci/lint

.PHONY: sbom
sbom: ## The server's software bill of materials (CycloneDX): target/patchbay.cdx.json
	@.ci/setup sbom
	@.ci/sbom

setup: ## Install all that the other targets need
	@.ci/setup build test lint

clean: ## Remove everything built; data/ stays
	cargo clean
	rm -rf target style/node_modules end2end/node_modules crates/bench/peers/node_modules end2end/test-results end2end/playwright-report

ci: ## What continuous integration runs
	@.ci/run
