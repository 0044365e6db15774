//! [`TokenError`], the reasons why a token is refused.

/// The reason why a token was refused or could not be signed. Each message tells the caller what to change, and none
/// shows the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The token is not three base64url parts of JSON, or is too long.
    #[error("the access token is not a JWT")]
    Malformed,
    /// `alg` is not EdDSA, for example `none`.
    #[error("the access token is signed with an algorithm that is not accepted: only EdDSA is")]
    UnsupportedAlgorithm,
    /// `kid` is missing, or the issuer does not publish such a key.
    #[error("the access token is signed with a key that is not known: get a new token")]
    UnknownKey,
    /// The signature is wrong.
    #[error("the access token's signature is wrong: send the token as it was issued")]
    BadSignature,
    /// `exp` has passed.
    #[error("the access token has expired: get a new one")]
    Expired,
    /// `nbf` or `iat` is in the future.
    #[error("the access token is not valid yet: check the clocks")]
    NotYetValid,
    /// `iss` may not issue such a token.
    #[error("the access token comes from an issuer that is not accepted here")]
    WrongIssuer,
    /// `aud` is another service.
    #[error("the access token is meant for somebody else")]
    WrongAudience,
    /// `typ` is not the type of an accepted token.
    #[error("the token is not an access token")]
    WrongType,
    /// A claim is missing or invalid.
    #[error("the access token lacks a claim or has one that cannot be read")]
    InvalidClaims,
    /// The token could not be signed.
    #[error("the token could not be signed")]
    Signing,
}

impl TokenError {
    /// Returns the name of the reason, for metrics.
    pub(crate) const fn kind(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnsupportedAlgorithm => "unsupported_algorithm",
            Self::UnknownKey => "unknown_key",
            Self::BadSignature => "bad_signature",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::WrongIssuer => "wrong_issuer",
            Self::WrongAudience => "wrong_audience",
            Self::WrongType => "wrong_type",
            Self::InvalidClaims => "invalid_claims",
            Self::Signing => "signing",
        }
    }
}
