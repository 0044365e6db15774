//! Options of the socket that clients connect to, which their connections inherit.

use std::io;
use std::net::TcpListener;
use std::time::Duration;

/// The bytes of an answer that the system keeps besides those that are on their way. With the megabytes that it keeps by itself, a slow
/// reader would seem to take nothing for minutes, and then a lot at once.
#[cfg(target_os = "linux")]
const UNSENT: u32 = 128 * 1024;

/// Ends connections whose clients have taken nothing of what is sent to them for so long, be it that they are gone or that they do not
/// read. actix waits for them for ever.
#[cfg(target_os = "linux")]
pub(crate) fn end_unread(listener: &TcpListener, limit: Duration) -> io::Result<()> {
    let socket = socket2::SockRef::from(listener);
    socket.set_tcp_user_timeout(Some(limit))?;
    socket.set_tcp_notsent_lowat(UNSENT)
}

/// Does nothing: other systems have no such option.
#[cfg(not(target_os = "linux"))]
pub(crate) fn end_unread(_: &TcpListener, _: Duration) -> io::Result<()> {
    Ok(())
}
