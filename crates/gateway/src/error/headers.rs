//! The headers of an error.

use std::time::Duration;

use actix_web::ResponseError;
use actix_web::http::header::{
    ACCEPT, ALLOW, CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS,
};
use rowhouse_chassis::error::{self, Code};
use rowhouse_chassis::telemetry::TRACEPARENT;
use rowhouse_proto::auth::v1::error_code;

use super::{Extra, Problem};

const BEARER: &str = "Bearer realm=\"rowhouse\"";
const BEARER_INVALID: &str = "Bearer realm=\"rowhouse\", error=\"invalid_token\"";
pub(super) const BASIC: &str = "Basic realm=\"rowhouse\"";

impl Problem {
    pub(super) fn write_headers(&self, headers: &mut HeaderMap) {
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(Ok(parent)) = self.traceparent.as_deref().map(HeaderValue::from_str) {
            headers.insert(HeaderName::from_static(TRACEPARENT), parent);
        }
        if let Extra::Allow(allow) = &self.extra
            && let Ok(allow) = HeaderValue::from_str(allow)
        {
            headers.insert(ALLOW, allow);
        }
        if let Extra::Permission(permission) = &self.extra
            && let Ok(challenge) = HeaderValue::from_str(&insufficient_scope(permission))
        {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        if self.token_endpoint.is_some() {
            headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
        }
        match self.status_code().as_u16() {
            401 => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge(self.code)));
            }
            415 => {
                let understood = if self.token_endpoint.is_some() {
                    "application/x-www-form-urlencoded, application/json"
                } else {
                    "application/json"
                };
                headers.insert(ACCEPT, HeaderValue::from_static(understood));
            }
            _ => {}
        }
        let usual = matches!(self.code.http(), 429 | 503).then_some(error::RETRY_AFTER);
        if let Some(after) = self.retry_after.or(usual) {
            headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(after)));
        }
    }
}

/// Returns the challenge. `error` is only for an access token that was sent (RFC 6750 §3.1), `Basic` for an API key
/// (RFC 6749 §5.2).
fn challenge(code: Code) -> &'static str {
    match code {
        Code::TOKEN_INVALID | Code::TOKEN_EXPIRED | Code::TOKEN_REVOKED => BEARER_INVALID,
        error_code::INVALID_CLIENT => BASIC,
        _ => BEARER,
    }
}

/// Returns the challenge for a permission that the caller's token does not give (RFC 6750 §3.1).
fn insufficient_scope(permission: &str) -> String {
    format!("{BEARER}, error=\"insufficient_scope\", scope=\"{permission}\"")
}

/// Rounds up, so that the time is never earlier than the service's.
fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use rowhouse_proto::ERROR_CODES;

    use super::*;

    #[test]
    fn an_access_token_that_was_sent_is_told_from_other_secrets() {
        for (code, expected) in [
            (Code::TOKEN_MISSING, BEARER),
            (error_code::INVALID_CREDENTIALS, BEARER),
            (error_code::REFRESH_TOKEN_INVALID, BEARER),
            (error_code::MFA_REQUIRED, BEARER),
            (error_code::MFA_TOKEN_INVALID, BEARER),
            (error_code::MFA_CODE_INVALID, BEARER),
            (Code::TOKEN_INVALID, BEARER_INVALID),
            (Code::TOKEN_EXPIRED, BEARER_INVALID),
            (Code::TOKEN_REVOKED, BEARER_INVALID),
            (error_code::INVALID_CLIENT, BASIC),
        ] {
            assert_eq!(challenge(code), expected, "{code}");
        }
        let covered = ERROR_CODES.iter().filter(|code| code.http() == 401).count();
        assert_eq!(covered, 10, "a code of status 401 is not in the list above");
    }

    #[test]
    fn retry_after_is_never_too_early() {
        for (millis, seconds) in [(0, 0), (1, 1), (1000, 1), (1500, 2), (3000, 3)] {
            assert_eq!(whole_seconds(Duration::from_millis(millis)), seconds);
        }
    }
}
