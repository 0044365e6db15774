//! Starting, stopping, being killed, starting again.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use reqwest::Client;
use rustix::process::{Signal, kill_process};

use crate::dev::{self, Dev};
use crate::run::{directory, is_running, server_of, until};

/// The time limit of a stop.
const LIMIT: Duration = Duration::from_secs(10);

async fn status(client: &Client, url: &str) -> u16 {
    client.get(url).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_restart_finds_the_data() {
    let parent = directory();
    let data = parent.path().join("data");
    let first = Dev::start(&data);
    let gateway = first.endpoint("gateway");
    let server = server_of(&data).expect("PostgreSQL runs");
    // Keeps its connection open, as browsers do.
    let client = Client::new();
    for path in ["/healthz", "/readyz", "/openapi.json"] {
        assert_eq!(status(&client, &format!("{gateway}{path}")).await, 200, "{path}");
    }
    for service in ["auth", "onboarding", "orders"] {
        let address: SocketAddr = first.endpoint(service).strip_prefix("http://").unwrap().parse().unwrap();
        TcpStream::connect(address).unwrap();
    }
    assert!(first.paste().contains(r#""number":1,"#), "the first order");
    assert!(first.paste().contains(r#""number":2,"#), "pasted again, the second");

    let keys = fs::read(data.join("keys/rowhouse-auth/current.pem")).unwrap();
    let took = first.stop(Signal::TERM);
    assert!(took < LIMIT, "it took {took:?}");
    assert!(!is_running(server), "PostgreSQL was left running");
    assert!(!data.join("endpoints.json").exists());
    assert!(!data.join("postgres/postmaster.pid").exists());
    assert!(client.get(&gateway).send().await.unwrap_err().is_connect(), "nobody listens any more");

    let second = Dev::start(&data);
    assert!(second.paste().contains(r#""number":3,"#), "the third, in the same tenant");
    assert_eq!(fs::read(data.join("keys/rowhouse-auth/current.pem")).unwrap(), keys);
    let took = second.stop(Signal::INT);
    assert!(took < LIMIT, "it took {took:?}");
}

#[test]
fn a_kill_keeps_nothing_from_working() {
    let parent = directory();
    let data = parent.path().join("data");
    let killed = Dev::start(&data);
    assert!(killed.paste().contains(r#""number":1,"#));
    let orphan = server_of(&data).unwrap();
    drop(killed);
    assert!(is_running(orphan), "a kill reaches rowhouse alone");

    let killed = Dev::start(&data);
    assert!(!is_running(orphan));
    assert!(killed.paste().contains(r#""number":2,"#));
    let server = server_of(&data).unwrap();
    drop(killed);
    kill_process(server, Signal::KILL).unwrap();
    until("the end of PostgreSQL", || (!is_running(server)).then_some(()));
    assert_eq!(server_of(&data), Some(server), "its trace stays");

    let third = Dev::start(&data);
    assert!(third.paste().contains(r#""number":3,"#));
    third.stop(Signal::TERM);
}

/// It is stopped while the data directory is created, and while PostgreSQL starts.
#[test]
fn a_stop_in_the_middle_of_a_start_leaves_nothing() {
    for mark in ["initdb", "postgres/postmaster.pid"] {
        let parent = directory();
        let data = parent.path().join("data");
        let starting = Dev::launch(&data, &mut dev::command(&data));
        let server = until(mark, || data.join(mark).exists().then(|| server_of(&data)));
        starting.stop(Signal::TERM);
        if let Some(server) = server {
            assert!(!is_running(server));
        }
        assert!(!data.join("endpoints.json").exists());

        let again = Dev::start(&data);
        assert!(!data.join("initdb").exists());
        again.stop(Signal::TERM);
    }
}

#[test]
fn without_its_database_it_ends_with_an_error() {
    let parent = directory();
    let data = parent.path().join("data");
    let mut dev = Dev::start(&data);
    kill_process(server_of(&data).unwrap(), Signal::QUIT).unwrap();
    let (status, _) = dev.wait();
    assert_eq!(status.code(), Some(1));
    assert!(dev.stderr().contains("rowhouse: PostgreSQL stopped by itself"), "{}", dev.stderr());
    assert!(!data.join("endpoints.json").exists());
}

/// As after `rowhouse dev | head`, and where the program that took the log lines has ended.
#[tokio::test]
async fn a_system_whose_output_nobody_reads_serves() {
    let parent = directory();
    let dev = Dev::start_unread(&parent.path().join("data"));
    let (client, gateway) = (Client::new(), dev.endpoint("gateway"));
    // Each is a log line.
    for _ in 0..3 {
        assert_eq!(status(&client, &format!("{gateway}/v1/orders")).await, 401);
    }
    dev.stop(Signal::TERM);
}
