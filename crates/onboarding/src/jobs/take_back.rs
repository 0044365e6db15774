//! Taking back what was done for a tenant that cannot be set up.

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

/// How long to wait when it was tried as often as it may be.
const PAUSE: Duration = Duration::from_hours(1);

/// Takes back what the other services have of a tenant whose set-up has failed, and writes it off.
#[derive(Serialize, Deserialize)]
pub(crate) struct TakeBackTenant {}

impl Job for TakeBackTenant {
    const KIND: &'static str = "tenant.take_back";
    const CLASS: Class = Class::Interactive;
    const MAX_ATTEMPTS: i32 = MAX_ATTEMPTS;
}

pub(crate) struct TakeBack {
    pub(crate) auth: Arc<AuthClient>,
    pub(crate) orders: Arc<OrdersClient>,
}

impl Handler<TakeBackTenant> for TakeBack {
    /// In the order in which it hurts least to stop: first nobody belongs to the tenant any more, then it has nothing left, and
    /// only then its slug and its idempotency key are somebody else's to take.
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

    /// Half a tenant is not left behind: it is tried again.
    async fn ended(&self, tx: &mut TenantTx, job: TakeBackTenant, _: &End) -> Result<(), DbError> {
        enqueue(tx, NewJob::new(job).after(PAUSE)).await?;
        Ok(())
    }
}
