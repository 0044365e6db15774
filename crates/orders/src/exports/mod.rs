//! Exports: files with all of a tenant's orders.
//!
//! A job writes the file into the database in chunks. Each chunk and the position are committed together, so if the
//! job is killed, the next attempt continues after the last chunk, and no order is missing or repeated. An order has
//! the state of the moment when it is reached; orders that are placed after the beginning are left out.

mod delete;
mod format;
mod write;

pub(crate) use delete::{DeleteExport, DeleteExportHandler};
pub(crate) use format::Chunk;
pub(crate) use write::{WriteExport, WriteExportHandler};
