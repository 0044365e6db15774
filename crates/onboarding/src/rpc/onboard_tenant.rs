//! Onboarding a tenant: accepting it, and waiting until it is set up.

use std::time::Duration;

use rowhouse_chassis::admission::step_aside;
use rowhouse_chassis::client::Client;
use rowhouse_chassis::grpc::{Deadline, deadline};
use rowhouse_jobs::{NewJob, enqueue};
use rowhouse_proto::onboarding::v1::{Admin, OnboardTenantRequest, OnboardTenantResponse};
use rowhouse_tenancy::{DbError, SystemOrigin, TenantContext, TenantId, TenantStatus};
use rowhouse_tokens::{Principal, Role, TokenError};
use tokio::time::{Instant, sleep, timeout_at};
use tonic::Request;
use uuid::Uuid;

use super::{Rpc, bearer, tenant};
use crate::auth_client::{Caller, PreparedMember};
use crate::domain::{NewTenant, Onboarded, Onboarding, SetupProgress, Tenant};
use crate::error::Error;
use crate::jobs::SetUpTenant;
use crate::store::idempotency_keys::{Claim, ClaimedKey, claim_key, find_claimed, release_key};
use crate::store::onboardings::{NewOnboarding, insert_onboarding};
use crate::store::tenants::{activate_tenant, create_tenant, find_onboarded};

/// The number of attempts, each after another call of the same onboarding removed the tenant.
const ROUNDS: usize = 3;

/// The part of a request's time that is left for the answer.
const RESERVE: Duration = Duration::from_secs(1);

/// The time for auth and the set-up without a caller's deadline.
const DEFAULT_TIME: Duration = Duration::from_secs(10);

/// The pauses between two checks whether the set-up has ended: at least, after a notification, and at most, without
/// one.
const LEAST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Refuses everything that can be refused before anything exists. An accepted onboarding is completed by a job, even
/// if the caller does not wait.
pub(super) async fn onboard_tenant(
    rpc: &Rpc,
    request: Request<OnboardTenantRequest>,
) -> Result<OnboardTenantResponse, Error> {
    let deadline = deadline(&request);
    let time = Time::of(deadline);
    let caller = rpc.caller(&request, deadline).await?;
    let mut onboarding = Onboarding::parse(request.into_inner()).map_err(Error::Invalid)?;
    for _ in 0..ROUNDS {
        let Some(tenant) = rpc.accept(&mut onboarding, &caller, time).await? else { continue };
        match rpc.outcome(tenant, time).await {
            Ok(Onboarded { tenant, progress: Some(progress) }) => return rpc.response(tenant, &progress),
            Ok(Onboarded { progress: None, .. }) => {
                return rpc.complete(&onboarding, tenant, &caller, time).await;
            }
            Err(Error::TenantGone | Error::Db(DbError::UnknownTenant)) => {
                rpc.forget(&onboarding, tenant).await?;
            }
            Err(error) => return Err(error),
        }
    }
    Err(Error::Contended)
}

/// The time until which the caller waits.
#[derive(Clone, Copy)]
struct Time(Instant);

impl Time {
    fn of(deadline: Option<Deadline>) -> Self {
        let time = deadline.map_or(DEFAULT_TIME, Deadline::remaining);
        Self(Instant::now() + time.saturating_sub(RESERVE.min(time / 4)))
    }

    fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}

impl Rpc {
    /// Returns the caller. A token is optional, but one that was sent must be valid, since its sender wants to be
    /// recognised.
    async fn caller<T>(&self, request: &Request<T>, deadline: Option<Deadline>) -> Result<Caller, Error> {
        let client = Client::of(request);
        let metadata = request.metadata();
        if !metadata.contains_key("authorization") {
            return Ok(Caller { client, token: None, deadline });
        }
        let bearer = bearer(metadata).ok_or(Error::Token(TokenError::Malformed))?;
        let token = self.verifier.verify(bearer).await.map_err(Error::Token)?;
        match token.principal() {
            Principal::User { .. } => Ok(Caller { client, token: Some(token), deadline }),
            Principal::ApiKey { .. } | Principal::Service { .. } => Err(Error::PeopleOnly),
        }
    }

    /// Returns the tenant: a new one, or the one that was created with the same key. Returns `None` if the key was
    /// just released.
    ///
    /// A password is hashed only after auth has admitted the sign-up, which counts it, or for a known key, which is
    /// counted as a repeat.
    async fn accept(
        &self,
        onboarding: &mut Onboarding,
        caller: &Caller,
        time: Time,
    ) -> Result<Option<TenantId>, Error> {
        if let Some(claimed) = self.find_claimed(onboarding).await? {
            self.proofs.add_repeated(onboarding, caller).await?;
            let same = onboarding.idempotency.is_some_and(|(_, fingerprint)| claimed.is_of(&fingerprint));
            return if same { Ok(Some(claimed.tenant())) } else { Err(Error::IdempotencyKeyReused) };
        }
        let cx = TenantContext::system(SystemOrigin::Onboarding, TenantId::generate());
        // auth may let the call wait for the password's hash.
        step_aside();
        let prepared =
            self.auth.prepare_owner(cx.tenant(), &onboarding.admin, caller, time.remaining()).await?;
        self.proofs.add(onboarding, caller).await?;
        for attempt in 0.. {
            let Some(slug) = onboarding.slug.attempt(attempt, Uuid::now_v7()) else { break };
            let new = NewTenant { name: &onboarding.name, slug: &slug };
            match self.create(&cx, onboarding, &new, &prepared).await {
                Err(Error::SlugTaken) if !onboarding.slug.is_chosen() => {}
                outcome => return outcome,
            }
        }
        Err(Error::NoFreeSlug)
    }

    /// Returns what an earlier request has claimed with the same key.
    async fn find_claimed(&self, onboarding: &Onboarding) -> Result<Option<ClaimedKey>, Error> {
        let Some((key, _)) = &onboarding.idempotency else { return Ok(None) };
        let claimed = self
            .db
            .global_tx("onboarding.find_claim", async |tx| find_claimed(tx, key).await.map_err(Error::from));
        claimed.await
    }

    /// Writes everything that is needed to complete the onboarding in one transaction, whose commit is the
    /// acceptance.
    async fn create(
        &self,
        cx: &TenantContext,
        onboarding: &Onboarding,
        new: &NewTenant<'_>,
        prepared: &PreparedMember,
    ) -> Result<Option<TenantId>, Error> {
        let idempotency = onboarding.idempotency.as_ref();
        self.db
            .new_tenant_tx(cx, "onboarding.create_tenant", async |tx| {
                if let Some((key, fingerprint)) = idempotency {
                    match claim_key(tx, key, fingerprint).await? {
                        Claim::Ours => {}
                        Claim::Repeat(earlier) => return Ok(Some(earlier)),
                        Claim::OtherRequest => return Err(Error::IdempotencyKeyReused),
                        Claim::Released => return Ok(None),
                    }
                }
                create_tenant(tx, new).await?;
                let record = NewOnboarding {
                    email: &onboarding.admin.email,
                    owner_id: prepared.owner,
                    member_proof: &prepared.member_proof,
                    key: idempotency.map(|(key, _)| key),
                };
                insert_onboarding(tx, record).await?;
                enqueue(tx, NewJob::new(SetUpTenant {})).await?;
                Ok(Some(tx.tenant()))
            })
            .await
    }

    /// Returns the tenant when its set-up has ended or the caller's time is over.
    async fn outcome(&self, tenant: TenantId, time: Time) -> Result<Onboarded, Error> {
        let cx = TenantContext::system(SystemOrigin::Onboarding, tenant);
        let mut ended = self.set_ups.subscribe();
        step_aside();
        loop {
            let found = self.db.read(&cx, "onboarding.find_outcome", async |tx| {
                find_onboarded(tx).await?.ok_or(Error::TenantGone)
            });
            let onboarded = found.await?;
            let Onboarded { tenant, progress } = &onboarded;
            if let Some(SetupProgress { failure: Some(failure), .. }) = progress {
                return Err(Error::Failed(failure.clone()));
            }
            let waits = tenant.status == TenantStatus::Provisioning && progress.is_some();
            if !waits || time.remaining().is_zero() {
                return Ok(onboarded);
            }
            sleep(LEAST_PAUSE).await;
            // A notification only means that it is worth checking.
            drop(timeout_at(time.0.min(Instant::now() + LONGEST_PAUSE), ended.notified()).await);
        }
    }

    /// Releases the key of a tenant that does not exist any more, so that the next round starts anew.
    async fn forget(&self, onboarding: &Onboarding, tenant: TenantId) -> Result<(), Error> {
        let Some((key, _)) = &onboarding.idempotency else { return Ok(()) };
        let released = self.db.global_tx("onboarding.release_key", async |tx| {
            release_key(tx, key.as_bytes(), tenant).await.map_err(Error::from)
        });
        released.await
    }

    /// Completes a tenant without a record, which an earlier version of this service created: a key exists for it,
    /// and auth knows its owner, or makes the caller the owner.
    async fn complete(
        &self,
        onboarding: &Onboarding,
        id: TenantId,
        caller: &Caller,
        time: Time,
    ) -> Result<OnboardTenantResponse, Error> {
        let admin = &onboarding.admin;
        let prepared = self.auth.prepare_owner(id, admin, caller, time.remaining()).await?;
        let owner = self.auth.create_owner(id, admin.email.as_str(), prepared.member_proof).await?;
        let cx = TenantContext::system(SystemOrigin::Onboarding, id);
        let activated = self
            .db
            .tx(&cx, "onboarding.activate_tenant", async |tx| Ok::<_, Error>(activate_tenant(tx).await?))
            .await?;
        Ok(OnboardTenantResponse {
            tenant: Some(tenant::to_proto(activated, None)),
            admin: Some(owner_to_proto(owner, admin.email.as_str().to_owned())),
            status_token: String::new(),
        })
    }

    fn response(&self, tenant: Tenant, progress: &SetupProgress) -> Result<OnboardTenantResponse, Error> {
        let status_token = match tenant.status {
            TenantStatus::Provisioning => {
                self.issuer.status_token(tenant.id.as_uuid()).map_err(Error::Signing)?
            }
            TenantStatus::Active | TenantStatus::Suspended | TenantStatus::Failed => String::new(),
        };
        let admin = owner_to_proto(progress.owner_id, progress.email.clone());
        let tenant = tenant::to_proto(tenant, Some(progress));
        Ok(OnboardTenantResponse { tenant: Some(tenant), admin: Some(admin), status_token })
    }
}

fn owner_to_proto(id: Uuid, email: String) -> Admin {
    Admin { id: id.to_string(), email, role: Role::Owner.to_string() }
}
