//! [`AdmissionArgs`], the arguments for the calls that run at once and for connections.

use std::num::NonZeroUsize;

use clap::Args;

/// The default: eight calls for each connection to the database, so that a connection never waits for a call, and a call waits for a
/// connection for some milliseconds.
const PLACES: NonZeroUsize = NonZeroUsize::new(64).unwrap();

/// A service's default, whose clients are gateways and other services, with a connection for each of their threads. The gateway's is larger.
const CONNECTIONS: NonZeroUsize = NonZeroUsize::new(500).unwrap();

/// The arguments for the calls that run at once, in a service, or from the gateway to a service, at most as many as that one runs; and
/// for the connections of clients.
#[derive(Args, Clone, Copy, Debug)]
pub struct AdmissionArgs {
    /// Maximum number of calls with an access token that run at once in a service or, at the gateway, to each service; calls without
    /// one have places of their own, eight times as many. Further calls wait in a short queue, and are refused as overloaded when it is
    /// full. In a service, a call that only waits does not count; the gateway makes fewer calls while the service refuses some
    #[arg(long, env = "ROWHOUSE_MAX_CONCURRENT_CALLS", value_name = "NUMBER", default_value_t = PLACES)]
    pub max_concurrent_calls: NonZeroUsize,
    /// Maximum number of connections of clients. From three quarters on, and after large requests from an eighth on, the gateway closes
    /// each after its next answer, and further ones wait until one ends; a service refuses further ones, and gives a network half of
    /// them while others ask
    #[arg(long, env = "ROWHOUSE_MAX_CONNECTIONS", value_name = "NUMBER", default_value_t = CONNECTIONS)]
    pub max_connections: NonZeroUsize,
}

impl Default for AdmissionArgs {
    fn default() -> Self {
        Self { max_concurrent_calls: PLACES, max_connections: CONNECTIONS }
    }
}
