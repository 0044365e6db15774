//! The people who can log in.

use rowhouse_text::EmailAddress;
use serde::Serialize;
use tokio_postgres::{GenericClient, Row};

use crate::page::{contains, rfc3339};
use crate::tenants::TenantError;
use crate::{Page, Search};

/// A person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Person {
    /// The id.
    pub id: String,
    /// The email address.
    pub email: String,
    /// The time when the person was added, such as `2026-11-23T08:30:00Z`.
    pub created_at: String,
    /// The time when the address was confirmed.
    pub verified_at: Option<String>,
    /// The time when an operator disabled the person.
    pub disabled_at: Option<String>,
    /// True if a second factor is active.
    pub second_factor: bool,
    /// The number of tenants that the person is a member of.
    pub tenants: i64,
}

/// Returns the columns of a [`Person`] in the table `i`.
fn columns() -> String {
    format!(
        "i.id::text, i.email, {}, {}, {},
         EXISTS (SELECT FROM auth.totp f WHERE f.user_id = i.id AND f.confirmed_at IS NOT NULL),
         (SELECT count(*) FROM auth.tenants_of_users t WHERE t.user_id = i.id)",
        rfc3339("i.created_at"),
        rfc3339("i.email_verified_at"),
        rfc3339("i.disabled_at")
    )
}

/// Returns people, the newest first. The connection is the owner's.
pub async fn list(owner: &impl GenericClient, search: &Search) -> Result<Page<Person>, TenantError> {
    let found = format!("FROM auth.identities i WHERE {}", contains(&["i.email", "i.id::text"]));
    // Counted apart, so that nothing else is read of the people who are not on the page.
    let query = format!(
        "SELECT {}, (SELECT count(*) {found}) AS total {found} ORDER BY i.id DESC LIMIT $2",
        columns()
    );
    let rows = owner.query(&query, &[&search.text, &i64::from(search.limit)]).await?;
    Page::read(&rows, person)
}

/// Returns the person with an address, in the order in which auth looks up its spellings, or with an id. The table may
/// contain addresses that auth would refuse now.
pub(super) async fn find(transaction: &impl GenericClient, email_or_id: &str) -> Result<Person, TenantError> {
    let typed = email_or_id.trim().to_lowercase();
    let address = email_or_id.parse::<EmailAddress>().ok();
    let spellings =
        address.as_ref().map_or_else(|| vec![typed.clone()], |address| address.spellings().to_vec());
    let id = typed.parse::<uuid::Uuid>().ok().map(|id| id.to_string());
    let query = format!(
        "SELECT {} FROM auth.identities i WHERE i.email = ANY ($1) OR i.id = $2::text::uuid
         ORDER BY array_position($1, i.email) LIMIT 1",
        columns()
    );
    let found = transaction.query_opt(&query, &[&spellings, &id]).await?;
    let is_possible = address.is_some() || id.is_some();
    let unknown = if is_possible { TenantError::UnknownPerson } else { TenantError::NoPerson };
    person(&found.ok_or_else(|| unknown(typed))?)
}

fn person(row: &Row) -> Result<Person, TenantError> {
    Ok(Person {
        id: row.try_get(0)?,
        email: row.try_get(1)?,
        created_at: row.try_get(2)?,
        verified_at: row.try_get(3)?,
        disabled_at: row.try_get(4)?,
        second_factor: row.try_get(5)?,
        tenants: row.try_get(6)?,
    })
}
