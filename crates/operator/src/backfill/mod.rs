//! Changing every tenant's rows, one tenant after the other, each in its own context: what a migration, which is the same for
//! all tenants, may not and cannot do.
//!
//! With forced row-level security an UPDATE outside of its tenant succeeds on zero rows. So a tenant's rows are counted before any of
//! them is changed, and a tenant of which another number was changed in the end has failed. How far each tenant is stands in
//! `tenancy.backfills`, written together with each batch: whatever ends the run, the next one goes on from there.

mod counting;
mod definitions;
mod error;
mod ledger;
mod pace;
mod plan;
mod progress;
mod runner;
mod session;
mod summary;

pub use definitions::ALL;
pub use error::{BackfillError, TenantFailure};
pub use plan::Target;
pub use progress::Progress;
pub use runner::{Counted, Report, Runner};
pub use summary::{LedgerSummary, summaries};

/// A change to every tenant's rows. Done again it changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backfill {
    /// What it is called at the command line and in the ledger.
    pub name: &'static str,
    /// What it does, in a few words.
    pub purpose: &'static str,
    /// SQL that counts the rows of tenant `$1` that are still to be changed, a `bigint`. It names the tenant, and so does the
    /// other one: row-level security is the wall, the predicate is for the planner.
    pub count: &'static str,
    /// SQL that changes `$2` (a `bigint`) of them at most, so that they are not counted any more. As many as the statement
    /// affects count as changed; fewer than `$2` are the last ones.
    pub batch: &'static str,
}

impl Backfill {
    /// The one with this name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        ALL.iter().copied().find(|backfill| backfill.name == name)
    }
}

/// How a backfill is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How many rows are changed in one transaction, at most.
    pub batch_size: u32,
    /// How many rows are changed in a second, at most.
    pub rate: Option<u32>,
    /// Only these tenants, by slug or id; empty is all.
    pub tenants: Vec<String>,
    /// How many tenants are gone through at the same time, each on a connection of its own.
    pub concurrency: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { batch_size: 1000, rate: None, tenants: Vec::new(), concurrency: 4 }
    }
}
