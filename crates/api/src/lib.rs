//! Reads what an API definition says beside its messages: who may call a method, its REST binding, the meaning of an error
//! code, the permissions that there are. The options are those of `proto/rowhouse/api/v1/options.proto` and `google.api.http`.

mod access;
mod error_code;
mod field;
mod files;
mod http;
mod method;
mod options;
mod permission;

pub use access::{Access, access_by_path};
pub use error_code::{ErrorCode, error_codes};
pub use field::{Absent, FieldOptions};
pub use files::definition_files;
pub use http::{HttpBinding, Verb};
pub use method::{MethodOptions, ServiceOptions};
pub use permission::{Permission, permissions};

/// An option that is missing or makes no sense.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{subject}: {problem}")]
pub struct OptionError {
    /// The full name of the method, field or value.
    subject: String,
    problem: String,
}

impl OptionError {
    /// Creates an error. `subject` is a full name in proto, and `problem` says what to change there.
    pub fn new(subject: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { subject: subject.into(), problem: problem.into() }
    }
}
