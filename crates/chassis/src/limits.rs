//! Limits on the number of objects, of which `docs/limits.md` has the same table, and the count of what limits refuse.

use std::fmt;
use std::sync::LazyLock;

use opentelemetry::KeyValue;
use opentelemetry::metrics::Counter;
use tonic::Status;

use crate::error::{Code, status_with};
use crate::telemetry::meter;

/// The key of the limit's name in an error's metadata.
pub const LIMIT_KEY: &str = "limit";

/// The key of the maximum in an error's metadata.
pub const MAXIMUM_KEY: &str = "maximum";

/// A limit on the number of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The limit's name. It is stable, so programs can act on it.
    pub name: &'static str,
    /// The largest number.
    pub maximum: i64,
    /// The objects that are counted, as part of a message.
    pub counted: &'static str,
    /// The consequence for one more object, and the remedy, as part of a message.
    pub beyond: &'static str,
}

macro_rules! limits {
    ($($constant:ident $name:literal $maximum:literal $counted:literal, $beyond:literal;)*) => {
        $(
            #[doc = $counted]
            pub const $constant: Limit =
                Limit { name: $name, maximum: $maximum, counted: $counted, beyond: $beyond };
        )*

        /// Every limit.
        pub const LIMITS: &[Limit] = &[$($constant),*];
    };
}

limits! {
    API_KEYS "api_keys" 100
        "API keys of a tenant, expired and revoked ones included",
        "refused: delete keys that are not needed";
    PENDING_INVITATIONS "pending_invitations" 200
        "invitations of a tenant that can still be accepted",
        "refused: delete invitations, or wait until some are accepted or expire";
    MEMBERS "members" 10_000
        "members of a tenant",
        "refused: an invitation cannot be accepted until a member is removed";
    TENANTS_OF_PERSON "tenants_of_person" 100
        "tenants that a person is a member of",
        "refused: leave a tenant that is not needed";
    SESSIONS "sessions" 50
        "sessions of a person in a tenant",
        "a login is never refused for it: the session that was not used for longest ends";
    WEBHOOK_ENDPOINTS "webhook_endpoints" 50
        "webhook endpoints of a tenant",
        "refused: delete endpoints that are not needed";
    UNFINISHED_EXPORTS "unfinished_exports" 10
        "exports of a tenant that are queued or running",
        "refused: wait for one, or cancel one";
    EXPORTS "exports" 50
        "exports of a tenant that have not expired",
        "refused: wait until some expire, a day after their end";
    EXPORT_MIB "export_mib" 1024
        "MiB of a tenant's exports together, before another is begun",
        "refused: wait until some expire, a day after their end";
}

/// The error of exceeding a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitExceeded(pub Limit);

impl fmt::Display for LimitExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(Limit { name, maximum, counted, beyond }) = self;
        write!(f, "the limit {name} is reached: {maximum} {counted}; one more is {beyond}")
    }
}

impl std::error::Error for LimitExceeded {}

impl Limit {
    /// Fails if the count, which includes the new object, exceeds the limit.
    pub fn allows(self, count: i64) -> Result<(), LimitExceeded> {
        if count <= self.maximum { Ok(()) } else { Err(LimitExceeded(self)) }
    }
}

impl LimitExceeded {
    /// Returns the error for a caller, of a refusal that another service has counted. Waiting alone does not help, so the error has no
    /// time for a retry.
    #[must_use]
    pub fn passed_on(self) -> Status {
        let Limit { name, maximum, .. } = self.0;
        let metadata = [(LIMIT_KEY, name.to_owned()), (MAXIMUM_KEY, maximum.to_string())];
        let metadata = metadata.map(|(key, value)| (key.to_owned(), value));
        status_with(Code::LIMIT_EXCEEDED, self.to_string(), metadata)
    }
}

impl From<LimitExceeded> for Status {
    /// Counts the refusal, and returns the error for the caller.
    fn from(exceeded: LimitExceeded) -> Self {
        refused(exceeded.0.name);
        exceeded.passed_on()
    }
}

/// The name of the limits on attempts to log in, and on other guesses, among the refusals.
pub const ATTEMPTS: &str = "attempts";
/// The name of the limits on emails among the refusals.
pub const EMAILS: &str = "emails";
/// The name of the limits on sign-ups among the refusals.
pub const SIGN_UPS: &str = "sign_ups";

static REFUSED: LazyLock<Counter<u64>> = LazyLock::new(|| {
    meter()
        .u64_counter("rowhouse.limit.refused")
        .with_unit("{call}")
        .with_description("Calls that a limit refused, other than a rate limit, by its name")
        .build()
});

/// Counts a refusal by the limit of this name.
pub fn refused(limit: &'static str) {
    count(limit, 1);
}

/// Makes the counters of all limits begin at 0, so that the first refusal is an increase.
pub(crate) fn expect_refusals() {
    let counted = LIMITS.iter().filter(|limit| **limit != SESSIONS).map(|limit| limit.name);
    counted.chain([ATTEMPTS, EMAILS, SIGN_UPS]).for_each(|limit| count(limit, 0));
}

fn count(limit: &'static str, refusals: u64) {
    REFUSED.add(refusals, &[KeyValue::new("rowhouse.limit", limit)]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::fault;

    #[test]
    fn the_last_one_is_allowed() {
        assert_eq!(API_KEYS.allows(100), Ok(()));
        assert_eq!(API_KEYS.allows(101), Err(LimitExceeded(API_KEYS)));
    }

    #[test]
    fn the_error_names_the_limit() {
        let fault = fault(&LimitExceeded(SESSIONS).into(), Code::COMMON);
        assert_eq!(fault.code, Code::LIMIT_EXCEEDED);
        assert_eq!((&*fault.metadata["limit"], &*fault.metadata["maximum"]), ("sessions", "50"));
        assert!(fault.detail.contains("sessions") && fault.retry_after.is_none(), "{}", fault.detail);
    }

    #[test]
    fn the_documentation_has_the_same_table() {
        let documentation = include_str!("../../../docs/limits.md");
        let (counted, _others) = documentation.split_once("\n## ").unwrap();
        let lines: Vec<&str> = counted.lines().filter(|line| line.starts_with("| `")).collect();
        let row = |Limit { name, maximum, counted, beyond }: &Limit| {
            format!("| `{name}` | {maximum} | {counted} | {beyond} |")
        };
        assert_eq!(lines, LIMITS.iter().map(row).collect::<Vec<_>>());
    }
}
