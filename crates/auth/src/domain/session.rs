//! Sessions: how long they live, and what a refresh token may still do.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::sealing::Digest32;

/// How long sessions live.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SessionLifetimes {
    /// Without being used.
    pub(crate) idle: Duration,
    /// In any case.
    pub(crate) absolute: Duration,
    /// How long after its exchange a refresh token may be sent again, for the same answer: the first may have been
    /// lost on the way.
    pub(crate) grace: Duration,
}

impl SessionLifetimes {
    /// When a session that is used now and ends at `expires_at` in any case ends without further use.
    pub(crate) fn idle_until(&self, now: DateTime<Utc>, expires_at: DateTime<Utc>) -> DateTime<Utc> {
        later(now, self.idle).min(expires_at)
    }

    /// When a session that begins now ends in any case.
    pub(crate) fn expires_at(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        later(now, self.absolute)
    }
}

/// The moment some time after another.
pub(crate) fn later(moment: DateTime<Utc>, duration: Duration) -> DateTime<Utc> {
    let delta = TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX);
    moment.checked_add_signed(delta).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndReason {
    Logout,
    /// Exchanged for one in another tenant.
    Switched,
    /// By its person, or by an administrator.
    Revoked,
    /// A refresh token was used twice.
    TokenReused,
    /// Its person is no member any more.
    Removed,
    PasswordChanged,
    /// The person's second factor was switched on or off.
    FactorChanged,
    /// It was not used for longest of more than there may be.
    TooMany,
}

impl EndReason {
    /// The name in the table and in the audit log. The table knows one more, `disabled`, which `rowhouse user disable`
    /// writes.
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

/// What a session knows of the refresh tokens that were given out for it.
#[derive(Clone, Debug)]
pub(crate) struct SessionState {
    pub(crate) current: Digest32,
    pub(crate) previous: Option<Digest32>,
    pub(crate) last_used_at: DateTime<Utc>,
    pub(crate) ends_at: DateTime<Utc>,
    pub(crate) ended: bool,
}

/// What a refresh token that was made for the session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presented {
    /// The one that is good.
    Current,
    /// The one before, so soon after its exchange that the caller may not have had the answer.
    Repeated,
    /// One that was exchanged before: somebody has a copy.
    Reused,
    /// Of a session that has ended or expired.
    Ended,
}

impl SessionState {
    /// Judges a token by its digest.
    pub(crate) fn judge(&self, digest: Digest32, now: DateTime<Utc>, grace: Duration) -> Presented {
        if self.ended || now >= self.ends_at {
            Presented::Ended
        } else if digest == self.current {
            Presented::Current
        } else if self.previous == Some(digest) && now < later(self.last_used_at, grace) {
            Presented::Repeated
        } else {
            Presented::Reused
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
            (2, 0, Presented::Current),
            (2, 99, Presented::Current),
            (2, 100, Presented::Ended),
            (1, 9, Presented::Repeated),
            (1, 10, Presented::Reused),
            (0, 0, Presented::Reused),
            (1, 100, Presented::Ended),
        ] {
            assert_eq!(state.judge([digest; 32], at(seconds), grace), expected, "{digest} {seconds}");
        }
        let ended = SessionState { ended: true, ..state };
        assert_eq!(ended.judge([2; 32], now, grace), Presented::Ended);
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
