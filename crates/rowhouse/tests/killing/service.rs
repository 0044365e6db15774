//! A service as a process: this test's program, started again, with the service's own code.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;

use clap::Parser;
use rowhouse_auth::Auth;
use rowhouse_catalog::ServiceName;
use rowhouse_chassis::program::Program;
use rowhouse_chassis::shutdown::Shutdown;
use rowhouse_chassis::telemetry;
use rowhouse_onboarding::Onboarding;
use rowhouse_orders::Orders;
use rustix::process::{Signal, set_parent_process_death_signal};
use tokio::process::{Child, Command};

const SERVICE: &str = "ROWHOUSE_KILLING_SERVICE";

/// Starts it with its settings and no other environment. Its output is written to a file.
pub(crate) fn spawn(service: ServiceName, settings: &[(&str, String)], log: &Path) -> Child {
    let log = File::options().create(true).append(true).open(log).unwrap();
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "service::as_a_process", "--nocapture"])
        .env_clear()
        .env(SERVICE, service.as_str())
        .envs(settings.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// Not a test of anything: what [`spawn`] starts.
#[test]
fn as_a_process() {
    let Some(name) = std::env::var_os(SERVICE) else { return };
    // It does not survive the test, however that ends.
    set_parent_process_death_signal(Some(Signal::KILL)).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let service = ServiceName::ALL.iter().find(|service| name == service.as_str()).unwrap();
        match service {
            ServiceName::Auth => run::<Auth>().await,
            ServiceName::Onboarding => run::<Onboarding>().await,
            ServiceName::Orders => run::<Orders>().await,
        }
    });
}

async fn run<P: Program>() {
    let config = P::Config::parse_from([P::NAME]);
    let _telemetry = telemetry::init(P::telemetry(&config), P::NAME).unwrap();
    P::serve(config, Shutdown::on_signals().unwrap()).await.unwrap();
}
