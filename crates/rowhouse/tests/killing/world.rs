//! The processes, and the relays between them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use rowhouse_catalog::{PerService, ServiceName};
use rowhouse_testkit::{Processes, ProgramName, Settings, TestServer, own_address};
use tokio::net::TcpStream;
use tokio::process::Child;
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

use crate::link::{Link, Protocol};

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
    pub(crate) processes: Processes,
    postgres: Mutex<TestServer>,
    addresses: PerService<SocketAddr>,
    /// In the order of [`LINKS`].
    pub(crate) links: Vec<Link>,
    running: Mutex<BTreeMap<ServiceName, Child>>,
}

impl World {
    pub(crate) async fn start() -> Self {
        // A commit survives the server's processes, though not the machine.
        let postgres = TestServer::start_with(&[("synchronous_commit", "on")]).await;
        let addresses = PerService::from_fn(|_| own_address());
        let mut links = Vec::new();
        for (_, server) in LINKS {
            links.push(match server {
                Victim::Postgres => Link::to(postgres.address().parse().unwrap(), Protocol::Postgres).await,
                Victim::Service(service) => Link::to(addresses[service], Protocol::Grpc).await,
            });
        }
        let (processes, postgres, running) = (Processes::new(), Mutex::new(postgres), Mutex::default());
        let world = Self { processes, postgres, addresses, links, running };
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
            Victim::Postgres => self.postgres.lock().await.kill(),
        }
    }

    /// Starts a killed process again, and waits until it can be reached.
    pub(crate) async fn start_again(&self, victim: Victim) {
        match victim {
            Victim::Service(service) => {
                let (program, settings) = (ProgramName::Service(service), self.settings(service).await);
                let mut child = self.processes.start(program, 0, &settings);
                let reached = async {
                    while TcpStream::connect(self.addresses[service]).await.is_err() {
                        if child.try_wait().unwrap().is_some() {
                            // A service does not start without a database that answers.
                            sleep(Duration::from_millis(50)).await;
                            child = self.processes.start(program, 0, &settings);
                        }
                        sleep(Duration::from_millis(5)).await;
                    }
                };
                let reached = timeout(Duration::from_secs(60), reached).await;
                assert!(reached.is_ok(), "{service:?} does not start: {}", self.processes.output(program, 0));
                self.running.lock().await.insert(service, child);
            }
            Victim::Postgres => {
                let mut postgres = self.postgres.lock().await;
                postgres.restart().await;
                for ((_, server), link) in LINKS.iter().zip(&self.links) {
                    if *server == Victim::Postgres {
                        link.lead_to(postgres.address().parse().unwrap());
                    }
                }
            }
        }
    }

    /// Returns onboarding's address, without a relay.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.addresses[ServiceName::Onboarding])
    }

    pub(crate) async fn admin(&self) -> tokio_postgres::Client {
        self.postgres.lock().await.admin().await
    }

    async fn settings(&self, service: ServiceName) -> Settings {
        let link = match service {
            ServiceName::Onboarding => 0,
            ServiceName::Auth => 1,
            ServiceName::Orders => 2,
        };
        let database = self.postgres.lock().await.url_at(service, &self.links[link].address.to_string());
        let settings = self
            .processes
            .settings(ProgramName::Service(service), self.addresses[service])
            .with("DATABASE_URL", database)
            .with("ROWHOUSE_JOB_LEASE", 1);
        if service != ServiceName::Onboarding {
            return settings;
        }
        let endpoint = |link: usize| format!("http://{}", self.links[link].address);
        settings.with_endpoint(ServiceName::Auth, endpoint(3)).with_endpoint(ServiceName::Orders, endpoint(4))
    }
}
