//! Tests of the service over gRPC, with a real database and a real mail server.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod accept_invitation;
mod api_keys;
mod audit_log;
mod binary;
mod busy;
mod ceilings;
mod international;
mod invitations;
mod jobs;
mod leavers;
mod leaving;
mod login;
mod lost_messages;
mod mail;
mod mail_limits;
mod me;
mod members;
mod membership;
mod mfa;
mod mfa_login;
mod mfa_support;
mod password;
mod purge;
mod recovered_account;
mod refresh;
mod repeats;
mod roles;
mod sessions;
mod sign_up_limits;
mod signup;
mod stale_checks;
mod start;
mod support;
mod team;
mod throttle;
