//! The socket that a server listens on.

use std::io;
use std::net::{SocketAddr, TcpListener};

/// A bound socket. Connections queue up in it until somebody serves.
#[derive(Debug)]
pub struct Listener {
    inner: TcpListener,
    address: SocketAddr,
}

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody listens there already.
    #[error("port {} on {} is in use; choose another with --listen", address.port(), address.ip())]
    InUse {
        /// Where it was tried.
        address: SocketAddr,
    },
    /// Ports below 1024 are for root on most systems.
    #[error("this user may not listen on port {} of {}; choose one above 1023 with --listen", address.port(), address.ip())]
    NotAllowed {
        /// Where it was tried.
        address: SocketAddr,
    },
    /// No network interface has the address.
    #[error("{} is no address of this machine; choose another with --listen", address.ip())]
    NotLocal {
        /// Where it was tried.
        address: SocketAddr,
    },
    /// Anything else.
    #[error("cannot listen on {address}: {source}")]
    Other {
        /// Where it was tried.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

impl Listener {
    /// Listens on `address`; port 0 takes a free one.
    pub fn bind(address: SocketAddr) -> Result<Self, BindError> {
        let bound = TcpListener::bind(address).and_then(|inner| {
            // tokio takes over sockets that do not block.
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

    /// Where it listens, with the port that was taken.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The socket itself, non-blocking, for a server of another kind.
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
