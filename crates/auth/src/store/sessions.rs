//! The table `auth.sessions`, and the revocation of its sessions' access tokens.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::dsl::{IntervalDsl, now, sql};
use diesel::prelude::*;
use diesel::sql_types::Timestamptz;
use diesel_async::RunQueryDsl;
use rowhouse_chassis::client::Client;
use rowhouse_chassis::page::PageRequest;
use rowhouse_tenancy::{DbError, TenantTx, lock_count, of_tenant};
use uuid::Uuid;

use crate::domain::{EndReason, SessionState, UserId, later};
use crate::encryption::Digest32;
use crate::schema::{sessions, token_revocations};

/// The longest time between reading permissions and signing an access token, and the largest difference between the
/// clocks of two instances.
pub(crate) const UNDER_WAY: Duration = Duration::from_secs(1);

/// A session to be inserted.
pub(crate) struct NewSession<'a> {
    pub(crate) id: Uuid,
    pub(crate) user: UserId,
    pub(crate) token: Digest32,
    pub(crate) idle_expires_at: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
    pub(crate) client: &'a Client,
}

pub(crate) async fn insert_session(tx: &mut TenantTx, new: NewSession<'_>) -> Result<(), DbError> {
    diesel::insert_into(sessions::table)
        .values((
            sessions::tenant_id.eq(tx.tenant()),
            sessions::id.eq(new.id),
            sessions::user_id.eq(new.user.as_uuid()),
            sessions::token_digest.eq(&new.token[..]),
            sessions::idle_expires_at.eq(new.idle_expires_at),
            sessions::expires_at.eq(new.expires_at),
            sessions::ip_address.eq(new.client.address.map(|address| address.to_string())),
            sessions::user_agent.eq(new.client.user_agent.as_deref()),
        ))
        .execute(tx)
        .await?;
    Ok(())
}

/// Replaces the current refresh token by its successor. Returns `None` if it is not the current one, or the session
/// has ended; of two concurrent calls with the same token, one gets `None`.
pub(crate) async fn exchange_token(
    tx: &mut TenantTx,
    session: Uuid,
    old: Digest32,
    new: Digest32,
    idle_expires_at: DateTime<Utc>,
    client: &Client,
) -> Result<Option<UserId>, DbError> {
    let live = of_tenant(sessions::table, tx.tenant())
        .filter(sessions::id.eq(session))
        .filter(sessions::token_digest.eq(old.to_vec()))
        .filter(sessions::ended_at.is_null())
        .filter(sessions::idle_expires_at.gt(now))
        .filter(sessions::expires_at.gt(now));
    let least = sql::<Timestamptz>("least(expires_at, ").bind::<Timestamptz, _>(idle_expires_at).sql(")");
    let user: Option<Uuid> = diesel::update(live)
        .set((
            sessions::previous_digest.eq(old.to_vec()),
            sessions::token_digest.eq(new.to_vec()),
            sessions::last_used_at.eq(now),
            sessions::idle_expires_at.eq(least),
            sessions::ip_address.eq(client.address.map(|address| address.to_string())),
            sessions::user_agent.eq(client.user_agent.as_deref()),
        ))
        .returning(sessions::user_id)
        .get_result(tx)
        .await
        .optional()?;
    Ok(user.map(UserId::from))
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = sessions)]
struct StateRow {
    user_id: Uuid,
    token_digest: Vec<u8>,
    previous_digest: Option<Vec<u8>>,
    last_used_at: DateTime<Utc>,
    idle_expires_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
}

/// Returns the person of a session and the state of its refresh tokens.
pub(crate) async fn find_state(
    tx: &mut TenantTx,
    session: Uuid,
) -> Result<Option<(UserId, SessionState)>, DbError> {
    let row = of_tenant(sessions::table, tx.tenant())
        .filter(sessions::id.eq(session))
        .select(StateRow::as_select())
        .first(tx)
        .await
        .optional()?;
    let Some(row) = row else { return Ok(None) };
    let state = SessionState {
        current: digest(&row.token_digest)?,
        previous: row.previous_digest.as_deref().map(digest).transpose()?,
        last_used_at: row.last_used_at,
        ends_at: row.idle_expires_at.min(row.expires_at),
        ended: row.ended_at.is_some(),
    };
    Ok(Some((UserId::from(row.user_id), state)))
}

/// The sessions to end.
#[derive(Clone, Copy, Debug)]
pub(crate) enum SessionSelection {
    One(Uuid),
    AllOf(UserId),
    /// The sessions beyond a maximum: all but the one that has just begun and the `keep` most recently used others.
    /// Other transactions that begin a session of the person wait until this one ends.
    Surplus {
        user: UserId,
        begun: Uuid,
        keep: i64,
    },
}

/// Ends sessions and their access tokens at once, and returns their ids.
pub(crate) async fn end_sessions(
    tx: &mut TenantTx,
    which: SessionSelection,
    reason: EndReason,
) -> Result<Vec<Uuid>, DbError> {
    if let SessionSelection::Surplus { user, .. } = which {
        lock_count(tx, &format!("auth.sessions/{user}")).await?;
    }
    let tenant = tx.tenant();
    let live =
        || of_tenant(sessions::table, tenant).filter(sessions::ended_at.is_null()).select(sessions::id);
    let in_order = || live().order(sessions::id).for_update();
    let ids: Vec<Uuid> = match which {
        SessionSelection::One(id) => in_order().filter(sessions::id.eq(id)).load(tx).await?,
        SessionSelection::AllOf(user) => {
            in_order().filter(sessions::user_id.eq(user.as_uuid())).load(tx).await?
        }
        SessionSelection::Surplus { user, begun, keep } => {
            live()
                .filter(sessions::user_id.eq(user.as_uuid()))
                .filter(sessions::id.ne(begun))
                .filter(sessions::idle_expires_at.gt(now))
                .filter(sessions::expires_at.gt(now))
                .order((sessions::last_used_at.desc(), sessions::id.desc()))
                .offset(keep)
                .load(tx)
                .await?
        }
    };
    if ids.is_empty() {
        return Ok(ids);
    }
    diesel::update(of_tenant(sessions::table, tenant).filter(sessions::id.eq_any(&ids)))
        .set((sessions::ended_at.eq(now), sessions::end_reason.eq(reason.as_str())))
        .execute(tx)
        .await?;
    revoke_tokens(tx, &ids, None).await?;
    Ok(ids)
}

/// Refuses a member's current access tokens after a change of their content, while the sessions continue. It waits
/// for concurrent refreshes.
pub(crate) async fn outdate_tokens(tx: &mut TenantTx, user: UserId) -> Result<(), DbError> {
    let live: Vec<Uuid> = of_tenant(sessions::table, tx.tenant())
        .filter(sessions::user_id.eq(user.as_uuid()))
        .filter(sessions::ended_at.is_null())
        .select(sessions::id)
        .for_update()
        .load(tx)
        .await?;
    if live.is_empty() {
        return Ok(());
    }
    revoke_tokens(tx, &live, Some(later(Utc::now(), UNDER_WAY))).await
}

/// Returns the time up to which the access tokens of an active session are refused, in seconds since 1970, or 0.
pub(crate) async fn refused_until(tx: &mut TenantTx, session: Uuid) -> Result<u64, DbError> {
    let until: Option<DateTime<Utc>> = of_tenant(token_revocations::table, tx.tenant())
        .filter(token_revocations::id.eq(session))
        // Not infinity, which cannot be read as a time.
        .filter(token_revocations::issued_until.lt(now.into_sql::<Timestamptz>() + 1.minutes()))
        .select(token_revocations::issued_until)
        .first(tx)
        .await
        .optional()?;
    Ok(until.and_then(|until| u64::try_from(until.timestamp()).ok()).unwrap_or(0))
}

/// A session as its person sees it.
#[derive(Clone, Debug, Queryable)]
pub(crate) struct ListedSession {
    pub(crate) id: Uuid,
    pub(crate) user_id: Uuid,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) last_used_at: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
    pub(crate) ip_address: Option<String>,
    pub(crate) user_agent: Option<String>,
}

/// Returns a person's active sessions, newest first.
pub(crate) async fn list_sessions(
    tx: &mut TenantTx,
    user: UserId,
    page: &PageRequest<Uuid>,
) -> Result<Vec<ListedSession>, DbError> {
    let mut query = of_tenant(sessions::table, tx.tenant())
        .filter(sessions::user_id.eq(user.as_uuid()))
        .filter(sessions::ended_at.is_null())
        .filter(sessions::idle_expires_at.gt(now))
        .filter(sessions::expires_at.gt(now))
        .into_boxed();
    if let Some(id) = page.after {
        query = query.filter(sessions::id.lt(id));
    }
    let rows = query
        .order(sessions::id.desc())
        .limit(page.size.and_one())
        .select((
            sessions::id,
            sessions::user_id,
            sessions::created_at,
            sessions::last_used_at,
            sessions::expires_at,
            sessions::ip_address,
            sessions::user_agent,
        ))
        .load(tx)
        .await?;
    Ok(rows)
}

/// Refuses the access tokens of these sessions or API keys: those issued until a time or, without one, all.
pub(crate) async fn revoke_tokens(
    tx: &mut TenantTx,
    ids: &[Uuid],
    issued_until: Option<DateTime<Utc>>,
) -> Result<(), DbError> {
    let tenant = tx.tenant();
    let rows: Vec<_> = ids
        .iter()
        .map(|id| {
            (
                token_revocations::tenant_id.eq(tenant),
                token_revocations::id.eq(id),
                token_revocations::issued_until.eq(issued_until.unwrap_or_else(forever)),
            )
        })
        .collect();
    diesel::insert_into(token_revocations::table)
        .values(rows)
        .on_conflict((token_revocations::tenant_id, token_revocations::id))
        .do_update()
        .set((
            // Never earlier than before, so that ended sessions stay ended. One second later, since a token that is
            // being issued may be dated that much later.
            token_revocations::issued_until.eq(sql(
                "greatest(token_revocations.issued_until + interval '1 second', excluded.issued_until)",
            )),
            token_revocations::created_at.eq(now),
        ))
        .execute(tx)
        .await?;
    Ok(())
}

/// Returns a time that no token is issued after.
fn forever() -> DateTime<Utc> {
    DateTime::from_timestamp(253_402_300_799, 0).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

fn digest(bytes: &[u8]) -> Result<Digest32, DbError> {
    // The column's CHECK requires 32 bytes.
    bytes.try_into().map_err(|error| diesel::result::Error::DeserializationError(Box::new(error)).into())
}
