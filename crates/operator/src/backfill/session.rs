//! A connection that goes through tenants.

use std::path::Path;

use tokio_postgres::{Client, Statement};

use super::{Backfill, TenantFailure};
use crate::tenants::connect_as_owner;

/// Nothing ends a batch but its own end: its size is what keeps it short. Whoever holds a row is not waited for forever.
const SETTINGS: &str =
    "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET lock_timeout = '5s'";

/// A connection as the owner, with what is asked of each tenant prepared.
pub(super) struct Session {
    pub(super) client: Client,
    pub(super) count: Statement,
    pub(super) batch: Statement,
    /// Makes the tenant's row in the ledger: the tenant, the backfill's name.
    pub(super) register: Statement,
    /// Locks it: the same. Gives what is expected and what was changed, and whether it is completed.
    pub(super) lock: Statement,
    /// Sets what is expected: the same, and how many rows were counted.
    pub(super) expect: Statement,
    /// Adds what was changed: the same, the number, and whether these were the last. Gives the same as `lock`.
    pub(super) advance: Statement,
}

impl Session {
    pub(super) async fn open(
        admin_url: &str,
        ca_file: Option<&Path>,
        backfill: &Backfill,
    ) -> Result<Self, TenantFailure> {
        let client = connect_as_owner(admin_url, ca_file).await?;
        client.batch_execute(SETTINGS).await?;
        Ok(Self {
            count: client.prepare(backfill.count).await?,
            batch: client.prepare(backfill.batch).await?,
            register: client
                .prepare(
                    "INSERT INTO tenancy.backfills (tenant_id, id, expected) VALUES ($1, $2, 0)
                     ON CONFLICT (tenant_id, id) DO NOTHING",
                )
                .await?,
            lock: client
                .prepare(
                    "SELECT b.expected, b.changed, b.completed_at IS NOT NULL FROM tenancy.backfills b
                     WHERE b.tenant_id = $1 AND b.id = $2 FOR UPDATE",
                )
                .await?,
            expect: client
                .prepare(
                    "UPDATE tenancy.backfills b SET expected = b.changed + $3
                     WHERE b.tenant_id = $1 AND b.id = $2",
                )
                .await?,
            advance: client
                .prepare(
                    "UPDATE tenancy.backfills b
                     SET changed = b.changed + $3,
                         completed_at = CASE
                             WHEN $4 AND b.changed + $3 = b.expected THEN pg_catalog.clock_timestamp()
                         END
                     WHERE b.tenant_id = $1 AND b.id = $2
                     RETURNING b.expected, b.changed, b.completed_at IS NOT NULL",
                )
                .await?,
            client,
        })
    }
}
