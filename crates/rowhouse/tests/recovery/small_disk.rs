//! [`SmallDisk`], a server whose disk is so small that a test can fill it.

use std::collections::BTreeMap;
use std::io::stdin;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rowhouse_testkit::{ServiceName, TestServer};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::rows::connect;

/// Enough for an empty database and its write-ahead log.
const SIZE: &str = "200m";
/// Mounts a disk on a directory in a mount namespace of its own, and starts a program there. Nothing is left of it with its end.
const MOUNT: &str = r#"mount -t tmpfs -o size="$1" small "$2" && shift 2 && exec "$@""#;
/// The variable that makes a process the server.
const ROLE: &str = "ROWHOUSE_TEST_SMALL_DISK";
/// The file that fills the disk, in the data directory.
const BALLAST: &str = "ballast";
/// Ends a segment of the write-ahead log, which is not empty.
const NEXT_SEGMENT: &str = "SELECT pg_logical_emit_message(false, '', ''), pg_switch_wal()";
/// The line that makes the server's process restart it.
const RESTART: &str = "restart";
const PATIENCE: Duration = Duration::from_secs(60);

/// The server's URLs, of which its process informs the test's.
#[derive(Serialize, Deserialize)]
struct Urls {
    address: String,
    admin: String,
    services: BTreeMap<String, String>,
}

impl Urls {
    fn of(server: &TestServer) -> Self {
        let services = ServiceName::ALL.iter().map(|service| (service.to_string(), server.url(*service)));
        Self { address: server.address(), admin: server.admin_url(), services: services.collect() }
    }

    #[expect(clippy::print_stdout, reason = "the test reads it")]
    fn print(&self) {
        // After what the test's own program writes in the line.
        println!("\n{}", serde_json::to_string(self).unwrap());
    }

    async fn next(output: &mut Lines<BufReader<ChildStdout>>) -> Self {
        let found = async {
            while let Some(line) = output.next_line().await.unwrap() {
                if line.starts_with('{') {
                    return serde_json::from_str(&line).unwrap();
                }
            }
            panic!("the server's process has ended");
        };
        timeout(PATIENCE, found).await.expect("the server's URLs")
    }
}

/// A server that runs in a process of its own, since that sees other disks.
pub(crate) struct SmallDisk {
    urls: Urls,
    /// The process ends, and the server with it, when its standard input does.
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    process: Child,
    _directory: TempDir,
}

impl SmallDisk {
    /// Starts a server, or returns `None` where disks cannot be mounted, except in CI.
    pub(crate) async fn start() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        for way in ways(directory.path()) {
            if command(&way).arg("true").output().await.is_ok_and(|output| output.status.success()) {
                return Some(Self::start_by(&way, directory).await);
            }
        }
        assert!(
            std::env::var_os("CI").is_none(),
            "no disk can be mounted, neither as root nor in a user namespace"
        );
        eprintln!("passed over: no disk can be mounted, neither as root nor in a user namespace");
        None
    }

    async fn start_by(way: &[String], directory: TempDir) -> Self {
        let mut server = command(way);
        server.arg("env").arg(format!("{ROLE}=1"));
        server.arg(format!("TMPDIR={}", directory.path().display()));
        for variable in ["PATH", "PG_BIN_DIR"] {
            if let Some(value) = std::env::var_os(variable) {
                server.arg(format!("{variable}={}", value.to_str().unwrap()));
            }
        }
        server.arg(std::env::current_exe().unwrap()).args(["--exact", "as_a_server", "--nocapture"]);
        let mut process = server.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap()).lines();
        let urls = Urls::next(&mut output).await;
        let input = process.stdin.take().unwrap();
        Self { urls, input, output, process, _directory: directory }
    }

    pub(crate) fn admin_url(&self) -> &str {
        &self.urls.admin
    }

    pub(crate) fn address(&self) -> &str {
        &self.urls.address
    }

    pub(crate) fn url(&self, service: ServiceName) -> String {
        self.urls.services[service.as_str()].clone()
    }

    /// Writes a file until the disk is full.
    pub(crate) async fn fill(&self) {
        self.execute(&format!("cat >/dev/null; cat /dev/zero >{BALLAST} || true")).await;
    }

    /// Fills the segments of the write-ahead log, and returns when the server has stopped because there can be no more.
    pub(crate) async fn exhaust_log(&self) {
        let admin = connect(self.admin_url()).await;
        while admin.batch_execute(NEXT_SEGMENT).await.is_ok() {}
    }

    /// Removes the file and starts the server again, on another port.
    pub(crate) async fn make_room_and_restart(&mut self) {
        self.input.write_all(format!("{RESTART}\n").as_bytes()).await.unwrap();
        self.urls = Urls::next(&mut self.output).await;
    }

    /// Removes that file.
    pub(crate) async fn make_room(&self) {
        self.execute(&format!("cat >/dev/null; rm {BALLAST}")).await;
    }

    pub(crate) async fn stop(mut self) {
        drop(self.input);
        let ended = timeout(PATIENCE, self.process.wait()).await.expect("the end of the server's process");
        assert!(ended.unwrap().success());
    }

    /// Executes a command in the data directory.
    async fn execute(&self, command: &str) {
        let admin = connect(self.admin_url()).await;
        admin.batch_execute(&format!("COPY (SELECT 1) TO PROGRAM '{command}'")).await.unwrap();
    }
}

/// Returns the commands that mount the disk, of which one works as root, one as a user who may create namespaces, and one as a user
/// with sudo.
fn ways(directory: &Path) -> Vec<Vec<String>> {
    let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    let mount = ["sh", "-c", MOUNT, "sh", SIZE, directory.to_str().unwrap()];
    let way = |before: &[&str], after: &[&str]| {
        [before, &mount, after].concat().into_iter().map(ToOwned::to_owned).collect()
    };
    if uid == 0 {
        return vec![way(&["unshare", "--mount"], &[])];
    }
    let user = ["unshare", &format!("--map-user={uid}"), &format!("--map-group={gid}")];
    let same = ["setpriv", &format!("--reuid={uid}"), &format!("--regid={gid}"), "--clear-groups"];
    vec![
        way(&["unshare", "--user", "--map-root-user", "--mount"], &user),
        way(&["sudo", "-n", "unshare", "--mount"], &same),
    ]
}

fn command(way: &[String]) -> Command {
    let mut command = Command::new(&way[0]);
    command.args(&way[1..]);
    command
}

/// Runs as the server of a [`SmallDisk`] until standard input ends. Returns at once in a run of the tests.
pub(crate) fn serve() {
    if std::env::var_os(ROLE).is_none() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let mut server = runtime.block_on(async {
        let server = TestServer::start_with(&[("synchronous_commit", "on")]).await;
        // Segments of the write-ahead log for later, so that only tables cannot grow.
        let admin = server.admin().await;
        for _ in 0..4 {
            admin.batch_execute(NEXT_SEGMENT).await.unwrap();
        }
        admin.batch_execute("CHECKPOINT").await.unwrap();
        server
    });
    Urls::of(&server).print();
    for line in stdin().lines() {
        assert_eq!(line.unwrap(), RESTART);
        runtime.block_on(async {
            server.stop().await;
            std::fs::remove_file(server.data_directory().join(BALLAST)).unwrap();
            server.restart().await;
        });
        Urls::of(&server).print();
    }
}
