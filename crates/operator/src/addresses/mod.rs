//! Email addresses of people from before domains were stored as A-labels: finding addresses with another spelling
//! than the canonical form, rewriting them, and reporting people who share an address.
//!
//! `auth.identities` belongs to no tenant, so this is not a backfill of tenants, although it is run like one.

mod rewrite;
mod survey;

pub use rewrite::{Rewritten, rewrite};
pub use survey::{Collision, Holder, Survey, survey};

/// The name on the command line.
pub const NAME: &str = "email-addresses";
/// The purpose, in a few words.
pub const PURPOSE: &str = "rewrites older email addresses in the canonical form, with domains as A-labels";
