//! [`Page`], the first rows of a list.

use serde::Serialize;
use tokio_postgres::Row;

/// The first rows of a list, and the number of all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// The number of rows that the search finds, including those that are not here.
    pub total: u64,
}

/// The choice of rows of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// The text that a row contains, in any case of its letters; none for all rows.
    pub text: Option<String>,
    /// The largest number of rows.
    pub limit: u32,
}

impl<T> Page<T> {
    /// Returns a page with all rows.
    #[must_use]
    pub fn of_all(items: Vec<T>) -> Self {
        let total = u64::try_from(items.len()).unwrap_or(u64::MAX);
        Self { items, total }
    }

    /// Reads rows whose column `total` has the number of all.
    pub(crate) fn read<E: From<tokio_postgres::Error>>(
        rows: &[Row],
        read: impl Fn(&Row) -> Result<T, E>,
    ) -> Result<Self, E> {
        let total: i64 = rows.first().map_or(Ok(0), |row| row.try_get("total"))?;
        let items = rows.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Self { items, total: u64::try_from(total).unwrap_or_default() })
    }
}

/// Returns SQL that formats a time in UTC as RFC 3339 does.
pub(crate) fn rfc3339(time: &str) -> String {
    format!("pg_catalog.to_char({time} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')")
}

/// Returns a condition of SQL that holds if one of the texts contains the parameter `$1`, or if that is NULL.
pub(crate) fn contains(texts: &[&str]) -> String {
    let any = texts
        .iter()
        .map(|text| format!("pg_catalog.strpos(pg_catalog.lower({text}), pg_catalog.lower($1)) > 0"));
    format!("($1::text IS NULL OR {})", any.collect::<Vec<_>>().join(" OR "))
}
