//! The tables `auth.attempts` and `auth.familiar_addresses`: global, since an attempt precedes its tenant.

use std::time::Duration;

use diesel::dsl::{IntervalDsl, exists, now, select};
use diesel::prelude::*;
use diesel::sql_types::{Array, Binary, Bool, Integer, Timestamptz};
use diesel_async::RunQueryDsl;
use rowhouse_tenancy::{DbError, GlobalTx, Transaction};

use crate::domain::Limit;
use crate::schema::{attempts, familiar_addresses};
use crate::sealing::Digest32;

/// For how long a network is remembered as one that an account was logged in to from.
const FAMILIAR_DAYS: i32 = 90;

/// What becomes of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, QueryableByName)]
pub(crate) struct Admission {
    /// Seconds until an attempt will be looked at; 0 when this one is.
    #[diesel(sql_type = Integer)]
    pub(crate) wait: i32,
    /// It is the first one that is refused.
    #[diesel(sql_type = Bool)]
    pub(crate) first: bool,
}

impl Admission {
    /// How long to wait, when the attempt is refused.
    pub(crate) fn refused(self) -> Option<Duration> {
        u64::try_from(self.wait).ok().filter(|seconds| *seconds > 0).map(Duration::from_secs)
    }
}

/// Counts an attempt against each of the limits, unless one of them refuses it; then nothing is counted. No two limits may
/// have the same key.
pub(crate) async fn admit(tx: &mut impl Transaction, limits: &[Limit]) -> Result<Admission, DbError> {
    let (keys, free): (Vec<_>, Vec<_>) = limits.iter().map(|limit| (limit.key.to_vec(), limit.free)).unzip();
    let admission = diesel::sql_query("SELECT wait, first FROM auth.admit($1, $2)")
        .bind::<Array<Binary>, _>(keys)
        .bind::<Array<Integer>, _>(free)
        .get_result(tx)
        .await?;
    Ok(admission)
}

/// Takes a counted attempt back: it was a good one. What it alone is counted under starts anew.
pub(crate) async fn forgive(
    tx: &mut impl Transaction,
    own: &[Digest32],
    shared: &[Digest32],
) -> Result<(), DbError> {
    lock(tx, own, shared).await?;
    take_back(tx, own, shared).await
}

/// The same, unless it was done already.
pub(crate) async fn forgive_once(
    tx: &mut impl Transaction,
    own: &[Digest32],
    shared: &[Digest32],
) -> Result<(), DbError> {
    let counted = lock(tx, own, shared).await?;
    if own.iter().any(|key| counted.contains(&key.to_vec())) {
        take_back(tx, own, shared).await
    } else {
        Ok(())
    }
}

/// Locks in the order in which `auth.admit` does, so that no two wait for each other, and says what there is.
async fn lock(
    tx: &mut impl Transaction,
    own: &[Digest32],
    shared: &[Digest32],
) -> Result<Vec<Vec<u8>>, DbError> {
    let keys: Vec<&[u8]> = own.iter().chain(shared).map(|key| &key[..]).collect();
    let locked = attempts::table.filter(attempts::key.eq_any(keys)).select(attempts::key);
    Ok(locked.order(attempts::key).for_update().load(tx).await?)
}

async fn take_back(tx: &mut impl Transaction, own: &[Digest32], shared: &[Digest32]) -> Result<(), DbError> {
    let own: Vec<&[u8]> = own.iter().map(|key| &key[..]).collect();
    diesel::delete(attempts::table.filter(attempts::key.eq_any(own))).execute(tx).await?;
    if !shared.is_empty() {
        let shared: Vec<&[u8]> = shared.iter().map(|key| &key[..]).collect();
        let counted = attempts::table.filter(attempts::key.eq_any(shared)).filter(attempts::failures.gt(0));
        diesel::update(counted).set(attempts::failures.eq(attempts::failures - 1)).execute(tx).await?;
    }
    Ok(())
}

/// Whether the account was logged in to from the network before.
pub(crate) async fn is_familiar(tx: &mut impl Transaction, key: Digest32) -> Result<bool, DbError> {
    let recent = familiar_addresses::table
        .filter(familiar_addresses::key.eq(key.to_vec()))
        .filter(familiar_addresses::last_at.gt(now.into_sql::<Timestamptz>() - FAMILIAR_DAYS.days()));
    Ok(select(exists(recent)).get_result(tx).await?)
}

/// Remembers that the account was logged in to from the network.
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

/// Removes up to `most` attempts that count no more, and says how many they were.
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

/// The same of addresses that nobody has logged in from for long.
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
