//! Why a token is not believed.

/// Why a token was not signed or not believed. Each message is for the caller and says what to change; none
/// shows the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not three base64url parts of JSON, or too long.
    #[error("the access token is not a JWT")]
    Malformed,
    /// `alg` is not EdDSA; `none` is among these.
    #[error("the access token is signed with an algorithm that is not accepted: only EdDSA is")]
    UnsupportedAlgorithm,
    /// No `kid`, or one that the issuer does not publish.
    #[error("the access token is signed with a key that is not known: get a new token")]
    UnknownKey,
    /// The signature does not fit.
    #[error("the access token's signature is wrong: send the token as it was issued")]
    BadSignature,
    /// `exp` has passed.
    #[error("the access token has expired: get a new one")]
    Expired,
    /// `nbf` or `iat` lies ahead.
    #[error("the access token is not valid yet: check the clocks")]
    NotYetValid,
    /// `iss` is nobody who may issue such a token here.
    #[error("the access token comes from an issuer that is not accepted here")]
    WrongIssuer,
    /// `aud` names somebody else.
    #[error("the access token is meant for somebody else")]
    WrongAudience,
    /// `typ` is neither of the two.
    #[error("the token is not an access token")]
    WrongType,
    /// A claim is missing or cannot be read.
    #[error("the access token lacks a claim or has one that cannot be read")]
    InvalidClaims,
    /// The token could not be made.
    #[error("the token could not be signed")]
    Signing,
}
