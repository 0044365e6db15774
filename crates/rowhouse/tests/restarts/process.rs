//! A program as a process: this test's program, started again, with the program's own code.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;

use clap::Parser;
use rowhouse_auth::Auth;
use rowhouse_catalog::ServiceName;
use rowhouse_chassis::program::Program;
use rowhouse_chassis::shutdown::Shutdown;
use rowhouse_chassis::telemetry;
use rowhouse_gateway::Gateway;
use rowhouse_onboarding::Onboarding;
use rowhouse_orders::Orders;
use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal};
use tokio::process::{Child, Command};

const PROGRAM: &str = "ROWHOUSE_RESTARTS_PROGRAM";

/// A program of the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Service(ServiceName),
    Gateway,
}

impl Part {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Service(service) => service.program(),
            Self::Gateway => Gateway::NAME,
        }
    }
}

/// Starts it with its settings and no other environment. Its output is written to a file.
pub(crate) fn spawn(part: Part, settings: &[(String, String)], log: &Path) -> Child {
    let log = File::options().create(true).append(true).open(log).unwrap();
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "process::as_a_process", "--nocapture"])
        .env_clear()
        .env(PROGRAM, part.name())
        .envs(settings.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// Asks a process to stop, and waits until it has.
pub(crate) async fn stop(mut child: Child) {
    let pid = i32::try_from(child.id().unwrap()).unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::TERM).unwrap();
    assert!(child.wait().await.unwrap().success());
}

/// Not a test of anything: what [`spawn`] starts.
#[test]
fn as_a_process() {
    let Some(name) = std::env::var_os(PROGRAM) else { return };
    // It does not survive the test, however that ends.
    set_parent_process_death_signal(Some(Signal::KILL)).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        match ServiceName::ALL.iter().find(|service| name == service.program()) {
            Some(ServiceName::Auth) => run::<Auth>().await,
            Some(ServiceName::Onboarding) => run::<Onboarding>().await,
            Some(ServiceName::Orders) => run::<Orders>().await,
            None => run::<Gateway>().await,
        }
    });
}

async fn run<P: Program>() {
    let config = P::Config::parse_from([P::NAME]);
    let _telemetry = telemetry::init(P::telemetry(&config), P::NAME).unwrap();
    P::serve(config, Shutdown::on_signals().unwrap()).await.unwrap();
}
