# Frequent tasks. `just` alone lists them.

_default:
    @just --list

# Run the whole system on this machine, with its own PostgreSQL.
dev *arguments:
    cargo run -- dev {{ arguments }}

# Everything that CI checks.
ci:
    .ci/run

# All tests; a private PostgreSQL is started for them and removed afterwards.
test *arguments:
    cargo test --workspace {{ arguments }}

# The tests that depend on PostgreSQL's major version (15 to 18), on that version; its programs are fetched once.
test-postgres version:
    .ci/test-postgres {{ version }}

# Tests behind PgBouncer in transaction mode; a newer one is fetched if the installed one is older than 1.21.
test-pgbouncer:
    .ci/test-pgbouncer

# Format, and deny every lint.
lint:
    cargo fmt --all
    cargo clippy --workspace --all-targets -- -D warnings
    cd proto && npx --yes @bufbuild/buf@1 lint

# Hold the API, proto and REST, against a release's: what breaks clients needs a new version (0.2, 2.0). The last one if none is said.
compatibility release="":
    npm install --silent --no-audit --no-fund --prefix target/buf @bufbuild/buf@1
    .ci/check-compatibility "$PWD/target/buf/node_modules/.bin/buf" {{ release }}

# Check the dependencies' licences, sources, duplicates and advisories.
dependencies:
    .ci/cargo-deny check

# Check the isolation guarantees of the database that DATABASE_URL names.
audit:
    cargo run -- audit

# Bring the database that DATABASE_URL names up to date.
migrate:
    cargo run -- migrate

# Write the generated files: the gateway's OpenAPI document, and the list of settings.
generate:
    UPDATE_GENERATED=1 cargo test --workspace --test openapi --test configuration -- the_committed_document the_list_of_settings

# Add a resource to the orders service, as docs/adding-a-resource.md shows it. The singular is needed where it is not regular.
new-resource plural *singular:
    .ci/guide docs/adding-a-resource.md {{ plural }} {{ singular }}
    cargo fmt --all

# Add a service, as docs/adding-a-service.md shows it.
new-service plural *singular:
    .ci/guide docs/adding-a-service.md {{ plural }} {{ singular }}
    cargo fmt --all

# Give the example resource, orders, another name everywhere; see docs/replacing-orders.md.
rename-orders plural *singular:
    .ci/rename-orders {{ plural }} {{ singular }}

# Build the manifests as kubectl would apply them.
manifests overlay="base":
    kubectl kustomize deploy/{{ overlay }}

# Validate the manifests as CI does. Needs kubernetes-validate, checkov and compose-spec from PyPI.
check-manifests:
    deploy/check

# Build the image where no registry can be reached, as root, and start every program in it.
image *tag:
    deploy/build-image {{ tag }}

# Measure list, get and create at the gateway and at gRPC beside pgbench. Needs wrk and pgbench.
bench seconds="10":
    cargo build --release -p rowhouse -p rowhouse-bench
    target/release/rowhouse-bench --seconds {{ seconds }}

# Measure listing orders while logins flood, against the same without them.
bench-flood seconds="10":
    cargo build --release -p rowhouse -p rowhouse-bench
    target/release/rowhouse-bench flood --seconds {{ seconds }}

# Measure getting and creating orders at five times the rate of the peak.
bench-overload seconds="10":
    cargo build --release -p rowhouse -p rowhouse-bench
    target/release/rowhouse-bench --seconds {{ seconds }} overload

# Measure the memory of 2,000 connections: open, with large bodies, idle, and closed.
bench-connections seconds="10":
    cargo build --release -p rowhouse -p rowhouse-bench
    target/release/rowhouse-bench --seconds {{ seconds }} connections

# Measure the memory of each program, and its processor time for each kind of request: the table of deploy/README.md.
bench-sizing seconds="10" rounds="3" requests="1000000":
    cargo build --release --workspace --bins
    target/release/rowhouse-bench sizing --seconds {{ seconds }} --rounds {{ rounds }} --requests {{ requests }}

# Measure getting an order with metrics and without, in turns.
bench-metrics seconds="10" rounds="10":
    cargo build --release -p rowhouse -p rowhouse-bench
    target/release/rowhouse-bench metrics --seconds {{ seconds }} --rounds {{ rounds }}

# Measure requests, claims and commands with 100 tenants and with many, in turns, and draw the picture of docs/performance.md.
bench-scale tenants="100000" orders="100" seconds="10" rounds="3":
    cargo build --release --workspace --bins
    target/release/rowhouse-bench scale --tenants {{ tenants }} --orders {{ orders }} --seconds {{ seconds }} --rounds {{ rounds }} --svg docs/performance.svg

# Measure jobs per second beside graphile_worker on the same PostgreSQL.
bench-jobs workers="8":
    cargo build --release -p rowhouse-bench
    target/release/rowhouse-bench jobs --concurrency {{ workers }}

# Measure what other tenants do to one: its exports and requests alone and beside them, under the limits that there are by default.
bench-neighbours seconds="10":
    cargo build --release -p rowhouse -p rowhouse-bench
    target/release/rowhouse-bench neighbours --rate-limits --seconds {{ seconds }}
