//! Answers to calls that are refused for their token or tenant.

use rowhouse_tenancy::grpc::{AuthenticateError, TENANT_ID_KEY};
use rowhouse_tokens::TokenError;
use tonic::Status;

use crate::error::{Code, FieldViolation, invalid_argument, status};

#[expect(clippy::needless_pass_by_value, reason = "the signature is the one that AuthenticateLayer calls")]
/// Returns the answer to a call that is refused for its token or tenant.
#[must_use]
pub fn reject(refusal: AuthenticateError) -> Status {
    let detail = refusal.to_string();
    match refusal {
        AuthenticateError::MissingToken => status(Code::TOKEN_MISSING, detail),
        AuthenticateError::InvalidToken(TokenError::Expired) => status(Code::TOKEN_EXPIRED, detail),
        AuthenticateError::InvalidToken(_) => status(Code::TOKEN_INVALID, detail),
        AuthenticateError::TenantMismatch { token, requested } => {
            tracing::warn!(%token, %requested, "a caller of tenant {token} asked for tenant {requested}");
            status(Code::TENANT_MISMATCH, detail)
        }
        AuthenticateError::InvalidTenantId(_) => {
            invalid_argument(vec![FieldViolation::new(TENANT_ID_KEY, detail)])
        }
    }
}

#[cfg(test)]
mod tests {
    use rowhouse_tenancy::TenantId;

    use super::*;
    use crate::error::fault;

    #[test]
    fn each_refusal_has_its_code() {
        let (token, requested) = (TenantId::generate(), TenantId::generate());
        let unreadable = "acme".parse::<TenantId>().unwrap_err();
        for (refusal, code) in [
            (AuthenticateError::MissingToken, Code::TOKEN_MISSING),
            (AuthenticateError::InvalidToken(TokenError::Expired), Code::TOKEN_EXPIRED),
            (AuthenticateError::InvalidToken(TokenError::BadSignature), Code::TOKEN_INVALID),
            (AuthenticateError::TenantMismatch { token, requested }, Code::TENANT_MISMATCH),
            (AuthenticateError::InvalidTenantId(unreadable), Code::INVALID_ARGUMENT),
        ] {
            let answer = reject(refusal);
            assert_eq!(fault(&answer, Code::COMMON).code, code);
            assert!(!answer.message().contains(&token.to_string()), "{answer:?}");
        }
    }
}
