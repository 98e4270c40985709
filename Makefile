.PHONY: help run test lint fmt
.DEFAULT_GOAL := help

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

run: ## build, and start the demo on http://127.0.0.1:8787 (data in ./surehold-data)
	@scripts/setup
	cargo run --release --quiet -- demo

test: ## everything CI runs: format, lints, tests
	@scripts/setup test
	@$(MAKE) --no-print-directory lint
	cargo test --workspace

lint: ## format and clippy, warnings are errors; licences and sources if cargo-deny is installed
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	@if command -v cargo-deny >/dev/null 2>&1; then cargo deny check bans licenses sources; fi

fmt: ## format the code
	cargo fmt --all
