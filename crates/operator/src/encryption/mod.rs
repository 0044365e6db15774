//! Encrypting the secrets in the database again with the current key, after which an old one can be removed.
//!
//! A ciphertext begins with the id of its key, so what is left to do needs no record, and an interrupted run is continued by the
//! next one. Each tenant's rows are changed in its own context, in batches.

mod columns;
mod rewrite;
mod usage;

use rowhouse_chassis::encryption::{EncryptionKeys, KeyId, key_ids};
use rowhouse_tenancy::TenantId;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::tenants::TenantError;
pub use columns::SERVICES;
pub use usage::KeyUse;

/// The keys of a service.
pub struct ServiceKeys {
    keys: EncryptionKeys,
    /// The ids, the current one's first.
    ids: Vec<KeyId>,
}

impl ServiceKeys {
    /// Parses the contents of the file. Returns `None` if a line is not a key.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Some(Self { keys: EncryptionKeys::parse(text)?, ids: key_ids(text)? })
    }

    /// Returns the id of the current key, as [`KeyUse`] has it.
    #[must_use]
    pub fn current(&self) -> String {
        self.ids.first().map(|id| hex(id)).unwrap_or_default()
    }
}

/// The reason why secrets could not be encrypted again.
#[derive(Debug, thiserror::Error)]
pub enum ReencryptError {
    /// The connection or a statement failed.
    #[error(transparent)]
    Database(#[from] TenantError),
    /// A ciphertext names a key that cannot decrypt it.
    #[error("{column} has a row that cannot be decrypted with its key{}: nothing is lost, restore the row or delete it", of(*.tenant))]
    Undecryptable {
        /// The column.
        column: &'static str,
        /// The tenant.
        tenant: Option<TenantId>,
    },
}

impl From<tokio_postgres::Error> for ReencryptError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}

fn of(tenant: Option<TenantId>) -> String {
    tenant.map(|tenant| format!(" (tenant {tenant})")).unwrap_or_default()
}

fn hex(id: &[u8]) -> String {
    id.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// Encrypts again what old keys of a service have encrypted, in all tenants, and returns the number of rows. The connection is the
/// owner's.
pub async fn reencrypt(owner: &mut Client, service: &str, keys: &ServiceKeys) -> Result<u64, ReencryptError> {
    let mut rows = 0;
    let tenants = tenants(owner).await?;
    for column in columns::of(service).filter(|column| column.write.is_some()) {
        if column.of_tenant {
            for tenant in &tenants {
                rows += rewrite::rewrite(owner, column, Some(*tenant), keys).await?;
            }
        } else {
            rows += rewrite::rewrite(owner, column, None, keys).await?;
        }
    }
    Ok(rows)
}

/// Returns which keys the rows of a service are encrypted with.
pub async fn usage(
    owner: &mut Client,
    service: &str,
    keys: &ServiceKeys,
) -> Result<Vec<KeyUse>, ReencryptError> {
    let tenants = tenants(owner).await?;
    usage::usage(owner, service, keys, &tenants).await
}

async fn tenants(owner: &Client) -> Result<Vec<TenantId>, ReencryptError> {
    let rows = owner.query("SELECT i.tenant_id FROM tenancy.tenant_ids i ORDER BY i.tenant_id", &[]).await?;
    let id = |row: &tokio_postgres::Row| row.try_get::<_, Uuid>(0).map(TenantId::from_uuid);
    Ok(rows.iter().map(id).collect::<Result<_, _>>()?)
}
