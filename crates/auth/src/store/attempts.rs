//! The tables `auth.attempts` and `auth.familiar_addresses`. They are global, since an attempt precedes its tenant.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::dsl::{IntervalDsl, exists, now, select};
use diesel::prelude::*;
use diesel::sql_types::{Array, Binary, Bool, Integer, Nullable, Timestamptz};
use diesel_async::RunQueryDsl;
use rowhouse_tenancy::{DbError, GlobalTx, Transaction};

use crate::domain::Limit;
use crate::encryption::Digest32;
use crate::schema::{attempts, familiar_addresses};

/// The days for which a network is remembered as familiar to an account.
const FAMILIAR_DAYS: i32 = 90;

/// The result of counting an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, QueryableByName)]
pub(crate) struct Admission {
    /// The seconds until an attempt is admitted, or 0 if this one is.
    #[diesel(sql_type = Integer)]
    pub(crate) wait: i32,
    /// True for the first attempt that is refused.
    #[diesel(sql_type = Bool)]
    pub(crate) first: bool,
    /// The time at which it was counted, or `None` if it is refused.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub(crate) counted_at: Option<DateTime<Utc>>,
}

impl Admission {
    /// Returns the time to wait if the attempt is refused.
    pub(crate) fn refused(self) -> Option<Duration> {
        u64::try_from(self.wait).ok().filter(|seconds| *seconds > 0).map(Duration::from_secs)
    }
}

/// Counts an attempt against each of the limits. If one of them refuses it, nothing is counted. No two limits may
/// have the same key.
pub(crate) async fn admit(tx: &mut impl Transaction, limits: &[Limit]) -> Result<Admission, DbError> {
    let (keys, free): (Vec<_>, Vec<_>) = limits.iter().map(|limit| (limit.key.to_vec(), limit.free)).unzip();
    let admission = diesel::sql_query("SELECT wait, first, counted_at FROM auth.count_attempt($1, $2)")
        .bind::<Array<Binary>, _>(keys)
        .bind::<Array<Integer>, _>(free)
        .get_result(tx)
        .await?;
    Ok(admission)
}

/// Uncounts an attempt whose password was not checked: one less for each of the keys.
pub(crate) async fn take_back(
    tx: &mut impl Transaction,
    keys: &[Digest32],
    counted_at: DateTime<Utc>,
) -> Result<(), DbError> {
    let keys: Vec<&[u8]> = keys.iter().map(|key| &key[..]).collect();
    diesel::sql_query("SELECT auth.take_back($1, $2)")
        .bind::<Array<Binary>, _>(keys)
        .bind::<Timestamptz, _>(counted_at)
        .execute(tx)
        .await?;
    Ok(())
}

/// Uncounts a successful attempt, and clears the keys that are counted for it alone.
pub(crate) async fn forgive(
    tx: &mut impl Transaction,
    own: &[Digest32],
    shared: &[Digest32],
) -> Result<(), DbError> {
    let locked = lock(tx, own, shared).await?;
    discount(tx, own, shared, &locked).await
}

/// Does the same, unless it was done before.
pub(crate) async fn forgive_once(
    tx: &mut impl Transaction,
    own: &[Digest32],
    shared: &[Digest32],
) -> Result<(), DbError> {
    let locked = lock(tx, own, shared).await?;
    if own.iter().any(|key| locked.contains(&key.to_vec())) {
        discount(tx, own, shared, &locked).await
    } else {
        Ok(())
    }
}

/// Locks the rows in the same order as `auth.count_attempt`, so that there is no deadlock, and returns them.
async fn lock(
    tx: &mut impl Transaction,
    own: &[Digest32],
    shared: &[Digest32],
) -> Result<Vec<Vec<u8>>, DbError> {
    let keys: Vec<&[u8]> = own.iter().chain(shared).map(|key| &key[..]).collect();
    let locked = attempts::table.filter(attempts::key.eq_any(keys)).select(attempts::key);
    Ok(locked.order(attempts::key).for_update().load(tx).await?)
}

/// Changes only locked rows. A row that was cleared and counted again in between belongs to another attempt, whose
/// transaction may be waiting for one of these.
async fn discount(
    tx: &mut impl Transaction,
    own: &[Digest32],
    shared: &[Digest32],
    locked: &[Vec<u8>],
) -> Result<(), DbError> {
    let locked = |keys: &[Digest32]| -> Vec<Vec<u8>> {
        keys.iter().map(|key| key.to_vec()).filter(|key| locked.contains(key)).collect()
    };
    let (own, shared) = (locked(own), locked(shared));
    diesel::delete(attempts::table.filter(attempts::key.eq_any(own))).execute(tx).await?;
    if !shared.is_empty() {
        let counted = attempts::table.filter(attempts::key.eq_any(shared)).filter(attempts::failures.gt(0));
        diesel::update(counted).set(attempts::failures.eq(attempts::failures - 1)).execute(tx).await?;
    }
    Ok(())
}

/// Returns whether the account was logged in to from the network before.
pub(crate) async fn is_familiar(tx: &mut impl Transaction, key: Digest32) -> Result<bool, DbError> {
    let recent = familiar_addresses::table
        .filter(familiar_addresses::key.eq(key.to_vec()))
        .filter(familiar_addresses::last_at.gt(now.into_sql::<Timestamptz>() - FAMILIAR_DAYS.days()));
    Ok(select(exists(recent)).get_result(tx).await?)
}

/// Records that the account was logged in to from the network.
pub(crate) async fn remember_network(tx: &mut impl Transaction, key: Digest32) -> Result<(), DbError> {
    diesel::insert_into(familiar_addresses::table)
        .values((familiar_addresses::key.eq(key.to_vec()), familiar_addresses::last_at.eq(now)))
        .on_conflict(familiar_addresses::key)
        .do_update()
        .set(familiar_addresses::last_at.eq(now))
        .execute(tx)
        .await?;
    Ok(())
}

/// Deletes at most `most` attempts that have no effect any more, and returns their number.
pub(crate) async fn purge_attempts(tx: &mut GlobalTx, most: i64) -> Result<usize, DbError> {
    let old = attempts::table
        .filter(attempts::last_at.lt(now.into_sql::<Timestamptz>() - 1.days()))
        .order(attempts::last_at)
        .limit(most)
        .select(attempts::key)
        .for_update()
        .skip_locked();
    let old: Vec<Vec<u8>> = old.load(tx).await?;
    Ok(diesel::delete(attempts::table.filter(attempts::key.eq_any(old))).execute(tx).await?)
}

/// Deletes at most `most` networks without a login for long, and returns their number.
pub(crate) async fn purge_familiar(tx: &mut GlobalTx, most: i64) -> Result<usize, DbError> {
    let old = familiar_addresses::table
        .filter(familiar_addresses::last_at.lt(now.into_sql::<Timestamptz>() - FAMILIAR_DAYS.days()))
        .order(familiar_addresses::last_at)
        .limit(most)
        .select(familiar_addresses::key)
        .for_update()
        .skip_locked();
    let old: Vec<Vec<u8>> = old.load(tx).await?;
    Ok(diesel::delete(familiar_addresses::table.filter(familiar_addresses::key.eq_any(old)))
        .execute(tx)
        .await?)
}
