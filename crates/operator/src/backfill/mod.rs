//! Backfills: changes to every tenant's rows, one tenant after another, each in its own context.
//!
//! With forced row-level security, an UPDATE outside of its tenant succeeds on zero rows. So a tenant's rows are
//! counted before the first change, and the tenant fails if another number was changed. `tenancy.backfills` has the
//! progress of each tenant, written together with each batch, so the next run continues after any interruption.

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
pub use plan::BackfillTarget;
pub use progress::BackfillProgress;
pub use runner::{BackfillCount, BackfillReport, Runner};
pub use summary::{LedgerSummary, summaries};

/// A change to every tenant's rows. A repetition changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backfill {
    /// The name on the command line and in the ledger.
    pub name: &'static str,
    /// The purpose, in a few words.
    pub purpose: &'static str,
    /// SQL that counts the rows of tenant `$1` that are still to be changed, as a `bigint`. It names the tenant, as
    /// `batch` does: isolation is the policy's, the predicate is for the planner.
    pub count: &'static str,
    /// SQL that changes at most `$2` (a `bigint`) of them, so that they are not counted any more. The affected rows
    /// count as changed; fewer than `$2` are the last ones.
    pub batch: &'static str,
}

impl Backfill {
    /// Returns the backfill with this name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        ALL.iter().copied().find(|backfill| backfill.name == name)
    }
}

/// The settings of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The largest number of rows in one transaction.
    pub batch_size: u32,
    /// The largest number of rows per second.
    pub rate: Option<u32>,
    /// Only these tenants, by slug or id; empty means all.
    pub tenants: Vec<String>,
    /// The number of tenants at the same time, each on a connection of its own.
    pub concurrency: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { batch_size: 1000, rate: None, tenants: Vec::new(), concurrency: 4 }
    }
}
