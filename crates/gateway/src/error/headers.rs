//! The headers of an error.

use std::time::Duration;

use actix_web::http::header::{
    ACCEPT, ALLOW, CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS,
};
use rowhouse_chassis::error::{self, Code};

use super::{Extra, Problem};
use crate::trace::TRACEPARENT;

const BEARER: &str = "Bearer realm=\"rowhouse\"";
const BEARER_INVALID: &str = "Bearer realm=\"rowhouse\", error=\"invalid_token\"";
const BASIC: &str = "Basic realm=\"rowhouse\"";

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
        match self.code.http() {
            401 => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge(self.code)));
            }
            415 => {
                let understood = if self.at_token_endpoint {
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
const fn challenge(code: Code) -> &'static str {
    match code {
        Code::TokenInvalid | Code::TokenExpired | Code::TokenRevoked => BEARER_INVALID,
        Code::InvalidClient => BASIC,
        _ => BEARER,
    }
}

/// Rounds up, so that the time is never earlier than the service's.
fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_access_token_that_was_sent_is_told_from_other_secrets() {
        for (code, expected) in [
            (Code::TokenMissing, BEARER),
            (Code::InvalidCredentials, BEARER),
            (Code::RefreshTokenInvalid, BEARER),
            (Code::MfaRequired, BEARER),
            (Code::MfaTokenInvalid, BEARER),
            (Code::MfaCodeInvalid, BEARER),
            (Code::TokenInvalid, BEARER_INVALID),
            (Code::TokenExpired, BEARER_INVALID),
            (Code::TokenRevoked, BEARER_INVALID),
            (Code::InvalidClient, BASIC),
        ] {
            assert_eq!(challenge(code), expected, "{code}");
        }
        let covered = Code::ALL.iter().filter(|code| code.http() == 401).count();
        assert_eq!(covered, 10, "a code of status 401 is not in the list above");
    }

    #[test]
    fn retry_after_is_never_too_early() {
        for (millis, seconds) in [(0, 0), (1, 1), (1000, 1), (1500, 2), (3000, 3)] {
            assert_eq!(whole_seconds(Duration::from_millis(millis)), seconds);
        }
    }
}
