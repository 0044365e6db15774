//! The job that removes what was done for a tenant that cannot be set up.

use std::sync::Arc;
use std::time::Duration;

use rowhouse_jobs::{Class, End, Failure, Handler, Job, NewJob, Run, enqueue};
use rowhouse_tenancy::{DbError, TenantTx};
use serde::{Deserialize, Serialize};

use super::delay::{MAX_ATTEMPTS, after_auth, after_orders};
use crate::auth_client::AuthClient;
use crate::orders_client::OrdersClient;
use crate::store::idempotency_keys::release_key;
use crate::store::onboardings::{find_progress, note_end_of_failure};
use crate::store::tenants::fail_tenant;

/// The pause after the last attempt.
const PAUSE: Duration = Duration::from_hours(1);

/// Removes what the other services have of a tenant whose set-up failed, and marks it as failed.
#[derive(Serialize, Deserialize)]
pub(crate) struct TakeBackTenant {}

impl Job for TakeBackTenant {
    const KIND: &'static str = "tenant.take_back";
    const CLASS: Class = Class::Interactive;
    const MAX_ATTEMPTS: i32 = MAX_ATTEMPTS;
}

pub(crate) struct TakeBackTenantHandler {
    pub(crate) auth: Arc<AuthClient>,
    pub(crate) orders: Arc<OrdersClient>,
}

impl Handler<TakeBackTenant> for TakeBackTenantHandler {
    /// Removes things in the order in which an interruption does least harm: first the members, then the data, and
    /// only then the slug and the idempotency key become available.
    async fn run(&self, run: &Run, _: TakeBackTenant) -> Result<(), Failure> {
        let tenant = run.context().tenant();
        let progress =
            run.tx("onboarding.find_progress", async |tx| Ok::<_, Failure>(find_progress(tx).await?)).await?;
        let Some(progress) = progress else {
            return Err(Failure::fatal("nothing is written down of this set-up"));
        };
        let deleted = self.auth.delete_owner(tenant, &progress.email).await;
        deleted.map_err(|error| after_auth(run, &error))?;
        self.orders.tear_down(tenant).await.map_err(|error| after_orders(run, &error))?;
        run.complete("onboarding.fail_tenant", async |tx| {
            if fail_tenant(tx).await? {
                note_end_of_failure(tx).await?;
                if let Some(key) = &progress.key_digest {
                    release_key(tx, key, tenant).await?;
                }
            }
            Ok::<_, Failure>(())
        })
        .await?;
        tracing::error!(tenant_id = %tenant, "tenant {tenant} could not be set up");
        Ok(())
    }

    /// Enqueues the job again, so that no half tenant stays.
    async fn ended(&self, tx: &mut TenantTx, job: TakeBackTenant, _: &End) -> Result<(), DbError> {
        enqueue(tx, NewJob::new(job).after(PAUSE)).await?;
        Ok(())
    }
}
