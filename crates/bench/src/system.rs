//! The system under measurement: `rowhouse dev` in a directory of its own.

use std::io::Write;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use procfs::process::Process;
use rowhouse_catalog::ServiceName;
use serde_json::Value;
use uuid::Uuid;

use crate::Failure;

/// A running Rowhouse. It is stopped when this is dropped.
pub(crate) struct System {
    process: Child,
    directory: tempfile::TempDir,
    endpoints: Value,
    networks: AtomicU16,
}

/// The tenant that is measured.
pub(crate) struct Tenant {
    pub(crate) id: Uuid,
    pub(crate) token: String,
    /// An order that exists.
    pub(crate) order: Uuid,
}

impl System {
    /// Starts a system. `rate_limits`: with the default rate limits, or with none. `arguments` are further ones.
    pub(crate) async fn start(rate_limits: bool, arguments: &[&str]) -> Result<Self, Failure> {
        let unlimited =
            ["ROWHOUSE_TENANT_RATE_LIMIT", "ROWHOUSE_API_KEY_RATE_LIMIT"].map(|limit| (limit, "0"));
        let unlimited = unlimited.into_iter().filter(|_| !rate_limits);
        let directory = tempfile::Builder::new()
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .tempdir()?;
        let binary = std::env::current_exe()?.with_file_name("rowhouse");
        let process = Command::new(&binary)
            .arg("dev")
            .arg("--http=127.0.0.1:0")
            .args(ServiceName::ALL.iter().map(|service| format!("--{service}-listen=127.0.0.1:0")))
            .arg("--data-dir")
            .arg(directory.path().join("data"))
            .args(arguments)
            .env_remove("DATABASE_URL")
            .env("ROWHOUSE_LOG", "warn")
            .envs(unlimited)
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| format!("{} cannot be started ({error}); build it first", binary.display()))?;
        let mut system = Self { process, directory, endpoints: Value::Null, networks: AtomicU16::new(0) };
        let path = system.directory.path().join("data/endpoints.json");
        while !path.exists() {
            if let Some(status) = system.process.try_wait()? {
                return Err(format!("rowhouse dev ended with {status}").into());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        system.endpoints = serde_json::from_slice(&std::fs::read(path)?)?;
        Ok(system)
    }

    /// Returns an address from `endpoints.json`.
    pub(crate) fn endpoint(&self, name: &str) -> &str {
        self.endpoints.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// Returns the URL of the database for the orders service.
    pub(crate) fn orders_database(&self) -> Result<String, Failure> {
        let secrets: Value =
            serde_json::from_slice(&std::fs::read(self.directory.path().join("data/secrets.json"))?)?;
        let database = self.endpoint("database");
        let (_, server) = database.rsplit_once('@').ok_or("the database's address has no server")?;
        Ok(format!("postgres://rowhouse_orders:{}@{server}", text(&secrets, "/orders")?))
    }

    /// Returns the directory for files of the measurement.
    pub(crate) fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }

    /// Onboards the measured tenant over REST and adds the others, and all orders, in SQL.
    pub(crate) fn seed(&self, tenants: usize, orders: usize) -> Result<Tenant, Failure> {
        self.onboard("measured")?;
        self.psql(&format!(
            "INSERT INTO tenancy.tenants (id, slug, name, status)
                SELECT gen_random_uuid(), 'tenant-' || n, 'Tenant ' || n, 'active' FROM generate_series(2, {tenants}) n;
             INSERT INTO orders.number_series (tenant_id, id, last_number)
                SELECT id, 'orders', 0 FROM tenancy.tenants ON CONFLICT (tenant_id, id) DO NOTHING;"
        ))?;
        self.fill_orders(orders)?;
        self.tenant("measured")
    }

    /// Adds a tenant over REST, with an owner.
    pub(crate) fn onboard(&self, slug: &str) -> Result<(), Failure> {
        let name = slug.to_ascii_uppercase();
        let admin = credentials(slug);
        self.post("/v1/tenants", &format!(r#"{{"name":"{name}","slug":"{slug}","admin":{admin}}}"#)).map(drop)
    }

    /// Returns an access token of a tenant's owner.
    pub(crate) fn login(&self, slug: &str) -> Result<String, Failure> {
        text(&self.post("/v1/auth/login", &credentials(slug))?, "/access_token").map(ToOwned::to_owned)
    }

    /// Adds a number of orders to each tenant that has none.
    pub(crate) fn fill_orders(&self, orders: usize) -> Result<(), Failure> {
        let fill = format!(
            "INSERT INTO orders.orders (tenant_id, id, number, customer, currency, total_minor)
                SELECT s.tenant_id, gen_random_uuid(), n, 'Customer ' || n, 'EUR', 3000
                FROM orders.number_series s, generate_series(1, {orders}) n WHERE s.last_number = 0;
             INSERT INTO orders.order_lines (tenant_id, id, order_id, position, sku, quantity, unit_price_minor)
                SELECT o.tenant_id, gen_random_uuid(), o.id, p, 'sku-' || p, p, 1000
                FROM orders.orders o JOIN orders.number_series s ON s.tenant_id = o.tenant_id AND s.last_number = 0,
                    generate_series(1, 2) p;
             UPDATE orders.number_series SET last_number = {orders} WHERE last_number = 0;
             VACUUM ANALYZE;"
        );
        self.psql(&fill).map(drop)
    }

    /// Returns a tenant that has orders.
    pub(crate) fn tenant(&self, slug: &str) -> Result<Tenant, Failure> {
        let row = self.psql(&format!(
            "SELECT t.id, o.id FROM tenancy.tenants t JOIN orders.orders o ON o.tenant_id = t.id
             WHERE t.slug = '{slug}' ORDER BY o.number LIMIT 1;"
        ))?;
        let (id, order) = row.trim().split_once('|').ok_or_else(|| format!("{slug} has no order"))?;
        Ok(Tenant { id: id.parse()?, token: self.login(slug)?, order: order.parse()? })
    }

    /// Executes SQL as the superuser.
    pub(crate) fn psql(&self, sql: &str) -> Result<String, Failure> {
        let mut psql = Command::new("psql")
            .args(["--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", "--dbname"])
            .arg(self.endpoint("database"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        if let Some(mut stdin) = psql.stdin.take() {
            stdin.write_all(sql.as_bytes())?;
        }
        output(&psql.wait_with_output()?)
    }

    fn post(&self, path: &str, body: &str) -> Result<Value, Failure> {
        // Each request comes from a network of its own, since limits on strangers are not measured.
        let network = self.networks.fetch_add(1, Ordering::Relaxed);
        let curl = Command::new("curl")
            .args([
                "--silent",
                "--show-error",
                "--fail-with-body",
                "--header",
                "content-type: application/json",
            ])
            .args(["--header", &format!("x-forwarded-for: 2001:db8:{network:x}::1")])
            .args(["--data", body])
            .arg(format!("{}{path}", self.endpoint("gateway")))
            .output()?;
        Ok(serde_json::from_str(&output(&curl)?)?)
    }

    /// Returns the processor time that the services and the gateway have used, without PostgreSQL's.
    pub(crate) fn processor_time(&self) -> Result<Duration, Failure> {
        let stat = Process::new(self.process.id().try_into()?)?.stat()?;
        let ticks = u32::try_from(stat.utime.saturating_add(stat.stime))?;
        let per_second = u32::try_from(procfs::ticks_per_second())?;
        Ok(Duration::from_secs_f64(f64::from(ticks) / f64::from(per_second)))
    }

    pub(crate) fn stop(mut self) -> Result<(), Failure> {
        Command::new("kill").arg(self.process.id().to_string()).status()?;
        self.process.wait()?;
        Ok(())
    }
}

impl Drop for System {
    fn drop(&mut self) {
        // After `stop` there is no process to kill.
        drop(self.process.kill());
    }
}

fn credentials(slug: &str) -> String {
    format!(r#"{{"email":"{slug}@example.com","password":"correct horse"}}"#)
}

/// Returns what a program printed, or an error with its messages.
pub(crate) fn output(output: &Output) -> Result<String, Failure> {
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
            .into())
    }
}

fn text<'a>(value: &'a Value, pointer: &str) -> Result<&'a str, Failure> {
    Ok(value.pointer(pointer).and_then(Value::as_str).ok_or_else(|| format!("no {pointer} in {value}"))?)
}
