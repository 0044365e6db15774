//! Rewriting addresses to their canonical form.

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::Survey;

/// The result of a rewrite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rewritten {
    /// The number of rewritten addresses.
    pub changed: u64,
    /// The number of addresses that were not rewritten, since somebody changed or took the address concurrently.
    pub passed_over: u64,
}

/// Rewrites the outdated addresses of a survey, each in a transaction of its own; after an interruption, the next
/// survey continues. Collisions are not changed. `owner` is connected as `rowhouse_owner`.
pub async fn rewrite(owner: &Client, survey: &Survey) -> Result<Rewritten, tokio_postgres::Error> {
    let update = owner
        .prepare(
            "UPDATE auth.identities SET email = $3, updated_at = now()
             WHERE auth.identities.id = $1::text::uuid AND auth.identities.email = $2",
        )
        .await?;
    let mut rewritten = Rewritten::default();
    for (holder, address) in &survey.outdated {
        match owner.execute(&update, &[&holder.id, &holder.email, &address.as_str()]).await {
            Ok(1..) => rewritten.changed += 1,
            Ok(0) => rewritten.passed_over += 1,
            Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => rewritten.passed_over += 1,
            Err(error) => return Err(error),
        }
    }
    Ok(rewritten)
}
