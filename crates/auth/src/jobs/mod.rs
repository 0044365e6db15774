//! Background work in a tenant. What belongs to no tenant is in `tasks`.

mod age;
mod report_disabled_endpoint;
mod send_letter;

pub(crate) use age::is_too_old;
pub(crate) use report_disabled_endpoint::Reporting;
pub(crate) use send_letter::{EmailSender, FIRST_INVITATION, SendEmail, WELCOME};
