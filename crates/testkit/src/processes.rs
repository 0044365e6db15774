//! [`Processes`], the programs of a system, each as a process of its own.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::Stdio;

use clap::Parser;
use rowhouse_catalog::ServiceName;
use rowhouse_chassis::program::Program;
use rowhouse_chassis::service::Service;
use rowhouse_chassis::shutdown::Shutdown;
use rowhouse_chassis::telemetry;
use rowhouse_gateway::Gateway;
use rowhouse_keys::{KeyDirectory, encryption_keys};
use rowhouse_system::Visitor;
use rowhouse_system::mail_directory::MailDirectory;
use rowhouse_tokens::issuer;
use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal};
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// The variable that names the program which a process is.
const PROGRAM: &str = "ROWHOUSE_TEST_PROGRAM";
/// The number of lines that are shown of an output.
const LINES: usize = 60;

/// A program of the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProgramName {
    /// A service.
    Service(ServiceName),
    /// The gateway.
    Gateway,
}

impl ProgramName {
    /// Returns all programs, those first that others call.
    pub fn all() -> impl Iterator<Item = Self> {
        ServiceName::ALL.iter().map(|service| Self::Service(*service)).chain([Self::Gateway])
    }

    /// Returns the services that the program calls.
    #[must_use]
    pub const fn callees(self) -> &'static [ServiceName] {
        match self {
            Self::Gateway => ServiceName::ALL,
            Self::Service(ServiceName::Onboarding) => &[ServiceName::Auth, ServiceName::Orders],
            Self::Service(_) => &[],
        }
    }
}

impl Display for ProgramName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Service(service) => service.program(),
            Self::Gateway => Gateway::NAME,
        })
    }
}

/// The environment of a process.
#[derive(Clone, Debug, Default)]
pub struct Settings(BTreeMap<String, String>);

impl Settings {
    /// Sets a variable.
    #[must_use]
    pub fn with(mut self, variable: impl Into<String>, value: impl Display) -> Self {
        self.0.insert(variable.into(), value.to_string());
        self
    }

    /// Leaves a variable unset, so that the program takes its default.
    #[must_use]
    pub fn without(mut self, variable: &str) -> Self {
        self.0.remove(variable);
        self
    }

    /// Returns the variables with their values.
    pub(crate) const fn variables(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    /// Sets the endpoint of each service that the program calls.
    #[must_use]
    pub fn with_endpoints(self, program: ProgramName, endpoint: impl Fn(ServiceName) -> String) -> Self {
        program.callees().iter().fold(self, |settings, callee| {
            settings.with(format!("ROWHOUSE_{}_ENDPOINT", callee.in_variables()), endpoint(*callee))
        })
    }
}

/// The keys, settings and outputs of the programs of a system. Each runs in this test's program, started again, with the program's
/// own code. The root of the test's program has to be
///
/// ```ignore
/// #[test]
/// fn as_a_process() {
///     rowhouse_testkit::serve_as_a_process();
/// }
/// ```
pub struct Processes {
    directory: TempDir,
    keys: KeyDirectory,
}

impl Processes {
    /// Generates keys.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "each has other keys")]
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let keys = KeyDirectory::at(directory.path().join("keys"));
        keys.generate().unwrap();
        let processes = Self { directory, keys };
        encryption_keys::ensure(&processes.path("encryption.keys")).unwrap();
        processes
    }

    /// Returns the settings of a program that listens at `listen`: all but the URL of its database and the endpoints of the services
    /// that it calls. The limits on sign-ups are such that no test reaches them.
    #[must_use]
    pub fn settings(&self, program: ProgramName, listen: SocketAddr) -> Settings {
        let settings = Settings::default()
            .with("ROWHOUSE_TRUST_DIR", self.keys.trust().display())
            .with("ROWHOUSE_ISSUER", issuer::DEVELOPMENT)
            .with("ROWHOUSE_ENVIRONMENT", "dev");
        let ProgramName::Service(service) = program else {
            return settings.with("ROWHOUSE_HTTP_LISTEN", listen);
        };
        let mut settings = settings.with("ROWHOUSE_LISTEN", listen);
        if service.signs() {
            let keys = self.keys.signing_keys(service.program());
            settings = settings.with("ROWHOUSE_SIGNING_KEYS", keys.display()).with("ROWHOUSE_BCRYPT_COST", 4);
        }
        if [ServiceName::Auth, ServiceName::Orders].contains(&service) {
            settings = settings.with("ROWHOUSE_ENCRYPTION_KEYS", self.path("encryption.keys").display());
        }
        if service == ServiceName::Auth {
            settings = settings
                .with("ROWHOUSE_MAIL_DIR", self.path("mail").display())
                .with("ROWHOUSE_SIGN_UPS_PER_NETWORK", 100_000);
        }
        settings
    }

    /// Starts an instance of a program with these settings and no other environment. Its output is added to that of the instances
    /// before it with this number.
    #[must_use]
    pub fn start(&self, program: ProgramName, number: usize, settings: &Settings) -> Child {
        let log = self.log(program, number);
        let log = File::options().create(true).append(true).open(log).unwrap();
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "as_a_process", "--nocapture"])
            .env_clear()
            .env(PROGRAM, program.to_string())
            .envs(&settings.0)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap()
    }

    /// Returns the end of an instance's output.
    #[must_use]
    pub fn output(&self, program: ProgramName, number: usize) -> String {
        let output = std::fs::read_to_string(self.log(program, number)).unwrap_or_default();
        let lines: Vec<_> = output.lines().collect();
        lines[lines.len().saturating_sub(LINES)..].join("\n")
    }

    /// Returns the directory that receives all emails.
    #[must_use]
    pub fn mail_directory(&self) -> MailDirectory {
        MailDirectory::at(self.path("mail"))
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    fn log(&self, program: ProgramName, number: usize) -> PathBuf {
        self.path(&format!("{program}-{number}.log"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

/// Asks a process to stop, and waits until it has.
pub async fn stop_process(mut child: Child) {
    let pid = i32::try_from(child.id().unwrap()).unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::TERM).unwrap();
    assert!(child.wait().await.unwrap().success());
}

/// Serves as the program that [`Processes::start`] has named until a signal. Returns at once in a run of the tests.
pub fn serve_as_a_process() {
    let Some(name) = std::env::var_os(PROGRAM) else { return };
    // It does not survive the test, however that ends.
    set_parent_process_death_signal(Some(Signal::KILL)).unwrap();
    let program = ProgramName::all().find(|program| name == program.to_string().as_str()).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(match program {
        ProgramName::Service(service) => rowhouse_system::visit(service, Serving),
        ProgramName::Gateway => Box::pin(serve::<Gateway>()),
    });
}

/// Serves as a service.
struct Serving;

impl Visitor for Serving {
    type Output = Pin<Box<dyn Future<Output = ()>>>;

    fn visit<S: Service>(self) -> Self::Output {
        Box::pin(serve::<S>())
    }
}

async fn serve<P: Program>() {
    let config = P::Config::parse_from([P::NAME]);
    let _telemetry = telemetry::init(P::telemetry(&config), P::NAME).unwrap();
    P::serve(config, Shutdown::on_signals().unwrap()).await.unwrap();
}
