//! Writing the addresses as they are written now.

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::Survey;

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rewritten {
    /// How many addresses were rewritten.
    pub changed: u64,
    /// How many were not, since somebody has changed or taken the address meanwhile.
    pub passed_over: u64,
}

/// Rewrites what a survey has found to be outdated, each address in a transaction of its own: what was interrupted goes on with the next
/// survey. Collisions stay as they are. `owner` is connected as `rowhouse_owner`.
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
