//! The processes, and the relays between them.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use rowhouse_catalog::{PerService, ServiceName};
use rowhouse_keys::KeyDirectory;
use rowhouse_keys::encryption_keys;
use rowhouse_migrator::RolePasswords;
use rowhouse_postgres::{Cluster, ClusterOptions, Programs, random_password};
use rowhouse_system::mail_directory::MailDirectory;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::Child;
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

use crate::link::{Link, Protocol};
use crate::service::spawn;

const DATABASE: &str = "rowhouse";

/// The settings of the server: commits survive its processes, though not the machine.
const SETTINGS: &[(&str, &str)] = &[
    ("fsync", "off"),
    ("full_page_writes", "off"),
    ("autovacuum", "off"),
    ("max_connections", "100"),
    ("shared_buffers", "32MB"),
];

/// A process that can be killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Victim {
    Service(ServiceName),
    Postgres,
}

/// The two ends of each link, the connecting one first.
pub(crate) const LINKS: [(Victim, Victim); 5] = [
    (Victim::Service(ServiceName::Onboarding), Victim::Postgres),
    (Victim::Service(ServiceName::Auth), Victim::Postgres),
    (Victim::Service(ServiceName::Orders), Victim::Postgres),
    (Victim::Service(ServiceName::Onboarding), Victim::Service(ServiceName::Auth)),
    (Victim::Service(ServiceName::Onboarding), Victim::Service(ServiceName::Orders)),
];

pub(crate) struct World {
    directory: TempDir,
    keys: KeyDirectory,
    postgres: ClusterOptions,
    cluster: Mutex<Option<Cluster>>,
    passwords: PerService<String>,
    addresses: PerService<SocketAddr>,
    /// In the order of [`LINKS`].
    pub(crate) links: Vec<Link>,
    running: Mutex<BTreeMap<ServiceName, Child>>,
}

impl World {
    pub(crate) async fn start() -> Self {
        let directory = TempDir::new().unwrap();
        // PostgreSQL may have to run as another user.
        std::fs::set_permissions(directory.path(), Permissions::from_mode(0o711)).unwrap();
        let keys = KeyDirectory::at(directory.path().join("keys"));
        keys.generate().unwrap();
        encryption_keys::ensure(&directory.path().join("encryption.keys")).unwrap();
        let programs = std::env::var_os("PG_BIN_DIR").map(PathBuf::from);
        let postgres = ClusterOptions {
            directory: directory.path().to_owned(),
            programs: Programs::find(programs.as_deref()).unwrap(),
            password: random_password().unwrap(),
            settings: SETTINGS,
            sync: false,
        };
        let cluster = Cluster::start(&postgres).await.unwrap();
        let passwords = PerService::from_fn(|_| random_password().unwrap());
        let roles = RolePasswords::new(passwords.clone().map(|_, password| Some(password)));
        rowhouse_migrator::migrate(&cluster.admin_url(DATABASE), None, &roles).await.unwrap();

        let addresses = PerService::from_fn(|_| free_address());
        let mut links = Vec::new();
        for (_, server) in LINKS {
            links.push(match server {
                Victim::Postgres => Link::to(local(cluster.port()), Protocol::Postgres).await,
                Victim::Service(service) => Link::to(addresses[service], Protocol::Grpc).await,
            });
        }
        let cluster = Mutex::new(Some(cluster));
        let running = Mutex::default();
        let world = Self { directory, keys, postgres, cluster, passwords, addresses, links, running };
        for service in ServiceName::ALL {
            world.start_again(Victim::Service(*service)).await;
        }
        world
    }

    /// Kills a process with SIGKILL.
    pub(crate) async fn kill(&self, victim: Victim) {
        match victim {
            Victim::Service(service) => {
                let mut child = self.running.lock().await.remove(&service).unwrap();
                child.kill().await.unwrap();
            }
            Victim::Postgres => {
                let pid = self.directory.path().join("postgres/postmaster.pid");
                let pid: i32 = std::fs::read_to_string(pid).unwrap().lines().next().unwrap().parse().unwrap();
                kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
                drop(self.cluster.lock().await.take());
            }
        }
    }

    /// Starts a killed process again, and waits until it can be reached.
    pub(crate) async fn start_again(&self, victim: Victim) {
        match victim {
            Victim::Service(service) => {
                let log = self.log(service);
                let mut child = spawn(service, &self.settings(service), &log);
                let reached = async {
                    while TcpStream::connect(self.addresses[service]).await.is_err() {
                        if child.try_wait().unwrap().is_some() {
                            // A service does not start without a database that answers.
                            sleep(Duration::from_millis(50)).await;
                            child = spawn(service, &self.settings(service), &log);
                        }
                        sleep(Duration::from_millis(5)).await;
                    }
                };
                let reached = timeout(Duration::from_secs(60), reached).await;
                assert!(reached.is_ok(), "{service:?} does not start: {}", self.said(service));
                self.running.lock().await.insert(service, child);
            }
            Victim::Postgres => {
                let cluster = Cluster::start(&self.postgres).await.unwrap();
                for ((_, server), link) in LINKS.iter().zip(&self.links) {
                    if *server == Victim::Postgres {
                        link.lead_to(local(cluster.port()));
                    }
                }
                *self.cluster.lock().await = Some(cluster);
            }
        }
    }

    /// Returns onboarding's address, without a relay.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.addresses[ServiceName::Onboarding])
    }

    pub(crate) async fn admin_url(&self) -> String {
        self.cluster.lock().await.as_ref().unwrap().admin_url(DATABASE)
    }

    pub(crate) fn mail_directory(&self) -> MailDirectory {
        MailDirectory::at(self.directory.path().join("mail"))
    }

    /// Returns a service's output.
    pub(crate) fn said(&self, service: ServiceName) -> String {
        std::fs::read_to_string(self.log(service)).unwrap_or_default()
    }

    fn log(&self, service: ServiceName) -> PathBuf {
        self.directory.path().join(format!("{service}.log"))
    }

    fn settings(&self, service: ServiceName) -> Vec<(&'static str, String)> {
        let path = |name: &str| self.directory.path().join(name).display().to_string();
        let endpoint = |link: usize| format!("http://{}", self.links[link].address);
        let link = match service {
            ServiceName::Onboarding => 0,
            ServiceName::Auth => 1,
            ServiceName::Orders => 2,
        };
        let (password, database) = (&self.passwords[service], self.links[link].address);
        let mut settings = vec![
            ("ROWHOUSE_LISTEN", self.addresses[service].to_string()),
            (
                "DATABASE_URL",
                format!("postgres://{}:{password}@{database}/{DATABASE}?sslmode=disable", service.role()),
            ),
            ("ROWHOUSE_TRUST_DIR", self.keys.trust().display().to_string()),
            ("ROWHOUSE_ISSUER", "http://127.0.0.1:8080".to_owned()),
            ("ROWHOUSE_ENVIRONMENT", "dev".to_owned()),
            ("ROWHOUSE_LOG", "info".to_owned()),
            ("ROWHOUSE_JOB_LEASE", "1".to_owned()),
        ];
        if service.signs() {
            settings.push((
                "ROWHOUSE_SIGNING_KEYS",
                self.keys.signing_keys(service.program()).display().to_string(),
            ));
            settings.push(("ROWHOUSE_BCRYPT_COST", "4".to_owned()));
        }
        if service == ServiceName::Onboarding {
            settings.push(("ROWHOUSE_AUTH_ENDPOINT", endpoint(3)));
            settings.push(("ROWHOUSE_ORDERS_ENDPOINT", endpoint(4)));
        } else {
            settings.push(("ROWHOUSE_ENCRYPTION_KEYS", path("encryption.keys")));
        }
        if service == ServiceName::Auth {
            settings.push(("ROWHOUSE_MAIL_DIR", path("mail")));
            // All of them sign up from this machine.
            settings.push(("ROWHOUSE_SIGN_UPS_PER_NETWORK", "100000".to_owned()));
        }
        settings
    }
}

fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

fn free_address() -> SocketAddr {
    std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}
