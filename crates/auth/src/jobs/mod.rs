//! Background work in a tenant. What belongs to no tenant is in the outbox.

mod report_disabled_endpoint;
mod send_letter;

pub(crate) use report_disabled_endpoint::Reporting;
pub(crate) use send_letter::{FIRST_INVITATION, LetterSender, SendLetter, WELCOME};
