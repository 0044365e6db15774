//! The table of error codes.

use tonic::Code as GrpcCode;

/// Declares the codes: each row has a code's name, the `reason` of google.rpc.ErrorInfo, the gRPC code, the HTTP
/// status, and the title of the problem.
macro_rules! codes {
    ($($variant:ident $name:literal $reason:literal $grpc:ident $http:literal $title:literal;)*) => {
        /// An error code, on which clients can act. Codes are part of the API and are never renamed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $(#[doc = $title] $variant,)*
        }

        impl Code {
            /// Every code, in the table's order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Returns the code in a problem document, such as `order_not_found`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Returns the `reason` of a google.rpc.ErrorInfo, such as `ORDER_NOT_FOUND`.
            #[must_use]
            pub const fn reason(self) -> &'static str {
                match self { $(Self::$variant => $reason,)* }
            }

            /// Returns the gRPC code.
            #[must_use]
            pub const fn grpc(self) -> GrpcCode {
                match self { $(Self::$variant => GrpcCode::$grpc,)* }
            }

            /// Returns the HTTP status.
            #[must_use]
            pub const fn http(self) -> u16 {
                match self { $(Self::$variant => $http,)* }
            }

            /// Returns the title of a problem document, which is the same for every occurrence.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }

            /// Returns the code with this `reason`.
            #[must_use]
            pub fn from_reason(reason: &str) -> Option<Self> {
                match reason {
                    $($reason => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

codes! {
    InvalidArgument "invalid_argument" "INVALID_ARGUMENT" InvalidArgument 400 "The request has an invalid value";
    MalformedJson "malformed_json" "MALFORMED_JSON" InvalidArgument 400 "The body is not the JSON that is expected";
    BodyTooLarge "body_too_large" "BODY_TOO_LARGE" ResourceExhausted 413 "The request is too large";
    UriTooLong "uri_too_long" "URI_TOO_LONG" InvalidArgument 414 "The address is too long";
    UnsupportedMediaType "unsupported_media_type" "UNSUPPORTED_MEDIA_TYPE" InvalidArgument 415 "The body has another media type than is expected";
    NotFound "not_found" "NOT_FOUND" NotFound 404 "There is nothing at this address";
    MethodNotAllowed "method_not_allowed" "METHOD_NOT_ALLOWED" Unimplemented 405 "This address does not know the method";
    TokenMissing "token_missing" "TOKEN_MISSING" Unauthenticated 401 "An access token is needed";
    TokenInvalid "token_invalid" "TOKEN_INVALID" Unauthenticated 401 "The access token is not valid";
    TokenExpired "token_expired" "TOKEN_EXPIRED" Unauthenticated 401 "The access token has expired";
    TokenRevoked "token_revoked" "TOKEN_REVOKED" Unauthenticated 401 "The access token was revoked";
    RefreshTokenInvalid "refresh_token_invalid" "REFRESH_TOKEN_INVALID" Unauthenticated 401 "The refresh token is not valid";
    MfaRequired "mfa_required" "MFA_REQUIRED" Unauthenticated 401 "A second factor is needed";
    MfaTokenInvalid "mfa_token_invalid" "MFA_TOKEN_INVALID" Unauthenticated 401 "The login has to be started again";
    MfaCodeInvalid "mfa_code_invalid" "MFA_CODE_INVALID" Unauthenticated 401 "The code is wrong";
    MfaEnabled "mfa_enabled" "MFA_ENABLED" FailedPrecondition 409 "There is a second factor already";
    MfaNotEnabled "mfa_not_enabled" "MFA_NOT_ENABLED" FailedPrecondition 409 "There is no second factor";
    InvalidClient "invalid_client" "INVALID_CLIENT" Unauthenticated 401 "The API key is not valid";
    InvalidScope "invalid_scope" "INVALID_SCOPE" InvalidArgument 400 "A scope is not one of the API key's";
    UnsupportedGrantType "unsupported_grant_type" "UNSUPPORTED_GRANT_TYPE" InvalidArgument 400 "The grant type is another than that of client credentials";
    OneTimeTokenInvalid "one_time_token_invalid" "ONE_TIME_TOKEN_INVALID" InvalidArgument 400 "The link is not valid";
    EmailMismatch "email_mismatch" "EMAIL_MISMATCH" PermissionDenied 403 "The link is for another person";
    InvalidCredentials "invalid_credentials" "INVALID_CREDENTIALS" Unauthenticated 401 "The e-mail or the password is wrong";
    TenantMismatch "tenant_mismatch" "TENANT_MISMATCH" PermissionDenied 403 "Another tenant is named than the access token's";
    PermissionDenied "permission_denied" "PERMISSION_DENIED" PermissionDenied 403 "The caller's role does not allow this";
    TenantUnknown "tenant_unknown" "TENANT_UNKNOWN" PermissionDenied 403 "The access token's tenant does not exist";
    TenantSuspended "tenant_suspended" "TENANT_SUSPENDED" PermissionDenied 403 "The tenant is suspended";
    TenantRequired "tenant_required" "TENANT_REQUIRED" FailedPrecondition 409 "The tenant has to be named";
    SlugTaken "slug_taken" "SLUG_TAKEN" AlreadyExists 409 "The slug is taken";
    AlreadyMember "already_member" "ALREADY_MEMBER" AlreadyExists 409 "The person is a member already";
    LastOwner "last_owner" "LAST_OWNER" FailedPrecondition 409 "The tenant would have no owner";
    MemberNotFound "member_not_found" "MEMBER_NOT_FOUND" NotFound 404 "There is no such member";
    SessionNotFound "session_not_found" "SESSION_NOT_FOUND" NotFound 404 "There is no such session";
    InvitationNotFound "invitation_not_found" "INVITATION_NOT_FOUND" NotFound 404 "There is no such invitation";
    ApiKeyNotFound "api_key_not_found" "API_KEY_NOT_FOUND" NotFound 404 "There is no such API key";
    OrderNotFound "order_not_found" "ORDER_NOT_FOUND" NotFound 404 "There is no such order";
    OrderTransitionNotAllowed "order_transition_not_allowed" "ORDER_TRANSITION_NOT_ALLOWED" FailedPrecondition 409 "The order cannot take this status";
    TenantNotFound "tenant_not_found" "TENANT_NOT_FOUND" NotFound 404 "There is no such tenant";
    JobNotFound "job_not_found" "JOB_NOT_FOUND" NotFound 404 "There is no such job";
    JobNotCancellable "job_not_cancellable" "JOB_NOT_CANCELLABLE" FailedPrecondition 409 "The job cannot be cancelled";
    ExportNotFound "export_not_found" "EXPORT_NOT_FOUND" NotFound 404 "There is no such export";
    ExportNotReady "export_not_ready" "EXPORT_NOT_READY" FailedPrecondition 409 "The export has no file";
    WebhookEndpointNotFound "webhook_endpoint_not_found" "WEBHOOK_ENDPOINT_NOT_FOUND" NotFound 404 "There is no such webhook endpoint";
    WebhookEndpointDisabled "webhook_endpoint_disabled" "WEBHOOK_ENDPOINT_DISABLED" FailedPrecondition 409 "The webhook endpoint is disabled";
    WebhookDeliveryNotFound "webhook_delivery_not_found" "WEBHOOK_DELIVERY_NOT_FOUND" NotFound 404 "There is no such webhook delivery";
    UrlNotAllowed "url_not_allowed" "URL_NOT_ALLOWED" InvalidArgument 400 "The URL leads to where nothing is sent";
    EtagMismatch "etag_mismatch" "ETAG_MISMATCH" Aborted 412 "The resource has changed since it was read";
    IdempotencyKeyReused "idempotency_key_reused" "IDEMPOTENCY_KEY_REUSED" FailedPrecondition 422 "The idempotency key was used for another request";
    LimitExceeded "limit_exceeded" "LIMIT_EXCEEDED" FailedPrecondition 409 "There is as much as there may be";
    TooManyAttempts "too_many_attempts" "TOO_MANY_ATTEMPTS" ResourceExhausted 429 "Too many attempts";
    RateLimited "rate_limited" "RATE_LIMITED" ResourceExhausted 429 "Too many requests";
    ResourceExhausted "resource_exhausted" "RESOURCE_EXHAUSTED" ResourceExhausted 429 "Too much at once";
    DeadlineExceeded "deadline_exceeded" "DEADLINE_EXCEEDED" DeadlineExceeded 504 "The request took too long";
    Unavailable "unavailable" "UNAVAILABLE" Unavailable 503 "The service is not available for the moment";
    Internal "internal" "INTERNAL" Internal 500 "Something went wrong in the service";
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_unique_and_the_reason_is_the_name_in_capitals() {
        let names: HashSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        for code in Code::ALL {
            assert_eq!(code.reason(), code.as_str().to_ascii_uppercase());
            assert_eq!(Code::from_reason(code.reason()), Some(*code));
        }
        assert_eq!(Code::from_reason("order_not_found"), None);
    }

    #[test]
    fn http_and_grpc_agree_on_whose_fault_it_is() {
        for code in Code::ALL {
            let ours = matches!(
                code.grpc(),
                GrpcCode::Internal | GrpcCode::Unavailable | GrpcCode::DeadlineExceeded
            );
            assert_eq!(code.http() >= 500, ours, "{code}");
            assert!((400..=504).contains(&code.http()), "{code}");
        }
    }
}
