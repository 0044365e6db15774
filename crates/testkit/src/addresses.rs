//! Addresses for the programs of a test.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU16, Ordering};

/// Returns an address on which no other program listens, also while nothing listens there yet or any more.
///
/// The loopback network has 16 million addresses, so each process has one of its own, by its id. A free port of 127.0.0.1 could be
/// taken by another process in the meantime, be it for an outgoing connection. All addresses of a process differ in the port only.
#[must_use]
pub fn own_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(20_000);
    let [_, a, b, c] = std::process::id().to_be_bytes();
    // Ids have 22 bits, so the highest bit keeps away from 127.0.0.0/24.
    (Ipv4Addr::new(127, a | 0x80, b, c), NEXT.fetch_add(1, Ordering::Relaxed)).into()
}
