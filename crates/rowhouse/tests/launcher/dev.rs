//! A running `rowhouse dev`.

use std::fs::{self, File};
use std::io::pipe;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use rowhouse_catalog::ServiceName;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::run::{rowhouse, server_of, until};

/// Dropping it kills it with its PostgreSQL.
pub(crate) struct Dev {
    process: Child,
    data_dir: PathBuf,
}

/// Returns the command with free ports.
pub(crate) fn command(data_dir: &Path) -> Command {
    let mut command = rowhouse(&["dev", "--http", "127.0.0.1:0"]);
    for service in ServiceName::ALL {
        command.args([&format!("--{service}-listen"), "127.0.0.1:0"]);
    }
    command.arg("--data-dir").arg(data_dir);
    command
}

impl Dev {
    /// Starts it without waiting.
    pub(crate) fn launch(data_dir: &Path, command: &mut Command) -> Self {
        let output = |name| File::create(data_dir.with_extension(name)).unwrap();
        Self::spawn(data_dir, command.stdout(output("stdout")).stderr(output("stderr")))
    }

    /// Starts it where nobody reads its output, and waits until it runs.
    pub(crate) fn start_unread(data_dir: &Path) -> Self {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let mut command = command(data_dir);
        let mut dev = Self::spawn(data_dir, command.stdout(writer.try_clone().unwrap()).stderr(writer));
        let endpoints = data_dir.join("endpoints.json");
        until("the endpoints", || {
            assert_eq!(dev.process.try_wait().unwrap(), None, "rowhouse dev ended");
            endpoints.exists().then_some(())
        });
        dev
    }

    fn spawn(data_dir: &Path, command: &mut Command) -> Self {
        Self { process: command.spawn().unwrap(), data_dir: data_dir.to_owned() }
    }

    /// Starts it and waits until it runs.
    pub(crate) fn start(data_dir: &Path) -> Self {
        Self::launch(data_dir, &mut command(data_dir)).up()
    }

    /// Waits for the greeting, which is printed last.
    pub(crate) fn up(mut self) -> Self {
        until("the greeting", || {
            if let Some(status) = self.process.try_wait().unwrap() {
                panic!("rowhouse dev ended with {status}: {}", self.stderr());
            }
            self.stdout().contains("Rowhouse is up").then_some(())
        });
        self
    }

    pub(crate) fn stdout(&self) -> String {
        fs::read_to_string(self.data_dir.with_extension("stdout")).unwrap()
    }

    /// Returns the log lines, if anybody reads them.
    pub(crate) fn stderr(&self) -> String {
        fs::read_to_string(self.data_dir.with_extension("stderr")).unwrap_or_default()
    }

    pub(crate) fn endpoint(&self, name: &str) -> String {
        let content = fs::read(self.data_dir.join("endpoints.json")).unwrap();
        let endpoints: Value = serde_json::from_slice(&content).unwrap();
        endpoints[name].as_str().unwrap_or_else(|| panic!("no {name} in {endpoints}")).to_owned()
    }

    /// Executes the lines that it prints for pasting, and returns their output.
    pub(crate) fn paste(&self) -> String {
        let printed = self.stdout();
        let lines: Vec<&str> =
            printed.lines().filter(|line| line.starts_with("curl ") || line.contains("=$(curl ")).collect();
        assert_eq!(lines.len(), 3, "{printed}");
        let pasted = Command::new("sh").arg("-euc").arg(lines.join("\n")).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&pasted.stdout), String::from_utf8_lossy(&pasted.stderr));
        assert!(pasted.status.success() && err.is_empty(), "{out}{err}");
        out.into_owned()
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(self.process.id().try_into().unwrap()).unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Returns the status, and how long it took.
    pub(crate) fn wait(&mut self) -> (ExitStatus, Duration) {
        let start = Instant::now();
        let status = until("the end of rowhouse dev", || self.process.try_wait().unwrap());
        (status, start.elapsed())
    }

    /// Stops it as Ctrl-C or a service manager does.
    pub(crate) fn stop(mut self, signal: Signal) -> Duration {
        self.signal(signal);
        let (status, took) = self.wait();
        assert!(status.success(), "{status}: {}", self.stderr());
        took
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        let ended = self.process.try_wait().unwrap().is_some();
        if !ended {
            self.process.kill().unwrap();
            self.process.wait().unwrap();
        }
        // Only a killed one leaves its server.
        if let Some(server) = server_of(&self.data_dir).filter(|_| std::thread::panicking()) {
            kill_process(server, Signal::QUIT).unwrap_or_else(|error| eprintln!("PostgreSQL: {error}"));
        }
    }
}
