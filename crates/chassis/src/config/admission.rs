//! [`AdmissionArgs`], the argument for the calls that run at once.

use std::num::NonZeroUsize;

use clap::Args;

/// The default: eight calls for each connection to the database, so that a connection never waits for a call, and a call waits for a
/// connection for some milliseconds.
const PLACES: NonZeroUsize = NonZeroUsize::new(64).unwrap();

/// The argument for the calls that run at once in a service.
#[derive(Args, Clone, Copy, Debug)]
pub struct AdmissionArgs {
    /// Maximum number of tenants' calls that run at once in a service, besides eight times as many of strangers; a short queue waits, and others are
    /// refused as overloaded. Calls that wait for a pause, a password's hash or a job do not count
    #[arg(long, env = "ROWHOUSE_MAX_CONCURRENT_CALLS", value_name = "NUMBER", default_value_t = PLACES)]
    pub max_concurrent_calls: NonZeroUsize,
}

impl Default for AdmissionArgs {
    fn default() -> Self {
        Self { max_concurrent_calls: PLACES }
    }
}
