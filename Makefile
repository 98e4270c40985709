# Each target is one call. `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help run test bench bench-quick lint fmt setup
# rustup puts cargo in a folder that is not on the PATH of every shell.
export PATH := $(PATH):$(or $(CARGO_HOME),$(HOME)/.cargo)/bin

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1 \t/p' $(MAKEFILE_LIST) | expand -t 20

run: setup ## build and start the demo; ARGS="--listen 127.0.0.1:9000" for options
	@cargo run --release --locked --bin surehold -- demo $(ARGS)

# Not nextest: it runs each test in a process of its own, and each process would start a PostgreSQL.
test: ## install what tests need, then formatting, lints and all tests
	@scripts/setup test && $(MAKE) --no-print-directory lint && cargo test --workspace --locked

bench: setup ## the benchmark: half an hour, rewrites docs/bench; ARGS="--help" for options
	@cargo build --release --locked --bin surehold --bin surehold-bench && $${CARGO_TARGET_DIR:-target}/release/surehold-bench run $(ARGS)

bench-quick: ## the same in about a minute, results in target/bench
	@$(MAKE) --no-print-directory bench ARGS="--quick $(ARGS)"

lint: ## formatting and lints, warnings are errors; licences too where cargo-deny is installed
	@cargo fmt --all --check && cargo clippy --workspace --all-targets --locked -- -D warnings
	@if command -v cargo-deny >/dev/null 2>&1; then cargo deny --locked check bans licenses sources; fi

fmt: ## format the code
	@cargo fmt --all

setup: ## find or install what the machine lacks
	@scripts/setup
