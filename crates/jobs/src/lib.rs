//! Background work that names its tenant.
//!
//! A [`Job`] is enqueued in the transaction that it follows from, which is a tenant's: there is no other way to
//! [`enqueue()`], so a job that forgets its tenant does not compile. What belongs to no tenant is a [`GlobalJob`], of a kind that a
//! migration declares, and encrypted. [`Workers`] claim what is due, the tenant that has waited
//! longest first, and run each job's [`Handler`] inside its tenant.
//!
//! A handler reaches the database through its [`Run`] alone, whose transactions are refused when the job has become
//! another worker's. What is committed together with [`Run::complete`] is done once, whatever is killed; what is done
//! outside of the database (a letter, a request) may be done again.

mod args;
mod backoff;
mod claim;
mod class;
mod enqueue;
mod global;
mod handler;
mod job;
mod list;
#[cfg(doctest)]
mod must_not_compile;
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
pub use global::{GlobalEnqueueError, GlobalHandler, GlobalJob, GlobalQueue, GlobalRun};
pub use handler::{End, Failure, Handler};
pub use job::{Job, JobId, NewJob};
pub use list::{CancelError, JobRecord, JobStatus, ListJobs, Progress, cancel_job, find_job, list_jobs};
pub use retention::Retention;
pub use rpc::JobRpc;
pub use run::{LostLease, Run};
pub use worker::Workers;
