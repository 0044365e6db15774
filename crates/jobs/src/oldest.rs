//! [`Oldest`], the age of what has waited for longest to be delivered.

use std::sync::{Arc, Mutex, PoisonError};

use diesel::QueryableByName;
use diesel::sql_types::{Double, Integer};
use diesel_async::RunQueryDsl;
use rowhouse_chassis::telemetry::meter;
use rowhouse_tenancy::{DbError, GlobalTx, TenantDb};
use tokio::time::{MissedTickBehavior, interval};

use crate::metrics::{INTERVAL, TENANTS};

/// A gauge of the age of what has waited for longest. The age of a due job does not say it, since a job that failed is due later.
#[derive(Clone, Copy, Debug)]
pub struct Oldest {
    /// The gauge's name.
    pub gauge: &'static str,
    /// The gauge's description.
    pub description: &'static str,
    /// The name of the operation in traces and metrics.
    pub operation: &'static str,
    /// The query of the age in `seconds`, of at most `$1` tenants.
    pub query: &'static str,
}

#[derive(QueryableByName)]
struct Age {
    #[diesel(sql_type = Double)]
    seconds: f64,
}

impl Oldest {
    /// Measures the age again and again. All instances of a service measure the same.
    pub async fn measure(self, db: TenantDb) {
        let age: Arc<Mutex<Option<f64>>> = Arc::default();
        let shown = Arc::downgrade(&age);
        meter()
            .f64_observable_gauge(self.gauge)
            .with_unit("s")
            .with_description(self.description)
            .with_callback(move |observer| {
                let Some(shown) = shown.upgrade() else { return };
                if let Some(age) = *shown.lock().unwrap_or_else(PoisonError::into_inner) {
                    observer.observe(age, &[]);
                }
            })
            .build();
        let mut interval = interval(INTERVAL);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            let read = db.global_tx(self.operation, async move |tx: &mut _| self.read(tx).await).await;
            if let Err(error) = &read {
                tracing::warn!(%error, "{} cannot be measured: {error}", self.gauge);
            }
            // An old number would look like a healthy queue.
            *age.lock().unwrap_or_else(PoisonError::into_inner) = read.ok();
        }
    }

    async fn read(self, tx: &mut GlobalTx) -> Result<f64, DbError> {
        let age: Age = diesel::sql_query(self.query).bind::<Integer, _>(TENANTS).get_result(tx).await?;
        Ok(age.seconds)
    }
}
