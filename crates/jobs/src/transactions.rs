//! A class's way to the database.

use std::sync::Arc;

use rowhouse_tenancy::{DbError, GlobalTx, TenantContext, TenantDb, TenantTx, TransactionBody};
use tokio::sync::Semaphore;

use crate::Class;

/// Deliveries run by the dozen, and the service's requests use the same few connections: so many of them are in a transaction
/// at once. They wait for each other in turn.
const OF_DELIVERIES: usize = 2;

/// Transactions for the jobs of one class, of which there are no more at once than may be. Cloning shares them.
#[derive(Clone)]
pub(crate) struct Transactions {
    db: TenantDb,
    permits: Arc<Semaphore>,
}

impl Transactions {
    pub(crate) fn new(db: TenantDb, class: Class) -> Self {
        let most = match class {
            Class::Delivery => OF_DELIVERIES,
            // Each worker is in one at most.
            Class::Interactive | Class::Maintenance => Semaphore::MAX_PERMITS,
        };
        Self { db, permits: Arc::new(Semaphore::new(most)) }
    }

    pub(crate) async fn tx<T, E, F>(
        &self,
        cx: &TenantContext,
        operation: &'static str,
        body: F,
    ) -> Result<T, E>
    where
        F: for<'tx> TransactionBody<&'tx mut TenantTx, Result<T, E>, Future: Send> + Send,
        T: Send,
        E: From<DbError> + Send,
    {
        // An error says that the semaphore was closed, which nobody does.
        let _permit = self.permits.acquire().await.ok();
        self.db.tx(cx, operation, body).await
    }

    /// Without waiting for the others: what prolongs a claim must not come too late. It is short, and seldom.
    pub(crate) async fn tx_at_once<T, E, F>(
        &self,
        cx: &TenantContext,
        operation: &'static str,
        body: F,
    ) -> Result<T, E>
    where
        F: for<'tx> TransactionBody<&'tx mut TenantTx, Result<T, E>, Future: Send> + Send,
        T: Send,
        E: From<DbError> + Send,
    {
        self.db.tx(cx, operation, body).await
    }

    pub(crate) async fn global_tx<T, E, F>(&self, operation: &'static str, body: F) -> Result<T, E>
    where
        F: for<'tx> TransactionBody<&'tx mut GlobalTx, Result<T, E>, Future: Send> + Send,
        T: Send,
        E: From<DbError> + Send,
    {
        let _permit = self.permits.acquire().await.ok();
        self.db.global_tx(operation, body).await
    }
}
