//! The table `auth.allowances`. It is global, since emails and sign-ups are counted for persons and networks across
//! tenants.

use std::time::Duration;

use diesel::dsl::now;
use diesel::prelude::*;
use diesel::sql_types::{Array, Binary, Double, Integer};
use diesel_async::RunQueryDsl;
use rowhouse_tenancy::{DbError, GlobalTx, Transaction};

use crate::domain::Allowance;
use crate::encryption::Digest32;
use crate::schema::allowances;

#[derive(QueryableByName)]
struct SpendRow {
    #[diesel(sql_type = Integer)]
    wait: i32,
}

/// Counts something against each of the allowances. If one of them is used up, it counts nothing and returns the time
/// until there is room. No two may have the same key.
pub(crate) async fn spend(
    tx: &mut impl Transaction,
    allowances: &[Allowance],
) -> Result<Option<Duration>, DbError> {
    let keys: Vec<_> = allowances.iter().map(|allowance| allowance.key.to_vec()).collect();
    let rates = allowances.iter().map(|allowance| allowance.rate);
    let (at_once, every): (Vec<_>, Vec<_>) =
        rates.map(|rate| (rate.at_once, rate.every.as_secs_f64())).unzip();
    let SpendRow { wait } = diesel::sql_query("SELECT auth.spend($1, $2, $3) AS wait")
        .bind::<Array<Binary>, _>(keys)
        .bind::<Array<Integer>, _>(at_once)
        .bind::<Array<Double>, _>(every)
        .get_result(tx)
        .await?;
    Ok(u64::try_from(wait).ok().filter(|seconds| *seconds > 0).map(Duration::from_secs))
}

/// Uses an allowance up for a time.
pub(crate) async fn fill(
    tx: &mut impl Transaction,
    key: Digest32,
    lifetime: Duration,
) -> Result<(), DbError> {
    diesel::sql_query(
        "INSERT INTO auth.allowances (key, full_at) VALUES ($1, clock_timestamp() + make_interval(secs => $2))
         ON CONFLICT (key) DO UPDATE SET full_at = excluded.full_at",
    )
    .bind::<Binary, _>(key.to_vec())
    .bind::<Double, _>(lifetime.as_secs_f64())
    .execute(tx)
    .await?;
    Ok(())
}

/// Clears the counts of keys.
pub(crate) async fn refill(tx: &mut impl Transaction, keys: &[Digest32]) -> Result<(), DbError> {
    let keys = keys.iter().map(|key| key.to_vec());
    diesel::delete(allowances::table.filter(allowances::key.eq_any(keys))).execute(tx).await?;
    Ok(())
}

/// Deletes at most `most` rows that have no effect any more, and returns their number.
pub(crate) async fn purge_allowances(tx: &mut GlobalTx, most: i64) -> Result<usize, DbError> {
    let full = allowances::table
        .filter(allowances::full_at.lt(now))
        .order(allowances::full_at)
        .limit(most)
        .select(allowances::key)
        .for_update()
        .skip_locked();
    let full: Vec<Vec<u8>> = full.load(tx).await?;
    // Not rows that were counted again before they were locked.
    let full = allowances::table.filter(allowances::key.eq_any(full)).filter(allowances::full_at.lt(now));
    Ok(diesel::delete(full).execute(tx).await?)
}
