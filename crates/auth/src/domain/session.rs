//! Sessions: their lifetimes, and the validity of refresh tokens.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::encryption::Digest32;

/// The lifetimes of sessions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SessionLifetimes {
    /// The lifetime without use.
    pub(crate) idle: Duration,
    /// The lifetime in total.
    pub(crate) absolute: Duration,
    /// The time after an exchange in which a refresh token can be sent again for the same answer, since the first
    /// answer may have been lost.
    pub(crate) grace: Duration,
}

impl SessionLifetimes {
    /// Returns the idle end of a session that is used now and ends at `expires_at` at the latest.
    pub(crate) fn idle_until(&self, now: DateTime<Utc>, expires_at: DateTime<Utc>) -> DateTime<Utc> {
        later(now, self.idle).min(expires_at)
    }

    /// Returns the absolute end of a session that begins now.
    pub(crate) fn expires_at(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        later(now, self.absolute)
    }
}

/// Returns a time plus a duration.
pub(crate) fn later(moment: DateTime<Utc>, duration: Duration) -> DateTime<Utc> {
    let delta = TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX);
    moment.checked_add_signed(delta).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// The reason why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndReason {
    Logout,
    /// It was exchanged for one in another tenant.
    Switched,
    /// Its person or an administrator ended it.
    Revoked,
    /// A refresh token was reused.
    TokenReused,
    /// Its person is not a member any more.
    Removed,
    PasswordChanged,
    /// The person's second factor was activated or removed.
    FactorChanged,
    /// It was the least recently used one when there were too many.
    TooMany,
}

impl EndReason {
    /// Returns the name in the table and in the audit log. The table has one more, `disabled`, which `rowhouse user
    /// disable` writes.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::Switched => "switched",
            Self::Revoked => "revoked",
            Self::TokenReused => "token_reused",
            Self::Removed => "removed",
            Self::PasswordChanged => "password_changed",
            Self::FactorChanged => "factor_changed",
            Self::TooMany => "too_many",
        }
    }
}

/// The stored state of a session's refresh tokens.
#[derive(Clone, Debug)]
pub(crate) struct SessionState {
    pub(crate) current: Digest32,
    pub(crate) previous: Option<Digest32>,
    pub(crate) last_used_at: DateTime<Utc>,
    pub(crate) ends_at: DateTime<Utc>,
    pub(crate) ended: bool,
}

/// The state of a presented refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RefreshTokenState {
    /// It is the current one.
    Current,
    /// It is the previous one, exchanged so recently that the caller may not have received the answer.
    Repeated,
    /// It was exchanged before, so somebody has a copy.
    Reused,
    /// Its session has ended or expired.
    Ended,
}

impl SessionState {
    /// Returns the state of a token by its digest.
    pub(crate) fn judge(&self, digest: Digest32, now: DateTime<Utc>, grace: Duration) -> RefreshTokenState {
        if self.ended || now >= self.ends_at {
            RefreshTokenState::Ended
        } else if digest == self.current {
            RefreshTokenState::Current
        } else if self.previous == Some(digest) && now < later(self.last_used_at, grace) {
            RefreshTokenState::Repeated
        } else {
            RefreshTokenState::Reused
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_judged_by_its_place_in_the_chain() {
        let now = Utc::now();
        let at = |seconds: i64| now + TimeDelta::seconds(seconds);
        let state = SessionState {
            current: [2; 32],
            previous: Some([1; 32]),
            last_used_at: now,
            ends_at: at(100),
            ended: false,
        };
        let grace = Duration::from_secs(10);
        for (digest, seconds, expected) in [
            (2, 0, RefreshTokenState::Current),
            (2, 99, RefreshTokenState::Current),
            (2, 100, RefreshTokenState::Ended),
            (1, 9, RefreshTokenState::Repeated),
            (1, 10, RefreshTokenState::Reused),
            (0, 0, RefreshTokenState::Reused),
            (1, 100, RefreshTokenState::Ended),
        ] {
            assert_eq!(state.judge([digest; 32], at(seconds), grace), expected, "{digest} {seconds}");
        }
        let ended = SessionState { ended: true, ..state };
        assert_eq!(ended.judge([2; 32], now, grace), RefreshTokenState::Ended);
    }

    #[test]
    fn idle_time_never_outlives_the_session() {
        let lifetimes = SessionLifetimes {
            idle: Duration::from_secs(60),
            absolute: Duration::from_secs(100),
            grace: Duration::ZERO,
        };
        let begin = Utc::now();
        let end = lifetimes.expires_at(begin);
        assert_eq!(lifetimes.idle_until(begin, end), begin + TimeDelta::seconds(60));
        assert_eq!(lifetimes.idle_until(begin + TimeDelta::seconds(90), end), end);
    }
}
