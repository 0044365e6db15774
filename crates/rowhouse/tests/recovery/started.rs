//! [`Started`], a server that a command of the guide has started.

use std::fs::{self, File};
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

const PATIENCE: Duration = Duration::from_secs(10);

/// Appends to `postgresql.conf` of a data directory.
pub(crate) fn configure(data: &Path, text: &str) {
    let mut file = File::options().append(true).open(data.join("postgresql.conf")).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// Gives a copy of a server an address of its own, as another machine has.
pub(crate) fn move_to(address: SocketAddr, data: &Path) {
    let (ip, port) = (address.ip(), address.port());
    configure(data, &format!("listen_addresses = '{ip}'\nport = {port}\nunix_socket_directories = ''\n"));
}

/// Ends the server of a data directory on drop, if one runs.
pub(crate) struct Started(pub(crate) PathBuf);

impl Drop for Started {
    fn drop(&mut self) {
        let file = self.0.join("postmaster.pid");
        let Ok(content) = fs::read_to_string(&file) else { return };
        let pid = content.lines().next().and_then(|line| line.parse().ok());
        let Some(pid) = pid.and_then(Pid::from_raw) else { return };
        let until = Instant::now() + PATIENCE;
        // The server removes the file last.
        while kill_process(pid, Signal::QUIT).is_ok() && file.exists() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
