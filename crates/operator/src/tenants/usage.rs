//! The use of all tenants in a span of days.

use rowhouse_tenancy::TenantId;
use serde::Serialize;
use tokio_postgres::{GenericClient, Row};

use super::TenantError;
use super::directory::{as_text, id_of};
use crate::page::contains;
use crate::{Page, Search};

/// A tenant's use of the services.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TenantUsage {
    /// The tenant's id.
    #[serde(serialize_with = "as_text")]
    pub id: TenantId,
    /// The tenant's slug.
    pub slug: String,
    /// The name.
    pub name: String,
    /// The transactions.
    pub transactions: i64,
    /// Their round trips.
    pub round_trips: i64,
    /// The rows that they read or changed.
    pub rows: i64,
    /// The time for which they held a connection.
    pub milliseconds: i64,
}

/// The choice of what is added up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The first day in UTC, such as `2026-11-01`; by default the thirtieth with the last one.
    pub first_day: Option<String>,
    /// The last day; by default today.
    pub last_day: Option<String>,
    /// The service; all of them by default.
    pub service: Option<String>,
}

/// Returns the tenants with use, the one that held connections longest first. The connection is the owner's.
pub async fn usage(
    owner: &impl GenericClient,
    span: &Span,
    search: &Search,
) -> Result<Page<TenantUsage>, TenantError> {
    let query = format!(
        "SELECT t.id::text, t.slug, t.name, u.transactions, u.round_trips, u.rows, u.milliseconds, count(*) OVER () AS total
         FROM (
             SELECT b.tenant_id, sum(b.transactions)::bigint AS transactions, sum(b.round_trips)::bigint AS round_trips,
                 sum(b.rows)::bigint AS rows, sum(b.milliseconds)::bigint AS milliseconds
             FROM (SELECT coalesce($4::text::date, (now() AT TIME ZONE 'UTC')::date) AS day) AS last,
                 tenancy.usage_between(coalesce($3::text::date, last.day - 29), last.day) b
             WHERE b.service = coalesce($5, b.service) GROUP BY 1
         ) u JOIN tenancy.directory() t ON t.id = u.tenant_id
         WHERE {} ORDER BY u.milliseconds DESC, t.id LIMIT $2",
        contains(&["t.slug", "t.name", "t.id::text"])
    );
    let Span { first_day, last_day, service } = span;
    let rows =
        owner.query(&query, &[&search.text, &i64::from(search.limit), first_day, last_day, service]).await?;
    Page::read(&rows, of_row)
}

fn of_row(row: &Row) -> Result<TenantUsage, TenantError> {
    Ok(TenantUsage {
        id: id_of(row)?,
        slug: row.try_get(1)?,
        name: row.try_get(2)?,
        transactions: row.try_get(3)?,
        round_trips: row.try_get(4)?,
        rows: row.try_get(5)?,
        milliseconds: row.try_get(6)?,
    })
}
