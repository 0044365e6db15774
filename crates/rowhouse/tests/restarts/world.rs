//! [`World`]: the processes, two of each program, and their database.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rowhouse_catalog::ServiceName;
use rowhouse_chassis::grpc::channel;
use rowhouse_chassis::health::is_serving;
use rowhouse_testkit::{Forwarder, Processes, ProgramName, Settings, TestServer, own_address, stop_process};
use tokio::process::Child;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{sleep, timeout};

use crate::front::Front;

const INSTANCES: usize = 2;
const PATIENCE: Duration = Duration::from_secs(60);

/// The settings of the servers. A commit survives the server's processes, though not the machine.
const SETTINGS: &[(&str, &str)] =
    &[("synchronous_commit", "on"), ("autovacuum", "on"), ("max_connections", "150")];

/// The log filter of the programs: channels say which calls they send again, and services when they are ready.
const LOG: &str =
    "warn,rowhouse_tenancy=info,rowhouse_chassis::grpc::health=info,rowhouse_chassis::grpc::channel=debug";

pub(crate) struct World {
    pub(crate) front: Arc<Front>,
    pub(crate) database: Forwarder,
    pub(crate) postgres: TestServer,
    processes: Processes,
    instances: BTreeMap<ProgramName, Vec<Instance>>,
    running: BTreeMap<(ProgramName, usize), Child>,
    /// Dropped last, when the processes have been killed.
    _turn: MutexGuard<'static, ()>,
}

/// The test whose turn it is. Each has eight processes and a time limit, and together they would measure one another.
static TURN: Mutex<()> = Mutex::const_new(());

/// The addresses of an instance.
struct Instance {
    listen: SocketAddr,
    admin: SocketAddr,
}

impl Instance {
    fn new() -> Self {
        Self { listen: own_address(), admin: own_address() }
    }
}

impl World {
    pub(crate) async fn start() -> Self {
        let turn = TURN.lock().await;
        let postgres = TestServer::start_with(SETTINGS).await;
        let instances: BTreeMap<_, _> = ProgramName::all()
            .map(|program| (program, (0..INSTANCES).map(|_| Instance::new()).collect::<Vec<_>>()))
            .collect();
        let gateways = &instances[&ProgramName::Gateway];
        let mut world = Self {
            front: Arc::new(Front::of(gateways.iter().map(|gateway| format!("http://{}", gateway.listen)))),
            database: Forwarder::start(postgres.address()).await,
            postgres,
            processes: Processes::new(),
            instances,
            running: BTreeMap::new(),
            _turn: turn,
        };
        for program in ProgramName::all() {
            for number in 0..INSTANCES {
                world.start_instance(program, number).await;
            }
        }
        world
    }

    /// Reserves addresses for another instance of a program, and returns its number. Callers that are started from now on know them.
    pub(crate) fn add_instance(&mut self, program: ProgramName) -> usize {
        let instances = self.instances.get_mut(&program).unwrap();
        instances.push(Instance::new());
        instances.len() - 1
    }

    /// Restarts one instance after the other, of each program.
    pub(crate) async fn restart_all(&mut self) {
        for program in ProgramName::all() {
            for number in 0..INSTANCES {
                self.restart_instance(program, number).await;
            }
        }
    }

    /// Restarts an instance. A gateway gets no requests in the meantime.
    pub(crate) async fn restart_instance(&mut self, program: ProgramName, number: usize) {
        if program == ProgramName::Gateway {
            self.front.drain(number).await;
        }
        stop_process(self.running.remove(&(program, number)).unwrap()).await;
        self.start_instance(program, number).await;
    }

    /// Starts an instance, and waits until it is ready.
    pub(crate) async fn start_instance(&mut self, program: ProgramName, number: usize) {
        let child = self.processes.start(program, number, &self.settings(program, number));
        self.running.insert((program, number), child);
        let ready = timeout(PATIENCE, self.until_ready(program, number, true)).await;
        assert!(ready.is_ok(), "{program} is not ready: {}", self.processes.output(program, number));
        if program == ProgramName::Gateway {
            self.front.admit(number);
        }
    }

    /// Waits until an instance reports that it is ready, or that it is not.
    pub(crate) async fn until_ready(&self, program: ProgramName, number: usize, ready: bool) {
        let pause = Duration::from_millis(20);
        let address = self.instances[&program][number].listen;
        match program {
            ProgramName::Service(service) => {
                let channel = channel(&format!("http://{address}")).unwrap();
                while is_serving(&channel, service.health()).await != ready {
                    sleep(pause).await;
                }
            }
            ProgramName::Gateway => {
                let url = format!("http://{address}/readyz");
                while reqwest::get(&url).await.is_ok_and(|answer| answer.status().is_success()) != ready {
                    sleep(pause).await;
                }
            }
        }
    }

    /// Returns the number of calls that each instance of a service has answered, by its own metrics.
    pub(crate) async fn answered_calls(&self, service: ServiceName) -> Vec<u64> {
        let mut counts = Vec::new();
        for instance in &self.instances[&ProgramName::Service(service)] {
            let metrics = reqwest::get(format!("http://{}/metrics", instance.admin)).await;
            counts.push(match metrics {
                Ok(metrics) => answered_calls(&metrics.text().await.unwrap()),
                // It does not run yet.
                Err(_) => 0,
            });
        }
        counts
    }

    /// Returns the number of orders of each customer.
    pub(crate) async fn orders(&self) -> BTreeMap<String, i64> {
        let admin = self.postgres.admin().await;
        let rows = admin.query("SELECT customer, count(*) FROM orders.orders GROUP BY customer", &[]).await;
        rows.unwrap().iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    /// Prints the end of each instance's output, before a test fails.
    pub(crate) fn print_output(&self) {
        for (program, instances) in &self.instances {
            for number in 0..instances.len() {
                eprintln!("-- {program} {number}\n{}", self.processes.output(*program, number));
            }
        }
    }

    fn settings(&self, program: ProgramName, number: usize) -> Settings {
        let Instance { listen, admin } = self.instances[&program][number];
        let mut settings = self
            .processes
            .settings(program, listen)
            .with("ROWHOUSE_ADMIN_LISTEN", admin)
            .with("ROWHOUSE_LOG", LOG)
            .with("ROWHOUSE_TENANT_RATE_LIMIT", 0)
            // On a busy machine, a sign-up may take longer than the ten seconds that it has by default.
            .with("ROWHOUSE_REQUEST_TIMEOUT", 50);
        if let ProgramName::Service(service) = program {
            let url = self.postgres.url_at(service, &self.database.address());
            settings = settings.with("DATABASE_URL", url);
        }
        settings.with_endpoints(program, |callee| {
            let instances = self.instances[&ProgramName::Service(callee)].iter();
            let endpoints: Vec<_> = instances.map(|instance| format!("http://{}", instance.listen)).collect();
            endpoints.join(",")
        })
    }
}

/// Returns the number of calls of all methods in a scrape.
fn answered_calls(scrape: &str) -> u64 {
    let counts = scrape.lines().filter(|line| line.starts_with("rpc_server_call_duration_seconds_count"));
    counts.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}
