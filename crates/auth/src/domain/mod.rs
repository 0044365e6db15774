//! Validated types and pure rules.

mod email_address;
mod membership;
mod password;
mod user;

pub(crate) use email_address::EmailAddress;
pub(crate) use membership::{ActiveMembership, ChooseError, choose};
pub(crate) use password::{Password, PasswordHash};
pub(crate) use user::UserId;
