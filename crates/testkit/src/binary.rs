//! [`Binary`], a program as it is deployed.

mod service;

use std::net::SocketAddr;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::{Processes, ProgramName, Settings, own_address};

const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(10);

/// An address on which nothing listens. No free port is as low.
const CLOSED: &str = "http://127.0.0.1:1";

/// A program's file, and the settings with which it starts.
pub struct Binary {
    file: &'static str,
    name: ProgramName,
    listen: SocketAddr,
    settings: Settings,
    processes: Processes,
}

/// The exit code of a program that has ended, and its standard error.
#[derive(Debug)]
pub struct Ended {
    /// The exit code, or `None` after a signal.
    pub code: Option<i32>,
    /// Its output, which is nowhere but on standard error.
    pub output: String,
}

/// Variables, the expected exit code, and a part of the expected output.
pub type CheckedConfiguration<'a> = (&'a [(&'a str, &'a str)], i32, &'a str);

impl Binary {
    /// Takes a program's file, `env!("CARGO_BIN_EXE_…")`. It has keys and listens on an address of its own. The services that it
    /// calls are not reachable, and neither is its database, until [`Binary::with`] changes that.
    #[must_use]
    pub fn new(name: ProgramName, file: &'static str) -> Self {
        let (processes, listen) = (Processes::new(), own_address());
        let mut settings = processes.settings(name, listen);
        if let ProgramName::Service(service) = name {
            let url = format!("postgres://{}:hunter2@127.0.0.1:1/rowhouse", service.role());
            settings = settings.with("DATABASE_URL", url);
        }
        let settings = settings.with_endpoints(name, |_| CLOSED.to_owned());
        Self { file, name, listen, settings, processes }
    }

    /// Sets a variable.
    #[must_use]
    pub fn with(mut self, variable: &str, value: impl std::fmt::Display) -> Self {
        self.settings = self.settings.with(variable, value);
        self
    }

    /// Returns the address that it listens on.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.listen
    }

    /// Returns a directory for files of the test, which also has the keys.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.processes.directory()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.file);
        command.env_clear().envs(self.settings.variables());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    /// Starts it, and waits until it accepts connections.
    pub async fn start(&self) -> RunningBinary {
        let mut process = self.command().spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let output = Arc::new(Mutex::new(String::new()));
        let written = Arc::clone(&output);
        let reading = tokio::spawn(async move {
            while let Some(line) = lines.next_line().await.unwrap() {
                let mut written = written.lock().unwrap();
                written.push_str(&line);
                written.push('\n');
            }
        });
        let mut running = RunningBinary { process, output, reading };
        let connected = async {
            while TcpStream::connect(self.listen).await.is_err() {
                let ended = running.process.try_wait().unwrap();
                assert!(ended.is_none(), "{} ended with {ended:?}: {}", self.name, running.output());
                sleep(PAUSE).await;
            }
        };
        let connected = timeout(PATIENCE, connected).await;
        assert!(connected.is_ok(), "{} does not listen: {}", self.name, running.output());
        running
    }

    /// Runs it with more arguments and variables until it ends by itself.
    pub async fn run(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Ended {
        let mut command = self.command();
        let output = command.args(arguments).envs(variables.iter().copied()).output();
        let output = timeout(PATIENCE, output).await.expect("it does not end").unwrap();
        Ended { code: output.status.code(), output: String::from_utf8(output.stderr).unwrap() }
    }

    /// Checks the configuration with each of the variables. No output may have the password in the URL of the database, and a valid
    /// configuration is one line.
    pub async fn check_configurations(&self, cases: &[CheckedConfiguration<'_>]) {
        for (variables, code, part) in cases {
            let Ended { code: ended, output } = self.run(&["--check-config"], variables).await;
            assert_eq!(ended, Some(*code), "{variables:?}: {output}");
            assert!(output.contains(part) && !output.contains("hunter2"), "{variables:?}: {output}");
            assert!(ended != Some(0) || output.lines().count() == 1, "{variables:?}: {output}");
        }
    }
}

/// A program that runs. Dropping it kills it.
pub struct RunningBinary {
    process: Child,
    output: Arc<Mutex<String>>,
    reading: JoinHandle<()>,
}

impl RunningBinary {
    /// Returns its output so far.
    #[must_use]
    pub fn output(&self) -> String {
        self.output.lock().unwrap().clone()
    }

    /// Waits until a line of its output has this part, and returns the first such line.
    pub async fn line_with(&self, part: &str) -> String {
        let found = async {
            loop {
                if let Some(line) = self.output().lines().find(|line| line.contains(part)) {
                    return line.to_owned();
                }
                sleep(PAUSE).await;
            }
        };
        let found = timeout(PATIENCE, found).await;
        found.unwrap_or_else(|_| panic!("it did not say {part:?}: {}", self.output()))
    }

    /// Asks it to stop, as a service manager does, and waits until it has.
    pub async fn stop(mut self) -> Ended {
        let pid = i32::try_from(self.process.id().unwrap()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), Signal::TERM).unwrap();
        let ended = async {
            let status: ExitStatus = self.process.wait().await.unwrap();
            (&mut self.reading).await.unwrap();
            status
        };
        let status = timeout(PATIENCE, ended).await.expect("it does not end");
        Ended { code: status.code(), output: self.output() }
    }
}
