//! [`Cluster`], a server with its data directory.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::NoTls;
use tokio_postgres::error::SqlState;

use super::server_log::ServerLog;
use super::user::ServerUser;
use super::{PostgresError, Programs, data_directory, predecessor};
use rowhouse_files as files;

/// The time limit of a start. After a crash it replays the log first.
const PATIENCE: Duration = Duration::from_mins(2);

/// The number of attempts to start, after another process took the port, or while processes of a killed server still
/// run.
const ATTEMPTS: u32 = 20;

const POLL: Duration = Duration::from_millis(50);

/// The signals that stop the server, with the time for each: a fast shutdown, which writes everything, an immediate
/// one, and SIGKILL. After the latter two the next start replays the log.
const WAYS_TO_STOP: [(Signal, Duration); 3] = [
    (Signal::INT, Duration::from_secs(4)),
    (Signal::QUIT, Duration::from_secs(1)),
    (Signal::KILL, Duration::from_millis(500)),
];

/// The settings of a cluster.
#[derive(Clone, Debug)]
pub struct ClusterOptions {
    /// The directory of the data, `postgres`, and of the log, `postgres.log`. The caller ensures that no other
    /// process uses it.
    pub directory: PathBuf,
    /// PostgreSQL's programs.
    pub programs: Programs,
    /// The password of the superuser `postgres`.
    pub password: String,
    /// Server settings besides the address.
    pub settings: &'static [(&'static str, &'static str)],
    /// True if a new data directory must survive a crash of the machine.
    pub sync: bool,
}

/// A running server. Dropping this stops it, but [`Cluster::stop`] is better.
#[derive(Debug)]
pub struct Cluster {
    server: Option<Child>,
    address: Address,
    log: ServerLog,
}

/// A server that continues without this process.
#[derive(Clone, Copy, Debug)]
pub struct DetachedCluster {
    /// The server's process; SIGQUIT ends it.
    pub pid: i32,
    /// Its port on 127.0.0.1.
    pub port: u16,
}

#[derive(Clone)]
struct Address {
    port: u16,
    password: String,
}

impl std::fmt::Debug for Address {
    /// Leaves out the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.port.fmt(f)
    }
}

impl Cluster {
    /// Starts the server, creating the data directory if it does not exist, and waits until it accepts connections.
    pub async fn start(options: &ClusterOptions) -> Result<Self, PostgresError> {
        let ClusterOptions { directory, programs, password, .. } = options;
        // A canonical path, by which a server that was left behind is recognised.
        let directory = directory
            .canonicalize()
            .map_err(|source| PostgresError::Io { path: directory.clone(), source })?;
        let data = directory.join("postgres");
        let user = ServerUser::choose()?;
        user.check_reach(&directory)?;
        predecessor::clear(&data).await?;
        data_directory::ensure(&data, programs, &user, password, options.sync).await?;
        let mut attempt = 1_u32;
        loop {
            let mut cluster = Self::launch(&directory, options, &user)?;
            match cluster.ready(&data).await {
                Ok(()) => return Ok(cluster),
                Err(PostgresError::Ended { .. }) if attempt < ATTEMPTS && cluster.may_be_tried_again() => {
                    attempt = attempt.saturating_add(1);
                    sleep(POLL.saturating_mul(attempt)).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn launch(directory: &Path, options: &ClusterOptions, user: &ServerUser) -> Result<Self, PostgresError> {
        let path = directory.join("postgres.log");
        let opened = ServerLog::open(&path).and_then(|(log, file)| Ok((log, file.try_clone()?, file)));
        let (log, stdout, stderr) = opened.map_err(|source| PostgresError::Io { path, source })?;
        let program = options.programs.path("postgres");
        let port = free_port().map_err(|source| PostgresError::Io { path: "127.0.0.1".into(), source })?;
        let mut command = user.command(&program);
        command.arg("-D").arg(directory.join("postgres")).args(["-p", &port.to_string()]);
        command.args(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]);
        for (name, value) in options.settings {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        command.stdout(stdout).stderr(stderr);
        let server =
            Command::from(command).spawn().map_err(|source| PostgresError::Run { program, source })?;
        Ok(Self { server: Some(server), address: Address { port, password: options.password.clone() }, log })
    }

    async fn ready(&mut self, data: &Path) -> Result<(), PostgresError> {
        let until = Instant::now() + PATIENCE;
        loop {
            if self.has_ended() {
                let log = self.log.path().to_owned();
                return Err(PostgresError::Ended { reason: self.log.first_error(), log });
            }
            let unready = |reason| Err(PostgresError::Unready { reason, log: self.log.path().to_owned() });
            let reason = match timeout(Duration::from_secs(5), self.connect()).await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(error)) => match error.as_db_error() {
                    Some(refusal) if *refusal.code() == SqlState::INVALID_PASSWORD => {
                        return Err(PostgresError::WrongPassword(data.to_owned()));
                    }
                    // The server is starting up.
                    Some(refusal) if *refusal.code() == SqlState::CANNOT_CONNECT_NOW => {
                        refusal.message().to_owned()
                    }
                    Some(refusal) => return unready(refusal.message().to_owned()),
                    // The server does not listen yet.
                    None => error.to_string(),
                },
                Err(_) => "no answer".to_owned(),
            };
            if Instant::now() > until {
                return unready(reason);
            }
            sleep(POLL).await;
        }
    }

    async fn connect(&self) -> Result<(), tokio_postgres::Error> {
        let (client, connection) = tokio_postgres::Config::new()
            .host("127.0.0.1")
            .port(self.address.port)
            .user("postgres")
            .password(&self.address.password)
            .dbname("postgres")
            .connect(NoTls)
            .await?;
        drop(client);
        connection.await
    }

    fn may_be_tried_again(&self) -> bool {
        let text = self.log.text();
        ["Address already in use", "pre-existing shared memory block"]
            .iter()
            .any(|known| text.contains(known))
    }

    fn has_ended(&mut self) -> bool {
        // A process that cannot be queried counts as ended.
        self.server.as_mut().is_none_or(|server| !matches!(server.try_wait(), Ok(None)))
    }

    /// Returns the port on 127.0.0.1.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.address.port
    }

    /// Returns the URL of a database in the cluster, as the superuser.
    #[must_use]
    pub fn admin_url(&self, database: &str) -> String {
        let Address { port, password } = &self.address;
        format!("postgres://postgres:{password}@127.0.0.1:{port}/{database}")
    }

    /// Returns the path of the server's log.
    #[must_use]
    pub fn log(&self) -> &Path {
        self.log.path()
    }

    /// Waits until the server ends by itself, and returns the last line of its log.
    pub async fn ended(&mut self) -> String {
        if let Some(server) = &mut self.server
            && let Err(error) = server.wait().await
        {
            return error.to_string();
        }
        self.log.last_error()
    }

    /// Stops the server, within six seconds.
    pub async fn stop(mut self) {
        let Some(mut server) = self.server.take() else { return };
        for (signal, patience) in WAYS_TO_STOP {
            send(&server, signal);
            if timeout(patience, server.wait()).await.is_ok() {
                return;
            }
            tracing::warn!("PostgreSQL did not stop within {patience:?}");
        }
    }

    /// Lets the server continue when this process ends.
    #[must_use]
    pub fn detach(mut self) -> Option<DetachedCluster> {
        let pid = self.server.take().as_ref().and_then(pid)?;
        Some(DetachedCluster { pid: pid.as_raw_pid(), port: self.address.port })
    }
}

impl Drop for Cluster {
    /// Stops the server where nothing can be awaited.
    fn drop(&mut self) {
        let Some(mut server) = self.server.take() else { return };
        for (signal, patience) in WAYS_TO_STOP {
            send(&server, signal);
            let until = Instant::now() + patience;
            while Instant::now() < until {
                if !matches!(server.try_wait(), Ok(None)) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }
}

/// Ends a server that was left running on the directory, and removes its data.
pub async fn remove_cluster(directory: &Path) -> Result<(), PostgresError> {
    let failed = |source| PostgresError::Io { path: directory.to_owned(), source };
    let directory = directory.canonicalize().map_err(failed)?;
    predecessor::clear(&directory.join("postgres")).await?;
    for part in ["postgres", "initdb"] {
        files::remove_directory(&directory.join(part)).map_err(failed)?;
    }
    files::remove(&directory.join("postgres.log")).map_err(failed)
}

/// Returns the process id, or `None` after the process was waited for, so that no other process gets the signal.
fn pid(server: &Child) -> Option<Pid> {
    Pid::from_raw(server.id()?.try_into().ok()?)
}

fn send(server: &Child, signal: Signal) {
    if let Some(pid) = pid(server)
        && let Err(error) = kill_process(pid, signal)
    {
        tracing::debug!(%error, "PostgreSQL has ended already");
    }
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
