//! A class's way to the database.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use rowhouse_tenancy::{DbError, TenantContext, TenantDb, TenantId, TenantTx, TransactionBody};
use tokio::sync::Semaphore;

use crate::Class;

/// Deliveries run by the dozen, and the service's requests use the same few connections: so many of them are in a transaction
/// at once, of one tenant one. They wait for each other in turn.
const OF_DELIVERIES: usize = 2;

/// Transactions for the jobs of one class, of which there are no more at once than may be. Cloning shares them.
#[derive(Clone)]
pub(crate) struct Transactions {
    db: TenantDb,
    permits: Arc<Semaphore>,
    /// A tenant's own turn, before that of all: in the pool it may have to wait for its own requests, and the others' deliveries
    /// must not wait with it. None where each worker counts for itself.
    turns: Option<Turns>,
}

type Turns = Arc<Mutex<HashMap<TenantId, Weak<Semaphore>>>>;

impl Transactions {
    pub(crate) fn new(db: TenantDb, class: Class) -> Self {
        let (most, turns) = match class {
            Class::Delivery => (OF_DELIVERIES, Some(Turns::default())),
            // Each worker is in one at most.
            Class::Interactive | Class::Maintenance => (Semaphore::MAX_PERMITS, None),
        };
        Self { db, permits: Arc::new(Semaphore::new(most)), turns }
    }

    /// The tenant's own turn. Those of tenants that nobody waits for any more are forgotten.
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

    /// A transaction of a job's own, in its turn.
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
        let turn = self.turn_of(cx.tenant());
        let _turn = match &turn {
            Some(turn) => turn.acquire().await.ok(),
            None => None,
        };
        let _permit = self.permits.acquire().await.ok();
        self.db.tx(cx, operation, body).await
    }

    /// The way to the database without waiting for a turn: for what is short and seldom, and must not come too late.
    pub(crate) const fn at_once(&self) -> &TenantDb {
        &self.db
    }
}
