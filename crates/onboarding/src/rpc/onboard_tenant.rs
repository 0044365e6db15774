//! Bringing a tenant into being: create it, have its first owner made or invited, activate it.

use std::time::Duration;

use prost_types::Timestamp;
use rowhouse_chassis::grpc::{Deadline, deadline};
use rowhouse_proto::auth::v1::User;
use rowhouse_proto::onboarding::v1::{self, Admin, OnboardTenantRequest, OnboardTenantResponse};
use rowhouse_tenancy::{SystemOrigin, TenantContext, TenantId};
use rowhouse_tokens::{Principal, Role, TokenError};
use tonic::Request;
use tonic::metadata::MetadataMap;
use tracing::Instrument;

use super::Rpc;
use crate::auth_client::{AuthError, Caller};
use crate::domain::{NewTenant, Onboarding, Tenant, TenantStatus};
use crate::error::Error;
use crate::store::idempotency_keys::{Claim, claim_key, release_key};
use crate::store::tenants::{activate_tenant, create_tenant, remove_provisioning_tenant};

/// How often to start again when another call of the same onboarding took the tenant away.
const ROUNDS: usize = 3;

/// What is left of a request's time for after auth's answer, to activate the tenant or take it back.
const RESERVE: Duration = Duration::from_secs(1);

/// The time for auth when no caller's deadline sets it.
const DEFAULT_TIME: Duration = Duration::from_secs(10);

/// A caller who goes away does not stop it half-way: the work is a task of its own.
pub(super) async fn onboard_tenant(
    rpc: &Rpc,
    request: Request<OnboardTenantRequest>,
) -> Result<OnboardTenantResponse, Error> {
    let deadline = deadline(&request);
    let caller = rpc.caller(&request).await?;
    let onboarding = Onboarding::parse(request.into_inner()).map_err(Error::Invalid)?;
    let onboarding = rpc.proofs.add(onboarding).await?;
    let rpc = rpc.clone();
    tokio::spawn(async move { rpc.onboard(&onboarding, &caller, deadline).await }.in_current_span()).await?
}

impl Rpc {
    /// A token is not needed, but one that was sent has to be good: who sends one means to be recognised.
    async fn caller<T>(&self, request: &Request<T>) -> Result<Caller, Error> {
        let client = self.proxies.client(request);
        let metadata = request.metadata();
        if !metadata.contains_key("authorization") {
            return Ok(Caller { client, token: None });
        }
        let bearer = bearer(metadata).ok_or(Error::Token(TokenError::Malformed))?;
        let token = self.verifier.verify(bearer).await.map_err(Error::Token)?;
        match token.principal() {
            Principal::User { .. } => Ok(Caller { client, token: Some(token) }),
            Principal::ApiKey { .. } | Principal::Service { .. } => Err(Error::PeopleOnly),
        }
    }

    async fn onboard(
        &self,
        onboarding: &Onboarding,
        caller: &Caller,
        deadline: Option<Deadline>,
    ) -> Result<OnboardTenantResponse, Error> {
        for _ in 0..ROUNDS {
            let Some(tenant) = self.create(onboarding).await? else { continue };
            match self.complete(onboarding, tenant, caller, time_for_auth(deadline)).await {
                Err(Error::TenantGone | Error::Auth(AuthError::UnknownTenant)) => {
                    self.forget(onboarding, tenant).await?;
                }
                outcome => return outcome,
            }
        }
        Err(Error::Contended)
    }

    /// The key of a tenant that is gone leads nowhere: the next round is a first one.
    async fn forget(&self, onboarding: &Onboarding, tenant: TenantId) -> Result<(), Error> {
        let Some((key, _)) = &onboarding.idempotency else { return Ok(()) };
        let released = self.db.global_tx("onboarding.release_key", async |tx| {
            release_key(tx, key, tenant).await.map_err(Error::from)
        });
        released.await
    }

    /// The tenant: a new one, or the one that the same key brought into being. Nothing when the key was just
    /// given back.
    async fn create(&self, onboarding: &Onboarding) -> Result<Option<TenantId>, Error> {
        for attempt in 0.. {
            let tenant = TenantId::generate();
            let Some(slug) = onboarding.slug.attempt(attempt, tenant) else { break };
            let created = self.db.global_tx("onboarding.create_tenant", async |tx| {
                if let Some((key, fingerprint)) = &onboarding.idempotency {
                    match claim_key(tx, key, fingerprint, tenant).await? {
                        Claim::Ours => {}
                        Claim::Repeat(earlier) => return Ok(Some(earlier)),
                        Claim::OtherRequest => return Err(Error::IdempotencyKeyReused),
                        Claim::Released => return Ok(None),
                    }
                }
                create_tenant(tx, NewTenant { id: tenant, name: &onboarding.name, slug: &slug }).await?;
                Ok(Some(tenant))
            });
            match created.await {
                Err(Error::SlugTaken) if !onboarding.slug.is_chosen() => {}
                outcome => return outcome,
            }
        }
        Err(Error::NoFreeSlug)
    }

    async fn complete(
        &self,
        onboarding: &Onboarding,
        tenant: TenantId,
        caller: &Caller,
        time: Duration,
    ) -> Result<OnboardTenantResponse, Error> {
        let cx = TenantContext::system(SystemOrigin::Onboarding, tenant);
        let admin = &onboarding.admin;
        let owner = match self.auth.create_owner(tenant, admin, caller, time).await {
            Ok(owner) => owner,
            Err(refusal) => match self.take_back(&cx, onboarding, refusal).await {
                // Auth did it, and only its answer was lost. Without a key nobody can ask again but we.
                Error::TenantSetUp => self.auth.create_owner(tenant, admin, caller, DEFAULT_TIME).await?,
                error => return Err(error),
            },
        };
        let tenant = self
            .db
            .tx(&cx, "onboarding.activate_tenant", async |tx| Ok::<_, Error>(activate_tenant(tx).await?))
            .await?;
        tracing::info!(tenant_id = %tenant.id, "tenant {} is onboarded", tenant.id);
        Ok(response(tenant, owner))
    }

    /// Removes the tenant after auth's refusal, where it cannot be completed any more, and says what went
    /// wrong. With a key, what may succeed later is kept for the repeat. [`Error::TenantSetUp`] says that it
    /// has its owner all the same.
    ///
    /// Removing is safe at any time: a tenant that got a member or an invitation is kept by their foreign keys, and
    /// one that is gone gets none.
    async fn take_back(&self, cx: &TenantContext, onboarding: &Onboarding, refusal: AuthError) -> Error {
        let key = onboarding.idempotency.as_ref().map(|(key, _)| key);
        let hopeless = matches!(refusal, AuthError::Invalid(_) | AuthError::Caller(_));
        if key.is_some() && !hopeless {
            return refusal.into();
        }
        let removed = self.db.tx(cx, "onboarding.remove_tenant", async |tx| {
            remove_provisioning_tenant(tx).await?;
            if let Some(key) = key {
                release_key(tx, key, cx.tenant()).await?;
            }
            Ok(())
        });
        match removed.await {
            // By an earlier request with this key; it stays, and this one is refused all the same.
            Err(Error::TenantSetUp) if hopeless => refusal.into(),
            Err(Error::TenantSetUp) => Error::TenantSetUp,
            Ok(()) | Err(Error::TenantGone) => refusal.into(),
            Err(error) => {
                let tenant = cx.tenant();
                tracing::warn!(tenant_id = %tenant, %error, "tenant {tenant} was refused and stays behind");
                refusal.into()
            }
        }
    }
}

fn time_for_auth(deadline: Option<Deadline>) -> Duration {
    let time = deadline.map_or(DEFAULT_TIME, Deadline::remaining);
    time.saturating_sub(RESERVE.min(time / 4))
}

/// The one bearer token of a call.
fn bearer(metadata: &MetadataMap) -> Option<&str> {
    let mut values = metadata.get_all("authorization").iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_matches(' '))
}

fn response(tenant: Tenant, owner: User) -> OnboardTenantResponse {
    let status = match tenant.status {
        TenantStatus::Provisioning => v1::TenantStatus::Provisioning,
        TenantStatus::Active => v1::TenantStatus::Active,
        TenantStatus::Suspended => v1::TenantStatus::Suspended,
    };
    let created_at = Timestamp {
        seconds: tenant.created_at.timestamp(),
        nanos: tenant.created_at.timestamp_subsec_nanos().cast_signed(),
    };
    OnboardTenantResponse {
        tenant: Some(v1::Tenant {
            id: tenant.id.to_string(),
            name: tenant.name,
            slug: tenant.slug,
            status: status.into(),
            created_at: Some(created_at),
        }),
        admin: Some(Admin { id: owner.id, email: owner.email, role: Role::Owner.to_string() }),
    }
}
