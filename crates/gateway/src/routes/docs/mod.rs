//! The documents about the API.

pub(super) mod openapi;
pub(super) mod pages;
