//! The errors of the token endpoint (RFC 6749 §5.2).

use actix_web::http::StatusCode;
use rowhouse_chassis::error::Code;
use rowhouse_proto::auth::v1::error_code;
use serde::Serialize;

/// The body of an error that RFC 6749 names.
#[derive(Serialize)]
pub(super) struct OAuthError {
    error: &'static str,
    error_description: String,
}

impl OAuthError {
    /// Returns the body, or `None` for an error without a name there: it stays a problem, which clients recognize by its status.
    pub(super) fn of(code: Code, detail: &str) -> Option<Self> {
        let error = match (code, code.http()) {
            (error_code::INVALID_CLIENT, _) => "invalid_client",
            (error_code::INVALID_SCOPE, _) => "invalid_scope",
            (error_code::UNSUPPORTED_GRANT_TYPE, _) => "unsupported_grant_type",
            (_, 403) => "unauthorized_client",
            (_, 400) => "invalid_request",
            _ => return None,
        };
        Some(Self { error, error_description: description(detail) })
    }

    /// Returns the status: 401 asks the client to authenticate by `Authorization`, so it is only for one that did not send its
    /// secret in the body.
    pub(super) fn status(&self, secret_in_body: bool) -> StatusCode {
        if self.error == "invalid_client" && !secret_in_body {
            StatusCode::UNAUTHORIZED
        } else {
            StatusCode::BAD_REQUEST
        }
    }
}

/// Returns the member `error_description`: ASCII without quotation marks and backslashes.
fn description(detail: &str) -> String {
    let allowed = |character| match character {
        '"' => '\'',
        ' '..='~' if character != '\\' => character,
        _ => '?',
    };
    detail.chars().map(allowed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_a_name_or_stays_a_problem() {
        for (code, expected) in [
            (error_code::INVALID_CLIENT, Some("invalid_client")),
            (error_code::INVALID_SCOPE, Some("invalid_scope")),
            (error_code::UNSUPPORTED_GRANT_TYPE, Some("unsupported_grant_type")),
            (Code::TENANT_SUSPENDED, Some("unauthorized_client")),
            (Code::INVALID_ARGUMENT, Some("invalid_request")),
            (Code::MALFORMED_JSON, Some("invalid_request")),
            (Code::BODY_TOO_LARGE, None),
            (Code::UNSUPPORTED_MEDIA_TYPE, None),
            (Code::TOO_MANY_ATTEMPTS, None),
            (Code::UNAVAILABLE, None),
            (Code::INTERNAL, None),
        ] {
            assert_eq!(OAuthError::of(code, "").map(|body| body.error), expected, "{code}");
        }
    }

    #[test]
    fn a_client_that_sent_its_secret_in_the_body_is_not_challenged() {
        let refused = OAuthError::of(error_code::INVALID_CLIENT, "").unwrap();
        assert_eq!([false, true].map(|in_body| refused.status(in_body).as_u16()), [401, 400]);
        let refused = OAuthError::of(error_code::INVALID_SCOPE, "").unwrap();
        assert_eq!([false, true].map(|in_body| refused.status(in_body).as_u16()), [400, 400]);
    }

    #[test]
    fn a_description_is_plain() {
        assert_eq!(description("send `a` or \"b\\c\", not …\n"), "send `a` or 'b?c', not ??");
    }
}
