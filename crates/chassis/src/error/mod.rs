//! Errors in answers: a [`Code`], which the package that owns it declares in proto, a message for the caller, and the google.rpc details with both.
//! Causes are logged where they occur and never returned.

#[cfg(feature = "db")]
mod db;
mod fault;

use std::collections::HashMap;
use std::fmt::Display;
use std::time::Duration;

use tonic::Status;
use tonic_types::{ErrorDetails, StatusExt};

#[cfg(feature = "db")]
pub use db::from_db;
pub(crate) use fault::code_name;
pub use fault::{Fault, fault};
pub use rowhouse_errors::Code;

/// The `domain` of every `ErrorInfo`, within which a reason is unique.
pub const DOMAIN: &str = "rowhouse";

/// The time after which a caller may retry after a short outage.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);

// A status travels in HTTP/2 headers, of which a peer accepts 16 KiB at most, percent-encoded or in base64. A longer
// answer would reach the caller as a broken stream.
const MAX_DETAIL: usize = 512;
const MAX_VIOLATION: usize = 256;
const MAX_VIOLATIONS: usize = 4096;

/// The largest number of bytes in the metadata of an error, keys and values together.
pub const MAX_METADATA: usize = 4096;

/// A violation in one field of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldViolation {
    /// The path of the field in the request, such as `lines[2].quantity`.
    pub field: String,
    /// The message that says what to change.
    pub description: String,
}

impl FieldViolation {
    /// Creates a violation.
    #[must_use]
    pub fn new(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self { field: field.into(), description: description.into() }
    }
}

/// Collects the violations of a request, so that all of them are reported at once.
#[derive(Debug, Default)]
pub struct Violations(Vec<FieldViolation>);

impl Violations {
    /// Returns the field's value, or records a violation and returns `None`.
    pub fn check<T, E: Display>(&mut self, field: impl Into<String>, parsed: Result<T, E>) -> Option<T> {
        parsed.map_err(|error| self.0.push(FieldViolation::new(field, error.to_string()))).ok()
    }
}

impl From<Violations> for Vec<FieldViolation> {
    fn from(Violations(violations): Violations) -> Self {
        violations
    }
}

/// An error that a call can end with.
pub trait IntoStatus {
    /// Returns the answer to the caller. `operation` is the name in the log if the fault is internal.
    fn into_status(self, operation: &'static str) -> Status;
}

/// Creates an error for the caller. `detail` says what to change, and reveals no internals.
#[must_use]
pub fn status(code: Code, detail: impl Into<String>) -> Status {
    status_with(code, detail, [])
}

/// Creates an error with further data for programs, such as alternatives to choose from. `metadata` becomes that of
/// the `ErrorInfo`; it is left out if it exceeds [`MAX_METADATA`] bytes.
#[must_use]
pub fn status_with(
    code: Code,
    detail: impl Into<String>,
    metadata: impl IntoIterator<Item = (String, String)>,
) -> Status {
    build(code, detail.into(), ErrorDetails::new(), metadata.into_iter().collect())
}

/// Creates the error for an id of nothing, or of what belongs to another tenant, which no answer distinguishes.
#[must_use]
pub fn missing(code: Code) -> Status {
    let detail = match code.title().strip_prefix("There is no such ") {
        Some(object) => format!("there is no {object} with this id"),
        None => code.title().to_owned(),
    };
    status(code, detail)
}

/// Creates an error that is likely to be over after `retry_after`.
#[must_use]
pub fn retryable(code: Code, detail: impl Into<String>, retry_after: Duration) -> Status {
    let mut details = ErrorDetails::new();
    details.set_retry_info(Some(retry_after));
    build(code, detail.into(), details, HashMap::new())
}

/// Creates the error for a request with wrong fields. It has all violations, as far as they fit into an answer.
#[must_use]
pub fn invalid_argument(violations: Vec<FieldViolation>) -> Status {
    let detail = match violations.as_slice() {
        [only] => format!("{}: {}", only.field, only.description),
        several => format!("{} fields are wrong", several.len()),
    };
    let mut details = ErrorDetails::new();
    let mut room = MAX_VIOLATIONS;
    for FieldViolation { field, description } in violations {
        let (field, description) = (shorten(field, MAX_VIOLATION), shorten(description, MAX_VIOLATION));
        let Some(rest) = room.checked_sub(field.len() + description.len()) else { break };
        room = rest;
        details.add_bad_request_violation(field, description);
    }
    build(Code::INVALID_ARGUMENT, detail, details, HashMap::new())
}

/// Creates the error for an internal failure. The cause is logged here and not returned.
#[must_use]
pub fn internal(operation: &'static str, cause: &dyn std::error::Error) -> Status {
    tracing::error!(operation, cause = %Chain(cause), "{operation} failed");
    status(Code::INTERNAL, fault::INTERNAL_DETAIL)
}

fn build(
    code: Code,
    detail: String,
    mut details: ErrorDetails,
    mut metadata: HashMap<String, String>,
) -> Status {
    if metadata.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>() > MAX_METADATA {
        metadata.clear();
    }
    details.set_error_info(code.reason(), DOMAIN, metadata);
    Status::with_error_details(code.grpc(), shorten(detail, MAX_DETAIL), details)
}

fn shorten(mut text: String, limit: usize) -> String {
    if text.len() > limit {
        text.truncate(text.floor_char_boundary(limit - '…'.len_utf8()));
        text.push('…');
    }
    text
}

/// Displays an error with its sources, for the log.
pub(crate) struct Chain<'a>(pub(crate) &'a dyn std::error::Error);

impl Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rowhouse_errors::Definition;

    use super::*;

    #[test]
    fn an_answer_always_fits_into_the_headers() {
        let long = "€".repeat(10_000);
        let violations = (0..1000).map(|n| FieldViolation::new(format!("lines[{n}].sku"), &long)).collect();
        let metadata = |length| HashMap::from([("tenants".to_owned(), "x".repeat(length - 7))]);
        assert!(status_with(Code::LIMIT_EXCEEDED, "x", metadata(MAX_METADATA + 1)).details().len() < 100);
        for answer in [
            invalid_argument(violations),
            status(Code::INTERNAL, long.clone()),
            status_with(Code::LIMIT_EXCEEDED, long.clone(), metadata(MAX_METADATA)),
        ] {
            let response = answer.into_http::<()>();
            let size: usize =
                response.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum();
            assert!(size < 12 * 1024, "{size}");
        }
    }

    #[test]
    fn a_single_violation_is_the_detail_as_well() {
        let one = invalid_argument(vec![FieldViolation::new("currency", "send three capital letters")]);
        assert_eq!(one.message(), "currency: send three capital letters");
        let two = invalid_argument(vec![FieldViolation::new("a", "b"), FieldViolation::new("c", "d")]);
        assert_eq!(two.message(), "2 fields are wrong");
        assert_eq!(fault(&two, Code::COMMON).violations.len(), 2);
    }

    #[test]
    fn what_is_missing_is_named_by_the_codes_title() {
        const NOTE: Code = Code::new(&Definition {
            name: "note_not_found",
            reason: "NOTE_NOT_FOUND",
            grpc: tonic::Code::NotFound,
            http: 404,
            title: "There is no such note",
        });
        assert_eq!(fault(&missing(NOTE), &[NOTE]).code, NOTE);
        assert_eq!(missing(NOTE).message(), "there is no note with this id");
        assert_eq!(missing(Code::NOT_FOUND).message(), Code::NOT_FOUND.title());
    }

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(shorten("short".into(), 512), "short");
        let cut = shorten("é".repeat(300), 256);
        assert!(cut.len() <= 256 && cut.ends_with("é…"), "{cut}");
    }

    #[test]
    fn an_internal_error_says_nothing_of_its_cause() {
        let answer = internal("orders.place", &std::io::Error::other("password=hunter2"));
        let headers = format!("{answer:?} {:?}", answer.clone().into_http::<()>());
        assert!(!headers.contains("hunter2"), "{headers}");
        assert_eq!(fault(&answer, Code::COMMON).code, Code::INTERNAL);
    }
}
