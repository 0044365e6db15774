//! A connection that processes tenants.

use std::path::Path;

use tokio_postgres::{Client, Statement};

use super::{Backfill, TenantFailure};
use crate::tenants::connect_as_owner;

/// The session's settings. A batch has no time limit, since its size keeps it short, but it does not wait forever for
/// locked rows.
const SETTINGS: &str =
    "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET lock_timeout = '5s'";

/// A connection as the owner, with prepared statements.
pub(super) struct BackfillConnection {
    pub(super) client: Client,
    pub(super) count: Statement,
    pub(super) batch: Statement,
    /// Inserts the tenant's row in the ledger. Parameters: the tenant, the backfill's name.
    pub(super) register: Statement,
    /// Locks the row; the same parameters. Returns the expected and the changed number, and whether it is completed.
    pub(super) lock: Statement,
    /// Sets the expected number; the same parameters and the count.
    pub(super) expect: Statement,
    /// Adds to the changed number; the same parameters, the number, and whether these were the last rows. Returns the
    /// same as `lock`.
    pub(super) advance: Statement,
}

impl BackfillConnection {
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
