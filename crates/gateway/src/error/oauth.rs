//! The names of errors in RFC 6749, for its token endpoint.

use rowhouse_chassis::error::Code;

/// Returns the member `error` (§5.2). Errors without a name there get the one of §4.1.2.1.
pub(super) fn name(code: Code) -> &'static str {
    match (code, code.http()) {
        (Code::InvalidClient, _) => "invalid_client",
        (Code::InvalidScope, _) => "invalid_scope",
        (Code::UnsupportedGrantType, _) => "unsupported_grant_type",
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
            (Code::InvalidClient, "invalid_client"),
            (Code::InvalidScope, "invalid_scope"),
            (Code::UnsupportedGrantType, "unsupported_grant_type"),
            (Code::TenantSuspended, "unauthorized_client"),
            (Code::InvalidArgument, "invalid_request"),
            (Code::MalformedJson, "invalid_request"),
            (Code::BodyTooLarge, "invalid_request"),
            (Code::UnsupportedMediaType, "invalid_request"),
            (Code::TooManyAttempts, "temporarily_unavailable"),
            (Code::Unavailable, "temporarily_unavailable"),
            (Code::Internal, "server_error"),
        ] {
            assert_eq!(name(code), expected, "{code}");
        }
    }

    #[test]
    fn a_description_is_plain() {
        assert_eq!(description("send `a` or \"b\\c\", not …\n"), "send `a` or 'b?c', not ??");
    }
}
