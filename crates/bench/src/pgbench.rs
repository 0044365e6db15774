//! Measures PostgreSQL itself: pgbench, as the orders service's role, with the statements that the service sends,
//! prepared and in one flight. Nothing behind the policies can be faster.

use std::process::Command;
use std::time::Duration;

use crate::Failure;
use crate::report::{Figures, Operation};
use crate::system::{System, Tenant, output};

/// The columns of an order and its lines, as the service selects them.
const ORDER: &str = "o.id, o.number, o.customer, o.currency, o.status, o.total_minor, o.version, o.created_at, \
    o.updated_at, ARRAY(SELECT ROW(l.sku, l.quantity, l.unit_price_minor) FROM orders.order_lines l \
    WHERE l.tenant_id = o.tenant_id AND l.order_id = o.id ORDER BY l.position)";

pub(crate) fn measure(
    system: &System,
    tenant: &Tenant,
    operation: Operation,
    concurrency: usize,
    seconds: u64,
) -> Result<Figures, Failure> {
    let directory = system.directory().join("pgbench");
    // One log for each run.
    if directory.exists() {
        std::fs::remove_dir_all(&directory)?;
    }
    std::fs::create_dir_all(&directory)?;
    std::fs::write(directory.join("script.sql"), script(tenant, operation))?;
    output(
        &Command::new(pgbench())
            .current_dir(&directory)
            .args(["--no-vacuum", "--protocol=prepared", "--log", "--jobs=2", "--file=script.sql"])
            .args([&format!("--client={concurrency}"), &format!("--time={seconds}")])
            .arg(system.orders_database()?)
            .output()?,
    )?;
    let mut latencies = Vec::new();
    for entry in std::fs::read_dir(&directory)? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("pgbench_log")) {
            // "client transaction latency_us script epoch_s epoch_us"
            for line in std::fs::read_to_string(path)?.lines() {
                let latency = line
                    .split(' ')
                    .nth(2)
                    .and_then(|us| us.parse().ok())
                    .ok_or("a pgbench log has changed")?;
                latencies.push(Duration::from_micros(latency));
            }
        }
    }
    Ok(Figures::of(latencies, Duration::from_secs(seconds)).ok_or("pgbench did nothing")?)
}

/// Finds pgbench, which Debian installs beside the server's programs and not on PATH.
fn pgbench() -> std::path::PathBuf {
    let mut found: Vec<_> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin/pgbench"))
        .filter(|path| path.exists())
        .collect();
    found.sort();
    found.pop().unwrap_or_else(|| "pgbench".into())
}

fn script(tenant: &Tenant, operation: Operation) -> String {
    let Tenant { id, order, .. } = tenant;
    let body = match operation {
        Operation::Get => {
            format!("SELECT {ORDER} FROM orders.orders o WHERE o.tenant_id = '{id}' AND o.id = '{order}';")
        }
        Operation::List => format!(
            "SELECT {ORDER} FROM orders.orders o WHERE o.tenant_id = '{id}' ORDER BY o.number DESC LIMIT 21;"
        ),
        Operation::Create => format!(
            "INSERT INTO orders.orders (tenant_id, id, customer, currency, total_minor) \
             VALUES ('{id}', gen_random_uuid(), 'Customer', 'EUR', 3000) \
             RETURNING number, version, created_at, updated_at;
INSERT INTO orders.order_lines (tenant_id, id, order_id, position, sku, quantity, unit_price_minor) \
             VALUES ('{id}', gen_random_uuid(), '{order}', (random() * 2000000000)::int, 'sku-1', 1, 1000), \
                    ('{id}', gen_random_uuid(), '{order}', -(random() * 2000000000)::int, 'sku-2', 2, 1000);"
        ),
    };
    format!(
        "\\startpipeline\nBEGIN;\nSELECT tenancy.set_tenant_context('{id}');\n{body}\nCOMMIT;\n\\endpipeline\n"
    )
}
