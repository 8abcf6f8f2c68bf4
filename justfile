# `just` lists what there is; `just check` does what CI does.

_default:
    @just --list --unsorted

# Everything that CI runs, in its order
check:
    .ci/run

# Format the code
fmt:
    cargo fmt --all

# Lint all targets; warnings are errors
lint:
    cargo clippy --all-targets --locked -- -D warnings

# Run the tests whose names contain FILTER, or all of them
test FILTER="":
    cargo test --locked {{ FILTER }}

# Build the documentation, private items too
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items

# Measure what a client and its faults cost, and the pure parts: some minutes, on two idle cores
bench:
    cargo bench --locked --bench client_cost
    cargo bench --locked --bench faults
    cargo bench --locked --bench codec --bench recorder --bench arrival

# Fuzz every target for SECONDS each; needs a nightly toolchain
fuzz SECONDS="30":
    fuzz/run {{ SECONDS }}

# Write the generated files (schemas, reference pages) anew
generate:
    SIO_LOAD_BLESS=1 cargo test --locked

# Accept changed snapshots, after a look at each of them
snapshots:
    cargo insta review
