//! The record of operators' actions: `tenancy.operator_actions`.
//!
//! An action and its entry are committed together. The table is append-only, also for the owner.

mod list;
mod record;

pub use list::{RecordedAction, list};
pub use record::{Actor, NewAction, Operator, Reason, is_recordable, record};
