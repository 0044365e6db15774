//! Each reason for which it does not start is one clear message.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rowhouse_testkit::{ServiceName, own_address};
use rustix::process::Signal;

use crate::dev::{self, Dev};
use crate::run::{PATIENCE, directory, rowhouse, stderr, stdout};

/// Runs it to its end and returns the message. If it starts, it is killed.
fn refusal(command: &mut Command) -> String {
    let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let start = Instant::now();
    while process.try_wait().unwrap().is_none() {
        if start.elapsed() > PATIENCE {
            process.kill().unwrap();
        }
        thread::sleep(Duration::from_millis(10));
    }
    let output: Output = process.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}{}", stdout(&output), stderr(&output));
    assert!(output.stdout.is_empty());
    let printed = stderr(&output);
    let said: Vec<&str> = printed.lines().filter(|line| line.starts_with("rowhouse: ")).collect();
    assert_eq!(said.len(), 1, "{printed}");
    said[0].to_owned()
}

#[test]
fn a_port_in_use() {
    let parent = directory();
    let data = parent.path().join("data");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for flag in ["--http", "--orders-listen"] {
        let mut command = rowhouse(&["dev", "--data-dir"]);
        command.arg(&data);
        let listens = ServiceName::ALL.iter().map(|service| format!("--{service}-listen"));
        for each in listens.chain(["--http".to_owned()]) {
            command.args([each.as_str(), if each == flag { &address } else { "127.0.0.1:0" }]);
        }
        let sentence = refusal(&mut command);
        let port = taken.local_addr().unwrap().port();
        assert_eq!(
            sentence,
            format!("rowhouse: port {port} on 127.0.0.1 is in use; choose another with {flag}")
        );
    }
    assert!(!data.join("postgres").exists(), "said before anything was made");
}

#[test]
fn a_data_directory_of_another_version() {
    let parent = directory();
    let data = parent.path().join("data");
    Dev::start(&data).stop(Signal::TERM);
    let version_file = data.join("postgres/PG_VERSION");
    fs::write(&version_file, "12\n").unwrap();
    let sentence = refusal(&mut dev::command(&data));
    assert!(sentence.contains("was made by PostgreSQL 12, and this is PostgreSQL"), "{sentence}");

    fs::remove_file(version_file).unwrap();
    let sentence = refusal(&mut dev::command(&data));
    assert!(sentence.contains("is not a PostgreSQL data directory"), "{sentence}");

    fs::remove_file(data.join("secrets.json")).unwrap();
    let sentence = refusal(&mut dev::command(&data));
    assert!(sentence.contains("secrets.json is gone"), "{sentence}");
}

#[test]
fn two_on_one_directory() {
    let parent = directory();
    let data = parent.path().join("data");
    let first = Dev::start(&data);
    let sentence = refusal(&mut dev::command(&data));
    let expected =
        format!("rowhouse: another rowhouse dev is running on {}", data.canonicalize().unwrap().display());
    assert!(sentence.starts_with(&expected), "{sentence}");
    assert!(sentence.contains(&format!("(process {})", first.pid().as_raw_pid())), "{sentence}");
    assert!(data.join("endpoints.json").exists(), "the first one's");
    first.stop(Signal::TERM);
}

#[test]
fn a_directory_that_cannot_be_made() {
    let sentence = refusal(&mut dev::command(Path::new("/dev/null/data")));
    assert!(sentence.contains("the data directory cannot be used: /dev/null/data: "), "{sentence}");
}

#[test]
fn no_programs_where_they_should_be() {
    let parent = directory();
    let data = parent.path().join("data");
    let sentence = refusal(dev::command(&data).env("PG_BIN_DIR", parent.path()));
    assert!(sentence.contains("there is no initdb"), "{sentence}");
}

#[test]
fn a_database_that_does_not_answer() {
    let parent = directory();
    let data = parent.path().join("data");
    let closed = own_address();
    let url = format!("postgres://postgres:a-secret@{closed}/rowhouse");
    let sentence = refusal(dev::command(&data).env("DATABASE_URL", url));
    assert!(sentence.contains("no connection to the database: "), "{sentence}");
    assert!(!sentence.contains("a-secret"), "{sentence}");
}

/// For root, PostgreSQL runs as another user.
#[test]
fn a_directory_that_the_server_cannot_reach() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    // Closed to others, as home directories are.
    let closed = directory();
    fs::set_permissions(closed.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let sentence = refusal(&mut dev::command(&closed.path().join("data")));
    assert!(sentence.contains("cannot get into"), "{sentence}");
    assert!(sentence.contains("--data-dir"), "{sentence}");
}
