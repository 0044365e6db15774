//! [`fault`], which reads an error from another service.

use std::collections::HashMap;
use std::time::Duration;

use tonic::{Code as GrpcCode, Status};
use tonic_types::{ErrorDetails, StatusExt};

use super::{Code, DOMAIN, FieldViolation, RETRY_AFTER};

pub(super) const INTERNAL_DETAIL: &str =
    "the failure is in the service's log; trying again may help, changing the request will not";

/// An error from another service that can be shown to this service's caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The code, which is one of the codes that [`fault`] knows.
    pub code: Code,
    /// The message for the caller.
    pub detail: String,
    /// The wrong fields, for [`Code::INVALID_ARGUMENT`].
    pub violations: Vec<FieldViolation>,
    /// The time after which a retry makes sense.
    pub retry_after: Option<Duration>,
    /// Further data for programs, as passed to [`status_with`](super::status_with).
    pub metadata: HashMap<String, String>,
}

impl Fault {
    fn new(code: Code, detail: &str, retry_after: Option<Duration>) -> Self {
        let (violations, metadata) = (Vec::new(), HashMap::new());
        Self { code, detail: detail.to_owned(), violations, retry_after, metadata }
    }
}

/// Interprets the status of another service. `codes` are those that it may answer with.
///
/// Only the text of a status with an `ErrorInfo` of this system and one of the codes is used. Other statuses come from libraries and
/// proxies, whose texts are for developers, so only their code is used; a foreign code that says nothing about the
/// request becomes [`Code::INTERNAL`].
#[must_use]
pub fn fault(status: &Status, codes: &[Code]) -> Fault {
    let details = status.get_error_details();
    let own = own_reason(&details).and_then(|reason| codes.iter().find(|code| code.reason() == reason));
    let Some(&code) = own else { return foreign(status.code()) };
    if code == Code::INTERNAL {
        return Fault::new(code, INTERNAL_DETAIL, None);
    }
    let violations = details.bad_request().map_or_else(Vec::new, |request| {
        let all = request.field_violations.iter();
        all.map(|violation| FieldViolation::new(&violation.field, &violation.description)).collect()
    });
    let retry_after = details.retry_info().and_then(|info| info.retry_delay);
    let metadata = details.error_info().map(|info| info.metadata.clone()).unwrap_or_default();
    Fault { code, detail: status.message().to_owned(), violations, retry_after, metadata }
}

/// Returns the name of an answer's code for the log. The answer is this process' own, so that every reason is known.
pub(crate) fn code_name(status: &Status) -> String {
    let reason = own_reason(&status.get_error_details()).map(str::to_ascii_lowercase);
    reason.unwrap_or_else(|| foreign(status.code()).code.to_string())
}

fn own_reason(details: &ErrorDetails) -> Option<&str> {
    details.error_info().filter(|info| info.domain == DOMAIN).map(|info| info.reason.as_str())
}

fn foreign(code: GrpcCode) -> Fault {
    let (code, detail, retry_after) = match code {
        GrpcCode::InvalidArgument => (Code::INVALID_ARGUMENT, "a value in the request is not valid", None),
        // tonic answers so to a message that exceeds the size limit.
        GrpcCode::OutOfRange => (Code::BODY_TOO_LARGE, "the request is too large: send less at once", None),
        GrpcCode::NotFound => (Code::NOT_FOUND, "there is no such object", None),
        GrpcCode::Unauthenticated => {
            (Code::TOKEN_INVALID, "the access token is not accepted: log in again", None)
        }
        GrpcCode::PermissionDenied => (Code::PERMISSION_DENIED, "the caller may not do this", None),
        GrpcCode::ResourceExhausted => {
            (Code::RESOURCE_EXHAUSTED, "too many requests at once: try again later", Some(RETRY_AFTER))
        }
        // tonic answers CANCELLED when its own timer expires, in clients and servers.
        GrpcCode::Cancelled | GrpcCode::DeadlineExceeded => {
            (Code::DEADLINE_EXCEEDED, "the request took too long: try again later", None)
        }
        GrpcCode::Unavailable | GrpcCode::Aborted => (
            Code::UNAVAILABLE,
            "a part of the service cannot be reached for the moment: try again",
            Some(RETRY_AFTER),
        ),
        GrpcCode::Ok
        | GrpcCode::Unknown
        | GrpcCode::AlreadyExists
        | GrpcCode::FailedPrecondition
        | GrpcCode::Unimplemented
        | GrpcCode::Internal
        | GrpcCode::DataLoss => (Code::INTERNAL, INTERNAL_DETAIL, None),
    };
    Fault::new(code, detail, retry_after)
}

#[cfg(test)]
mod tests {
    use super::super::{invalid_argument, retryable, status, status_with};
    use super::*;

    /// Returns the status as it arrives over the network.
    fn sent(status: Status) -> Status {
        Status::from_header_map(status.into_http::<()>().headers()).unwrap()
    }

    #[test]
    fn every_code_survives_the_way_through_a_status() {
        for code in Code::COMMON {
            let received = sent(status(*code, "send a smaller order"));
            assert_eq!(received.code(), code.grpc());
            let fault = fault(&received, Code::COMMON);
            assert_eq!(fault.code, *code);
            if *code != Code::INTERNAL {
                assert_eq!(fault.detail, "send a smaller order");
            }
        }
    }

    #[test]
    fn details_survive_as_well() {
        let violations = vec![
            FieldViolation::new("lines[0].quantity", "send 1 or more"),
            FieldViolation::new("currency", "send a code of ISO 4217, such as EUR"),
        ];
        assert_eq!(fault(&sent(invalid_argument(violations.clone())), Code::COMMON).violations, violations);
        let metadata = HashMap::from([("tenants".to_owned(), "[]".to_owned())]);
        let choose = status_with(Code::LIMIT_EXCEEDED, "name one", metadata.clone());
        assert_eq!(fault(&sent(choose), Code::COMMON).metadata, metadata);
        let busy = retryable(Code::UNAVAILABLE, "try again", Duration::from_millis(1500));
        assert_eq!(fault(&sent(busy), Code::COMMON).retry_after, Some(Duration::from_millis(1500)));
    }

    #[test]
    fn a_foreign_status_is_never_quoted() {
        let secret = "SELECT * FROM orders WHERE password = 'hunter2'";
        for number in 0..=16 {
            let code = GrpcCode::from_i32(number);
            let fault = fault(&sent(Status::new(code, secret)), Code::COMMON);
            assert!(!fault.detail.contains("SELECT"), "{code:?}");
            assert!(!fault.detail.is_empty(), "{code:?}");
        }
        for code in [GrpcCode::Unknown, GrpcCode::Internal, GrpcCode::DataLoss, GrpcCode::Ok] {
            assert_eq!(fault(&Status::new(code, secret), Code::COMMON).code, Code::INTERNAL);
        }
        assert_eq!(fault(&Status::cancelled("Timeout expired"), Code::COMMON).code, Code::DEADLINE_EXCEEDED);
    }

    #[test]
    fn an_error_info_of_another_domain_or_reason_is_foreign() {
        for (reason, domain) in [("ORDER_NOT_FOUND", "googleapis.com"), ("NEWER_CODE", DOMAIN)] {
            let details = ErrorDetails::with_error_info(reason, domain, HashMap::new());
            let status = Status::with_error_details(GrpcCode::Internal, "inner workings", details);
            let fault = fault(&sent(status), Code::COMMON);
            assert_eq!((fault.code, fault.detail.as_str()), (Code::INTERNAL, INTERNAL_DETAIL));
        }
    }

    #[test]
    fn an_internal_error_is_not_quoted_even_when_it_is_ours() {
        let fault = fault(&sent(status(Code::INTERNAL, "relation orders does not exist")), Code::COMMON);
        assert_eq!(fault.detail, INTERNAL_DETAIL);
    }

    #[test]
    fn details_that_cannot_be_read_are_no_details() {
        let broken = Status::with_details(GrpcCode::NotFound, "x", vec![0xff_u8; 20].into());
        assert_eq!(fault(&broken, Code::COMMON).code, Code::NOT_FOUND);
    }
}
