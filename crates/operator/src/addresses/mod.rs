//! E-mail addresses of people who were added before domains were kept as A-labels: finding those that are spelled in another way than they
//! would be now, rewriting them, and reporting mailboxes that have become two people.
//!
//! `auth.identities` belongs to no tenant, so this is no backfill of tenants, although it is run as one.

mod rewrite;
mod survey;

pub use rewrite::{Rewritten, rewrite};
pub use survey::{Collision, Holder, Survey, survey};

/// What it is called at the command line.
pub const NAME: &str = "email-addresses";
/// What it does, in a few words.
pub const PURPOSE: &str =
    "writes e-mail addresses from before in the one form that they have now, domains as A-labels";
