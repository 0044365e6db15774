//! The system under measurement, in a directory of its own: `rowhouse dev`, or each program as a process.

mod programs;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use rowhouse_catalog::ServiceName;
use rowhouse_postgres::Cluster;
use serde_json::Value;
use tempfile::TempDir;
use uuid::Uuid;

use crate::Failure;
use crate::program::{RunningProgram, postgres_processor_time};

/// The settings without rate limits.
const UNLIMITED: [(&str, &str); 2] =
    [("ROWHOUSE_TENANT_RATE_LIMIT", "0"), ("ROWHOUSE_API_KEY_RATE_LIMIT", "0")];

/// The name of PostgreSQL among the programs.
pub(crate) const POSTGRES: &str = "PostgreSQL";

/// A running Rowhouse. It is stopped when this is dropped, field by field.
pub(crate) struct System {
    programs: Vec<RunningProgram>,
    /// The server, unless a program has one of its own.
    cluster: Option<Cluster>,
    directory: TempDir,
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
        let unlimited = UNLIMITED.into_iter().filter(|_| !rate_limits);
        let mut system = Self::of(directory()?, Value::Null);
        let data = system.directory().join("data");
        let mut command = Command::new(program("rowhouse")?);
        command
            .arg("dev")
            .arg("--http=127.0.0.1:0")
            .args(ServiceName::ALL.iter().map(|service| format!("--{service}-listen=127.0.0.1:0")))
            .arg("--data-dir")
            .arg(&data)
            .args(arguments)
            .env_remove("DATABASE_URL")
            .env("ROWHOUSE_LOG", "warn")
            .envs(unlimited)
            .stdout(Stdio::null());
        let mut process = RunningProgram::start("rowhouse dev", &mut command, None)?;
        let path = data.join("endpoints.json");
        while !path.exists() {
            process.check()?;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        system.programs.push(process);
        system.endpoints = serde_json::from_slice(&std::fs::read(path)?)?;
        Ok(system)
    }

    /// A system whose programs are still to be started.
    const fn of(directory: TempDir, endpoints: Value) -> Self {
        Self { programs: Vec::new(), cluster: None, directory, endpoints, networks: AtomicU16::new(0) }
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
    pub(crate) fn directory(&self) -> &Path {
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
        let (path, body) = sign_up(slug);
        self.post(path, &body).map(drop)
    }

    /// Returns an access token of a tenant's owner.
    pub(crate) fn login(&self, slug: &str) -> Result<String, Failure> {
        let (path, body) = login(slug);
        text(&self.post(path, &body)?, "/access_token").map(ToOwned::to_owned)
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

    /// Returns a command of the program `rowhouse` on the database.
    pub(crate) fn command(&self, arguments: &[&str]) -> Result<Command, Failure> {
        let mut command = Command::new(program("rowhouse")?);
        command.args(arguments).env_clear().env("DATABASE_URL", self.endpoint("database"));
        Ok(command)
    }

    fn post(&self, path: &str, body: &str) -> Result<Value, Failure> {
        let curl = Command::new("curl")
            .args([
                "--silent",
                "--show-error",
                "--fail-with-body",
                "--header",
                "content-type: application/json",
            ])
            .args(["--header", &format!("x-forwarded-for: {}", self.network())])
            .args(["--data", body])
            .arg(format!("{}{path}", self.endpoint("gateway")))
            .output()?;
        Ok(serde_json::from_str(&output(&curl)?)?)
    }

    /// Returns an address in a network of its own, for each request of a stranger, since limits on those are not measured.
    pub(crate) fn network(&self) -> String {
        format!("2001:db8:{:x}::1", self.networks.fetch_add(1, Ordering::Relaxed))
    }

    /// Returns the processor time that each program has used. PostgreSQL is one of them if no other has started it.
    pub(crate) fn processor_times(&self) -> Result<BTreeMap<&'static str, Duration>, Failure> {
        let mut times = BTreeMap::new();
        for program in &self.programs {
            times.insert(program.name(), program.processor_time()?);
        }
        if self.cluster.is_some() {
            times.insert(POSTGRES, postgres_processor_time(&self.directory().join("postgres"))?);
        }
        Ok(times)
    }

    /// Returns the processor time that the services and the gateway have used, without PostgreSQL's.
    pub(crate) fn processor_time(&self) -> Result<Duration, Failure> {
        self.programs.iter().map(RunningProgram::processor_time).sum()
    }

    /// Returns the physical memory of the services and the gateway, in bytes.
    pub(crate) fn memory(&self) -> Result<u64, Failure> {
        self.programs.iter().map(RunningProgram::memory).sum()
    }

    /// Returns the programs.
    pub(crate) fn programs(&self) -> &[RunningProgram] {
        &self.programs
    }

    /// Stops the programs, those first that call others.
    pub(crate) fn stop(self) -> Result<(), Failure> {
        self.programs.into_iter().rev().try_for_each(RunningProgram::stop)
    }
}

/// Creates a directory that PostgreSQL's account can enter.
fn directory() -> std::io::Result<TempDir> {
    tempfile::Builder::new().permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755)).tempdir()
}

/// Returns the file of a program, which is beside this one.
fn program(name: &str) -> std::io::Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name(name))
}

/// Returns the path and the body of a request that adds a tenant with an owner.
pub(crate) fn sign_up(slug: &str) -> (&'static str, String) {
    let (name, admin) = (slug.to_ascii_uppercase(), credentials(slug));
    ("/v1/tenants", format!(r#"{{"name":"{name}","slug":"{slug}","admin":{admin}}}"#))
}

/// Returns the path and the body of a request that logs in a tenant's owner.
pub(crate) fn login(slug: &str) -> (&'static str, String) {
    ("/v1/auth/login", credentials(slug))
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

pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> Result<&'a str, Failure> {
    Ok(value.pointer(pointer).and_then(Value::as_str).ok_or_else(|| format!("no {pointer} in {value}"))?)
}
