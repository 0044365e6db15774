//! The names of errors in RFC 6749, for its token endpoint.

use rowhouse_chassis::error::Code;
use rowhouse_proto::auth::v1::error_code;

/// Returns the member `error` (§5.2). Errors without a name there get the one of §4.1.2.1.
pub(super) fn name(code: Code) -> &'static str {
    match (code, code.http()) {
        (error_code::INVALID_CLIENT, _) => "invalid_client",
        (error_code::INVALID_SCOPE, _) => "invalid_scope",
        (error_code::UNSUPPORTED_GRANT_TYPE, _) => "unsupported_grant_type",
        (_, 401 | 403) => "unauthorized_client",
        (_, 500) => "server_error",
        (_, 429 | 503 | 504) => "temporarily_unavailable",
        _ => "invalid_request",
    }
}

/// Returns the member `error_description`: ASCII without quotation marks and backslashes.
pub(super) fn description(detail: &str) -> String {
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
    fn each_code_has_a_name() {
        for (code, expected) in [
            (error_code::INVALID_CLIENT, "invalid_client"),
            (error_code::INVALID_SCOPE, "invalid_scope"),
            (error_code::UNSUPPORTED_GRANT_TYPE, "unsupported_grant_type"),
            (Code::TENANT_SUSPENDED, "unauthorized_client"),
            (Code::INVALID_ARGUMENT, "invalid_request"),
            (Code::MALFORMED_JSON, "invalid_request"),
            (Code::BODY_TOO_LARGE, "invalid_request"),
            (Code::UNSUPPORTED_MEDIA_TYPE, "invalid_request"),
            (Code::TOO_MANY_ATTEMPTS, "temporarily_unavailable"),
            (Code::UNAVAILABLE, "temporarily_unavailable"),
            (Code::INTERNAL, "server_error"),
        ] {
            assert_eq!(name(code), expected, "{code}");
        }
    }

    #[test]
    fn a_description_is_plain() {
        assert_eq!(description("send `a` or \"b\\c\", not …\n"), "send `a` or 'b?c', not ??");
    }
}
