//! What an attempt to log in was counted under.

use serde::{Deserialize, Serialize};

use crate::sealing::Digest32;

/// The keys under which an admitted attempt was counted, to take it back if it turns out to be a good one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counted {
    /// Of the account from the address, or of the device.
    pub(crate) own: Vec<Digest32>,
    /// Of what others' attempts are counted under as well.
    pub(crate) shared: Vec<Digest32>,
    /// Of the account and the address, familiar to each other from the first good attempt on.
    pub(crate) familiar: Digest32,
}
