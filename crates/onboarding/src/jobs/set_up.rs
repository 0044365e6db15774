//! The job that sets a tenant up.

use std::sync::Arc;

use rowhouse_jobs::{Class, End, Failure, Handler, Job, NewJob, Run, enqueue};
use rowhouse_tenancy::{DbError, TenantTx};
use serde::{Deserialize, Serialize};

use super::TakeBackTenant;
use super::delay::{MAX_ATTEMPTS, after_auth, after_orders};
use crate::auth_client::AuthClient;
use crate::orders_client::OrdersClient;
use crate::store::onboardings::{find_progress, note_defaults, note_failure, note_membership, note_success};
use crate::store::tenants::activate_tenant;

/// Sets up an accepted tenant. `onboarding.onboardings` has its progress.
#[derive(Serialize, Deserialize)]
pub(crate) struct SetUpTenant {}

impl Job for SetUpTenant {
    const KIND: &'static str = "tenant.set_up";
    const CLASS: Class = Class::Interactive;
    const MAX_ATTEMPTS: i32 = MAX_ATTEMPTS;
}

pub(crate) struct SetUpTenantHandler {
    pub(crate) auth: Arc<AuthClient>,
    pub(crate) orders: Arc<OrdersClient>,
}

impl Handler<SetUpTenant> for SetUpTenantHandler {
    /// Runs the remaining steps. Each is idempotent and is recorded when it is done, so the next attempt continues
    /// where this one stopped.
    async fn run(&self, run: &Run, _: SetUpTenant) -> Result<(), Failure> {
        let tenant = run.context().tenant();
        let progress =
            run.tx("onboarding.find_progress", async |tx| Ok::<_, Failure>(find_progress(tx).await?)).await?;
        let Some(progress) = progress else {
            return Err(Failure::fatal("nothing is written down of this set-up"));
        };
        let email = progress.email;
        if progress.membership_at.is_none() {
            let proof = progress.member_proof.unwrap_or_default();
            let created = self.auth.create_owner(tenant, &email, proof).await;
            let owner = created.map_err(|error| after_auth(run, &error))?;
            run.tx("onboarding.note_membership", async |tx| {
                Ok::<_, Failure>(note_membership(tx, owner).await?)
            })
            .await?;
        }
        if progress.defaults_at.is_none() {
            self.orders.set_up(tenant).await.map_err(|error| after_orders(run, &error))?;
            run.tx("onboarding.note_defaults", async |tx| Ok::<_, Failure>(note_defaults(tx).await?)).await?;
        }
        self.auth.send_welcome(tenant, &email).await.map_err(|error| after_auth(run, &error))?;
        run.complete("onboarding.activate_tenant", async |tx| {
            activate_tenant(tx).await?;
            Ok::<_, Failure>(note_success(tx).await?)
        })
        .await?;
        tracing::info!(tenant_id = %tenant, "tenant {tenant} is set up");
        Ok(())
    }

    /// Enqueues a job that removes what was done, since other services have to be called.
    async fn ended(&self, tx: &mut TenantTx, _: SetUpTenant, end: &End) -> Result<(), DbError> {
        let reason = match end {
            End::Dead { reason } => reason.as_str(),
            End::Cancelled => "the set-up was cancelled",
        };
        if note_failure(tx, reason).await? {
            enqueue(tx, NewJob::new(TakeBackTenant {})).await?;
        }
        Ok(())
    }
}
