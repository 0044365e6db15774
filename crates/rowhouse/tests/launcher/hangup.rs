//! The end of the terminal, which nohup keeps from programs.
//!
//! Signals that are ignored are inherited: where the tests run under nohup, so would the programs that they start. Each test says
//! how its program is started.

use std::fs;
use std::process::Command;

use rustix::process::{Pid, Signal};

use crate::dev::{self, Dev};
use crate::run::{directory, is_running, server_of};

/// The same command, started by another program that becomes it.
fn under(program: &[&str], command: &Command) -> Command {
    let mut outer = Command::new(program[0]);
    outer.args(&program[1..]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => outer.env(name, value),
            None => outer.env_remove(name),
        };
    }
    outer
}

/// Returns whether a process ignores the signal.
fn ignores(pid: Pid, signal: Signal) -> bool {
    let status = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_pid())).unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    let mask = u64::from_str_radix(mask.trim(), 16).unwrap();
    mask >> (signal.as_raw() - 1) & 1 == 1
}

#[test]
fn it_stops() {
    let parent = directory();
    let data = parent.path().join("data");
    let mut command = under(&["env", "--default-signal=HUP"], &dev::command(&data));
    let dev = Dev::launch(&data, &mut command).up();
    let server = server_of(&data).unwrap();
    dev.stop(Signal::HUP);
    assert!(!is_running(server));
}

/// A start with nohup means that it stays when the terminal closes.
#[tokio::test]
async fn it_stays_under_nohup() {
    let parent = directory();
    let data = parent.path().join("data");
    let dev = Dev::launch(&data, &mut under(&["nohup"], &dev::command(&data))).up();
    assert!(ignores(dev.pid(), Signal::HUP));
    dev.signal(Signal::HUP);
    let ready = reqwest::get(format!("{}/readyz", dev.endpoint("gateway"))).await.unwrap();
    assert_eq!(ready.status(), 200);
    dev.stop(Signal::TERM);
}
