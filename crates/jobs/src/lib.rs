//! Background jobs that belong to a tenant.
//!
//! A [`Job`] is enqueued in the tenant transaction that it follows from. There is no other way to [`enqueue()`], so a
//! job without a tenant does not compile. Work that belongs to no tenant is a [`GlobalJob`], which is encrypted and
//! of a kind that a migration declares. [`Workers`] claim due jobs, those of the tenant that has waited longest
//! first, and run each job's [`Handler`] in its tenant.
//!
//! A handler reaches the database only through its [`Run`], whose transactions fail once another worker has claimed
//! the job. Work that is committed together with [`Run::complete`] is done exactly once, whichever process is killed;
//! work outside of the database (an email, a request) can be repeated.

mod args;
mod backoff;
mod claim;
mod class;
mod enqueue;
mod failure;
mod global;
mod handler;
mod job;
mod list;
mod metrics;
#[cfg(doctest)]
mod must_not_compile;
mod oldest;
mod retention;
mod rpc;
mod run;
mod schema;
mod task;
mod transactions;
mod worker;

pub use args::WorkerArgs;
pub use backoff::Backoff;
pub use class::Class;
pub use enqueue::{EnqueueError, enqueue, withdraw};
pub use failure::Failure;
pub use global::{GlobalEnqueueError, GlobalHandler, GlobalJob, GlobalQueue, GlobalRun};
pub use handler::{End, Handler};
pub use job::{Job, JobId, NewJob};
pub use list::{CancelError, JobRecord, JobStatus, ListJobs, Progress, cancel_job, find_job, list_jobs};
pub use oldest::Oldest;
pub use retention::Retention;
pub use rpc::JobRpc;
pub use run::{LostLease, Run};
pub use worker::Workers;
