//! The keys under which an attempt to log in was counted.

use serde::{Deserialize, Serialize};

use crate::encryption::Digest32;

/// The keys under which an admitted attempt was counted, by which a successful attempt is uncounted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AttemptKeys {
    /// The keys of the account from the network, or of the device.
    pub(crate) own: Vec<Digest32>,
    /// The keys that are shared with other people's attempts.
    pub(crate) shared: Vec<Digest32>,
    /// The key of the account and the network, which are familiar to each other after the first successful attempt.
    pub(crate) familiar: Digest32,
}
