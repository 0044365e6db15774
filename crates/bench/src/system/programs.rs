//! The system as it is deployed: its commands prepare the database, and each program is a process of its own.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use rowhouse_catalog::{PerService, ServiceName};
use rowhouse_chassis::grpc::channel;
use rowhouse_chassis::health::is_serving;
use rowhouse_keys::{KeyDirectory, encryption_keys};
use rowhouse_postgres::{Cluster, ClusterOptions, Programs, random_password};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::{System, UNLIMITED, directory, program};
use crate::Failure;
use crate::program::RunningProgram;

const DATABASE: &str = "rowhouse";
/// The time limit of the start.
const PATIENCE: Duration = Duration::from_mins(2);
const POLL: Duration = Duration::from_millis(20);

/// The settings of the services and the gateway: logs and metrics are as in the manifests, and nothing takes too long on a busy
/// machine.
const SETTINGS: [(&str, &str); 5] = [
    ("ROWHOUSE_REQUEST_TIMEOUT", "50"),
    ("ROWHOUSE_LOG", "info"),
    ("ROWHOUSE_LOG_FORMAT", "json"),
    ("ROWHOUSE_ADMIN_LISTEN", "127.0.0.1:0"),
    ("ROWHOUSE_TRUSTED_PROXIES", "127.0.0.1/32"),
];

/// The addresses that the programs listen on.
struct Addresses {
    gateway: SocketAddr,
    services: PerService<SocketAddr>,
}

impl System {
    /// Starts the programs without rate limits. Also returns the most memory that one of the commands before them took, in bytes.
    pub(crate) async fn start_programs() -> Result<(Self, u64), Failure> {
        let directory = directory()?;
        let options = ClusterOptions {
            directory: directory.path().to_owned(),
            programs: Programs::find(None)?,
            password: random_password()?,
            settings: &[],
            sync: true,
        };
        let cluster = Cluster::start(&options).await?;
        let logins = PerService::try_from_fn(|service| {
            let (role, password, port) = (service.role(), random_password()?, cluster.port());
            Ok::<_, Failure>(format!("postgres://{role}:{password}@127.0.0.1:{port}/{DATABASE}"))
        })?;
        let addresses = Addresses::free()?;
        let mut endpoints = serde_json::Map::new();
        endpoints.insert("database".to_owned(), cluster.admin_url(DATABASE).into());
        endpoints.insert("gateway".to_owned(), url(addresses.gateway).into());
        for (service, address) in addresses.services.iter() {
            endpoints.insert(service.as_str().to_owned(), url(*address).into());
        }
        let mut system = Self::of(directory, endpoints.into());
        system.cluster = Some(cluster);
        let memory = system.prepare(&logins)?;
        let started = timeout(PATIENCE, system.add_programs(&logins, &addresses)).await;
        started.map_err(|_elapsed| format!("the programs are not ready after {PATIENCE:?}"))??;
        Ok((system, memory))
    }

    /// Runs the commands that a release runs, and the nightly audit. Returns the most memory that one of them took.
    fn prepare(&self, logins: &PerService<String>) -> Result<u64, Failure> {
        let of_each = logins.iter().map(|(service, login)| (variable(service, "DATABASE_URL"), login));
        let mut migrate = command("rowhouse")?;
        migrate.arg("migrate").env("DATABASE_URL", self.endpoint("database")).envs(of_each);
        let mut most = self.run("migrate", &mut migrate)?;
        for name in ["wait-for-migrations", "audit"] {
            let mut command = command("rowhouse")?;
            command.arg(name).env("DATABASE_URL", &logins[ServiceName::Orders]);
            most = self.run(name, &mut command)?.max(most);
        }
        Ok(most)
    }

    fn run(&self, name: &'static str, command: &mut Command) -> Result<u64, Failure> {
        RunningProgram::start(name, command, Some(&self.log(name)))?.finish()
    }

    /// Starts each service and then the gateway, and waits until all are ready.
    async fn add_programs(
        &mut self,
        logins: &PerService<String>,
        addresses: &Addresses,
    ) -> Result<(), Failure> {
        let keys = KeyDirectory::at(self.directory().join("keys"));
        keys.generate()?;
        let encryption = self.directory().join("encryption.keys");
        encryption_keys::ensure(&encryption)?;
        let configured = |name| {
            let mut command = command(name)?;
            command
                .envs(SETTINGS)
                .env("ROWHOUSE_TRUST_DIR", keys.trust())
                .env("ROWHOUSE_ISSUER", url(addresses.gateway))
                .envs(UNLIMITED);
            Ok::<_, Failure>(command)
        };
        for &service in ServiceName::ALL {
            let mut command = configured(service.program())?;
            command.env("DATABASE_URL", &logins[service]);
            command.env("ROWHOUSE_LISTEN", addresses.services[service].to_string());
            if service.signs() {
                command.env("ROWHOUSE_SIGNING_KEYS", keys.signing_keys(service.program()));
            }
            if [ServiceName::Auth, ServiceName::Orders].contains(&service) {
                command.env("ROWHOUSE_ENCRYPTION_KEYS", &encryption);
            }
            if service == ServiceName::Auth {
                command.env("ROWHOUSE_MAIL_DIR", self.directory().join("mail"));
            }
            if service == ServiceName::Onboarding {
                addresses.set_endpoints(&mut command, &[ServiceName::Auth, ServiceName::Orders]);
            }
            self.add(service.as_str(), &mut command)?;
        }
        let mut command = configured("rowhouse-gateway")?;
        command.env("ROWHOUSE_HTTP_LISTEN", addresses.gateway.to_string());
        addresses.set_endpoints(&mut command, ServiceName::ALL);
        self.add("gateway", &mut command)?;

        for (service, address) in addresses.services.iter() {
            let channel = channel(&url(*address))?;
            while !is_serving(&channel, service.health()).await {
                self.pause().await?;
            }
        }
        while TcpStream::connect(addresses.gateway).await.is_err() {
            self.pause().await?;
        }
        Ok(())
    }

    fn add(&mut self, name: &'static str, command: &mut Command) -> Result<(), Failure> {
        let program = RunningProgram::start(name, command, Some(&self.log(name)))?;
        self.programs.push(program);
        Ok(())
    }

    /// Waits a moment. Returns an error if a program has ended.
    async fn pause(&mut self) -> Result<(), Failure> {
        self.programs.iter_mut().try_for_each(RunningProgram::check)?;
        sleep(POLL).await;
        Ok(())
    }

    fn log(&self, name: &str) -> PathBuf {
        self.directory().join(format!("{name}.log"))
    }
}

impl Addresses {
    /// Returns addresses that are free. Connections begin at another address of this machine, so none takes such a port until
    /// the program listens on it.
    fn free() -> std::io::Result<Self> {
        let bind = || TcpListener::bind((Ipv4Addr::new(127, 0, 0, 2), 0));
        let gateway = bind()?;
        let services = PerService::try_from_fn(|_| bind())?;
        let addresses = PerService::try_from_fn(|service| services[service].local_addr())?;
        Ok(Self { gateway: gateway.local_addr()?, services: addresses })
    }

    /// Sets the endpoints of the services that a program calls.
    fn set_endpoints(&self, command: &mut Command, callees: &[ServiceName]) {
        for callee in callees {
            command.env(variable(*callee, "ENDPOINT"), url(self.services[*callee]));
        }
    }
}

/// Returns the command of a program, with nothing of this one's environment.
fn command(name: &str) -> Result<Command, Failure> {
    let mut command = Command::new(program(name)?);
    command.env_clear().env("ROWHOUSE_ENVIRONMENT", "dev").stdin(Stdio::null()).stdout(Stdio::null());
    Ok(command)
}

fn variable(service: ServiceName, name: &str) -> String {
    format!("ROWHOUSE_{}_{name}", service.in_variables())
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}
