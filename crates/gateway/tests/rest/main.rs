//! Tests of the REST API over real sockets: the gateway alone, without services, and in front of a whole system.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod alone;
mod api;
mod api_keys;
mod audit_log;
mod authorization_server;
mod batches;
mod bodies;
mod conformance;
mod connections;
mod documents;
mod exchange;
mod exports;
mod exports_file;
mod flood;
mod headers;
mod https;
mod invitations;
mod jobs;
mod joining;
mod limits;
mod login;
mod members;
mod mfa;
mod onboarding;
mod orders;
mod overload;
mod password;
mod people;
mod read_only;
mod repeats;
mod roles;
mod schema;
mod sessions;
mod switching;
mod tenants;
mod tokens;
mod upstream;
mod waiting;
mod webhooks;
