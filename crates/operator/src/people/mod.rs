//! Operators' commands on people, who belong to no tenant: listing, showing, disabling and enabling them.

mod directory;
mod disabling;
mod overview;

pub use directory::{Person, list};
pub use disabling::{Disabled, disable, enable};
pub use overview::{Membership, PersonOverview, overview};
