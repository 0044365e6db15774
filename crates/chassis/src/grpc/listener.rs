//! [`Listener`], a bound socket.

use std::io;
use std::net::{SocketAddr, TcpListener};

/// A bound socket. It queues connections until a server accepts them.
#[derive(Debug)]
pub struct Listener {
    inner: TcpListener,
    address: SocketAddr,
}

/// The reason why an address cannot be bound.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another process listens there.
    #[error("port {} on {} is in use; choose another with --listen", address.port(), address.ip())]
    InUse {
        /// The address that was to be bound.
        address: SocketAddr,
    },
    /// The port is below 1024, which most systems reserve for root.
    #[error("this user may not listen on port {} of {}; choose one above 1023 with --listen", address.port(), address.ip())]
    NotAllowed {
        /// The address that was to be bound.
        address: SocketAddr,
    },
    /// No network interface has the address.
    #[error("{} is no address of this machine; choose another with --listen", address.ip())]
    NotLocal {
        /// The address that was to be bound.
        address: SocketAddr,
    },
    /// Any other reason.
    #[error("cannot listen on {address}: {source}")]
    Other {
        /// The address that was to be bound.
        address: SocketAddr,
        /// The error of the operating system.
        source: io::Error,
    },
}

impl Listener {
    /// Binds `address`. Port 0 chooses a free port.
    pub fn bind(address: SocketAddr) -> Result<Self, BindError> {
        let bound = TcpListener::bind(address).and_then(|inner| {
            // tokio requires a non-blocking socket.
            inner.set_nonblocking(true)?;
            let address = inner.local_addr()?;
            Ok(Self { inner, address })
        });
        bound.map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => BindError::InUse { address },
            io::ErrorKind::PermissionDenied => BindError::NotAllowed { address },
            io::ErrorKind::AddrNotAvailable => BindError::NotLocal { address },
            _ => BindError::Other { address, source },
        })
    }

    /// Returns the address with the actual port.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Returns the socket, non-blocking, for another kind of server.
    #[must_use]
    pub fn into_std(self) -> TcpListener {
        self.inner
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_used_port_is_one_sentence() {
        let first = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let port = first.local_addr().port();
        assert_ne!(port, 0);
        let error = Listener::bind(first.local_addr()).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("port {port} on 127.0.0.1 is in use; choose another with --listen")
        );
    }

    #[test]
    fn an_address_of_elsewhere_is_one_sentence() {
        let error = Listener::bind("192.0.2.1:0".parse().unwrap()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "192.0.2.1 is no address of this machine; choose another with --listen"
        );
    }
}
