//! Files with all of a tenant's orders.
//!
//! A job writes the file into the database, chunk by chunk: each chunk and how far it goes are committed together, so that
//! whoever is killed in between, the next one goes on behind it, and no order is missing or there twice. Each order is in
//! the file as it is when it is reached; orders that are placed after the job has begun are not.

mod delete;
mod format;
mod write;

pub(crate) use delete::{DeleteExport, Deleting};
pub(crate) use format::Chunk;
pub(crate) use write::{WriteExport, Writing};
