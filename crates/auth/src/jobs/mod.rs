//! Background work in a tenant. What belongs to no tenant is in `tasks`.

mod age;
mod report_disabled_endpoint;
mod send_email;

pub(crate) use age::is_too_old;
pub(crate) use report_disabled_endpoint::ReportDisabledEndpointHandler;
pub(crate) use send_email::{EmailSender, FIRST_INVITATION, SendEmail, WELCOME};
