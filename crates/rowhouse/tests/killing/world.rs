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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Victim {
    Service(ServiceName),
    Postgres,
}

pub(crate) struct World {
    pub(crate) processes: Processes,
    postgres: Mutex<TestServer>,
    addresses: PerService<SocketAddr>,
    /// The link from each service to PostgreSQL and to each service that it calls, by its ends.
    pub(crate) links: BTreeMap<(ServiceName, Victim), Link>,
    running: Mutex<BTreeMap<ServiceName, Child>>,
}

impl World {
    pub(crate) async fn start() -> Self {
        // A commit survives the server's processes, though not the machine.
        let postgres = TestServer::start_with(&[("synchronous_commit", "on")]).await;
        let addresses = PerService::from_fn(|_| own_address());
        let mut links = BTreeMap::new();
        for client in ServiceName::ALL {
            let database = Link::to(postgres.address().parse().unwrap(), Protocol::Postgres).await;
            links.insert((*client, Victim::Postgres), database);
            for callee in ProgramName::Service(*client).callees() {
                let call = Link::to(addresses[*callee], Protocol::Grpc).await;
                links.insert((*client, Victim::Service(*callee)), call);
            }
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
                for ((_, server), link) in &self.links {
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
        let program = ProgramName::Service(service);
        let link = |server: Victim| self.links[&(service, server)].address;
        let database = self.postgres.lock().await.url_at(service, &link(Victim::Postgres).to_string());
        self.processes
            .settings(program, self.addresses[service])
            .with("DATABASE_URL", database)
            .with("ROWHOUSE_JOB_LEASE", 1)
            .with_endpoints(program, |callee| format!("http://{}", link(Victim::Service(callee))))
    }
}
