//! [`AdmissionArgs`], the argument for the calls that run at once.

use std::num::NonZeroUsize;

use clap::Args;

/// The default: eight calls for each connection to the database, so that a connection never waits for a call, and a call waits for a
/// connection for some milliseconds.
const PLACES: NonZeroUsize = NonZeroUsize::new(64).unwrap();

/// The argument for the calls that run at once: in a service, or from the gateway to a service, at most as many as that one runs.
#[derive(Args, Clone, Copy, Debug)]
pub struct AdmissionArgs {
    /// Maximum number of tenants' calls that run at once, besides eight times as many of strangers: in a service or, at the gateway, to
    /// each service. A short queue waits, and others are refused as overloaded. In a service, calls that wait for a pause, a password's
    /// hash or a job do not count; the gateway makes fewer calls while the service refuses some
    #[arg(long, env = "ROWHOUSE_MAX_CONCURRENT_CALLS", value_name = "NUMBER", default_value_t = PLACES)]
    pub max_concurrent_calls: NonZeroUsize,
}

impl Default for AdmissionArgs {
    fn default() -> Self {
        Self { max_concurrent_calls: PLACES }
    }
}
