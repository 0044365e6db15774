//! A service as a process of its own: this test's program, started once more, with what the service's own program does.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;

use clap::Parser;
use rowhouse_chassis::shutdown::Shutdown;
use rowhouse_chassis::telemetry;
use rustix::process::{Signal, set_parent_process_death_signal};
use tokio::process::{Child, Command};

const SERVICE: &str = "ROWHOUSE_KILLING_SERVICE";

/// Which service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Service {
    Auth,
    Onboarding,
    Orders,
}

impl Service {
    pub(crate) const ALL: [Self; 3] = [Self::Auth, Self::Onboarding, Self::Orders];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Onboarding => "onboarding",
            Self::Orders => "orders",
        }
    }

    /// Starts it with its settings and nothing else of this process's environment. It says what it has to say in a file.
    pub(crate) fn spawn(self, settings: &[(&str, String)], log: &Path) -> Child {
        let log = File::options().create(true).append(true).open(log).unwrap();
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "service::as_a_process", "--nocapture"])
            .env_clear()
            .env(SERVICE, self.name())
            .envs(settings.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap()
    }
}

/// Not a test of anything: what [`Service::spawn`] starts.
#[test]
fn as_a_process() {
    let Some(name) = std::env::var_os(SERVICE) else { return };
    // It does not survive the test, however that ends.
    set_parent_process_death_signal(Some(Signal::KILL)).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let shutdown = Shutdown::on_signals().unwrap();
        if name == "auth" {
            let config = rowhouse_auth::Config::parse_from(["auth"]);
            let _telemetry = telemetry::init(&config.telemetry, "auth").unwrap();
            rowhouse_auth::serve(config, shutdown).await.unwrap();
        } else if name == "onboarding" {
            let config = rowhouse_onboarding::Config::parse_from(["onboarding"]);
            let _telemetry = telemetry::init(&config.telemetry, "onboarding").unwrap();
            rowhouse_onboarding::serve(config, shutdown).await.unwrap();
        } else {
            let config = rowhouse_orders::Config::parse_from(["orders"]);
            let _telemetry = telemetry::init(&config.telemetry, "orders").unwrap();
            rowhouse_orders::serve(config, shutdown).await.unwrap();
        }
    });
}
