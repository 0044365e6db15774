//! Signals are sent to a process of its own: this test binary, which runs the one test that waits for them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

use rowhouse_chassis::shutdown::Shutdown;

#[test]
#[ignore = "started by the tests below, as a process of its own"]
fn child() {
    // The parent's end of the pipe closes when the parent ends.
    std::thread::spawn(|| {
        std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let shutdown = Shutdown::on_signals().unwrap();
        say("listening");
        shutdown.requested().await;
        say("asked");
        std::future::pending::<()>().await;
    });
}

fn say(line: &str) {
    let mut stdout = std::io::stdout();
    writeln!(stdout, "\n{line}").unwrap();
    stdout.flush().unwrap();
}

#[test]
fn sigterm_asks_and_a_second_one_ends_the_process() {
    asks_and_then_ends("TERM", 143);
}

#[test]
fn sigint_asks_and_a_second_one_ends_the_process() {
    asks_and_then_ends("INT", 130);
}

fn asks_and_then_ends(signal: &str, exit_code: i32) {
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "child", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // `wait` would close it, which ends the process as well.
    let stdin = process.stdin.take();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    wait_for(&mut lines, "listening");
    send(signal, &process);
    wait_for(&mut lines, "asked");
    send(signal, &process);
    assert_eq!(process.wait().unwrap().code(), Some(exit_code));
    drop(stdin);
}

fn wait_for(lines: &mut Lines<BufReader<ChildStdout>>, line: &str) {
    assert!(lines.any(|said| said.unwrap() == line), "the process ended before it said `{line}`");
}

fn send(signal: &str, process: &Child) {
    let sent = Command::new("kill").args([format!("-{signal}"), process.id().to_string()]).status().unwrap();
    assert!(sent.success());
}
