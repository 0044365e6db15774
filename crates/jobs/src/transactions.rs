//! The transactions of a class's jobs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use rowhouse_tenancy::{DbError, TenantContext, TenantDb, TenantId, TenantTx, TransactionBody};
use tokio::sync::Semaphore;

use crate::Class;

/// The number of deliveries that are in a transaction at once, at most one of each tenant. Many deliveries run at a
/// time, and the service's requests use the same few connections.
const OF_DELIVERIES: usize = 2;

/// Transactions for the jobs of one class, whose number is limited. Clones share the limit.
#[derive(Clone)]
pub(crate) struct Transactions {
    db: TenantDb,
    permits: Arc<Semaphore>,
    /// The turn within a tenant, taken before the common one: a tenant's delivery may have to wait for the tenant's
    /// share of the pool, and those of other tenants must not wait with it. `None` for classes without a limit.
    turns: Option<Turns>,
}

type Turns = Arc<Mutex<HashMap<TenantId, Weak<Semaphore>>>>;

impl Transactions {
    pub(crate) fn new(db: TenantDb, class: Class) -> Self {
        let (most, turns) = match class {
            Class::Delivery => (OF_DELIVERIES, Some(Turns::default())),
            // Each worker is in one transaction at most.
            Class::Interactive | Class::Maintenance => (Semaphore::MAX_PERMITS, None),
        };
        Self { db, permits: Arc::new(Semaphore::new(most)), turns }
    }

    /// Returns the tenant's turn. Turns of tenants without waiters are dropped.
    fn turn_of(&self, tenant: TenantId) -> Option<Arc<Semaphore>> {
        let mut turns = self.turns.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = turns.get(&tenant).and_then(Weak::upgrade) {
            return Some(turn);
        }
        turns.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::new(Semaphore::new(1));
        turns.insert(tenant, Arc::downgrade(&turn));
        Some(turn)
    }

    /// Runs a transaction of a job when it is its turn.
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
        // The semaphores are never closed.
        let turn = self.turn_of(cx.tenant());
        let _turn = match &turn {
            Some(turn) => turn.acquire().await.ok(),
            None => None,
        };
        let _permit = self.permits.acquire().await.ok();
        self.db.tx(cx, operation, body).await
    }

    /// Returns the database for transactions that must not wait for a turn: short, rare and urgent ones.
    pub(crate) const fn at_once(&self) -> &TenantDb {
        &self.db
    }
}
