//! Validated types and pure rules.

mod api_key;
mod audit;
mod counted;
mod device_token;
mod limit;
mod member_proof;
mod membership;
mod mfa_token;
mod one_time_token;
mod opaque_token;
mod password;
mod recovery_code;
mod revocation;
mod session;
mod totp;
mod user;

pub(crate) use api_key::{ApiKeyName, find_permission, hint, parse_expiry, parse_scopes};
pub(crate) use audit::{Action, Actor, AuditEntry, AuditOutcome};
pub(crate) use counted::AttemptKeys;
pub(crate) use device_token::DeviceToken;
pub(crate) use limit::{Allowance, Limit, Rate};
pub(crate) use member_proof::{AddressProof, MemberProof};
pub(crate) use membership::{ActiveMembership, ChooseError, choose};
pub(crate) use mfa_token::MfaToken;
pub(crate) use one_time_token::{OneTimePurpose, OneTimeToken};
pub(crate) use opaque_token::{InvalidToken, OpaqueToken, TokenKind};
pub(crate) use password::{NewPassword, PasswordHash};
pub(crate) use recovery_code::RecoveryCode;
pub(crate) use revocation::{KEPT, RevokeReason, effective_scopes, may_still_invite};
pub(crate) use rowhouse_text::{EmailAddress, InvalidEmailAddress, Password};
pub(crate) use session::{EndReason, RefreshTokenState, SessionLifetimes, SessionState, later};
pub(crate) use totp::{MfaCode, TotpSecret};
pub(crate) use user::UserId;
