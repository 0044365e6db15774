//! The method that accepts an invitation by the link in an email.

use std::time::Duration;

use rowhouse_chassis::client::Client;
use rowhouse_chassis::cpu_pool::Asker;
use rowhouse_chassis::error::{FieldViolation, Violations};
use rowhouse_chassis::grpc::deadline;
use rowhouse_chassis::limits::{MEMBERS, TENANTS_OF_PERSON};
use rowhouse_proto::auth::v1::{AcceptInvitationRequest, AcceptInvitationResponse, OwnTenant, User};
use rowhouse_tenancy::{DbError, SystemOrigin, TenantContext, TenantTx};
use tonic::Request;

use crate::domain::{
    Action, Actor, Allowance, AuditEntry, EmailAddress, NewPassword, OpaqueToken, Password, PasswordHash,
    Rate, TokenKind, UserId,
};
use crate::error::Error;
use crate::hashing::PasswordVerdict;
use crate::mail::limits::accepted;
use crate::rpc::{Rpc, role};
use crate::store::allowances::spend;
use crate::store::audit_log::record;
use crate::store::identities::{Identity, find_identity, insert_identity, verify_email};
use crate::store::invitations::{Invitation, find_by_token, use_up_token};
use crate::store::members::{lock_member_of, set_role};
use crate::store::memberships::{Me, add_membership, count_members, count_tenants_of, find_me};
use crate::store::sessions::outdate_tokens;
use crate::throttle::{Admitted, LoginAttempt};

/// The number of attempts, after another call created the same identity.
const ROUNDS: usize = 3;
/// The rate at which the log records attempts of other people to accept one invitation.
const MISMATCHES: Rate = Rate { at_once: 1, every: Duration::from_hours(24) };

/// Accepts an invitation. The link proves that its holder reads the email of the address, which is enough to join,
/// but proves nothing else, so the call neither logs in nor changes a password. An identity whose address was never
/// confirmed can only accept with its password: a stranger may have signed up with the address, and would gain access
/// together with the person.
pub(super) async fn accept_invitation(
    rpc: &Rpc,
    request: Request<AcceptInvitationRequest>,
) -> Result<AcceptInvitationResponse, Error> {
    let client = Client::of(&request);
    let asker = Asker { known: false, person: None, network: client.network(), deadline: deadline(&request) };
    let AcceptInvitationRequest { token, password, access_token } = request.into_inner();
    let token = OpaqueToken::parse(&rpc.encryption, TokenKind::Invitation, &token)
        .or(Err(Error::InvalidOneTimeToken))?;
    let cx = TenantContext::system(SystemOrigin::Authentication, token.tenant());
    let acceptance = Acceptance { rpc, cx, token, client, asker };
    let caller = match access_token {
        Some(access_token) => Some(rpc.person_of(&access_token).await?),
        None => None,
    };
    for _ in 0..ROUNDS {
        let (invitation, identity) = acceptance.find().await?;
        // The address of an invitation was parsed when it was created.
        let email: EmailAddress = invitation.email.parse().or(Err(Error::InvalidOneTimeToken))?;
        if caller.as_ref().is_some_and(|caller| !email.is_kept_as(&caller.email)) {
            acceptance.record_mismatch(&invitation).await?;
            return Err(Error::EmailMismatch);
        }
        let person =
            acceptance.identify(&invitation, &email, identity, password.clone(), caller.is_some()).await?;
        if let Some((user, me)) = acceptance.join(&invitation, &email, &person).await? {
            let Me { email, email_verified, tenant_slug, tenant_name, role } = me;
            let tenant = acceptance.cx.tenant().to_string();
            return Ok(AcceptInvitationResponse {
                user: Some(User { id: user.to_string(), email, email_verified }),
                tenant: Some(OwnTenant { id: tenant, slug: tenant_slug, name: tenant_name }),
                role: role::to_proto(role).into(),
            });
        }
    }
    Err(Error::Contended)
}

enum Person {
    Known(UserId),
    New(UserId, PasswordHash),
}

struct Acceptance<'a> {
    rpc: &'a Rpc,
    cx: TenantContext,
    token: OpaqueToken,
    client: Client,
    asker: Asker,
}

impl Acceptance<'_> {
    async fn find(&self) -> Result<(Invitation, Option<Identity>), Error> {
        let found = self.rpc.db.tx(&self.cx, "auth.find_invitation", async |tx| {
            let (id, digest) = (self.token.id(), self.token.digest());
            let invitation = find_by_token(tx, id, digest).await?.ok_or(Error::InvalidOneTimeToken)?;
            let email: EmailAddress = invitation.email.parse().or(Err(Error::InvalidOneTimeToken))?;
            let identity = find_identity(tx, &email).await?;
            // The identity may have been created by the same link meanwhile, which is used up then.
            if identity.is_some() && find_by_token(tx, id, digest).await?.is_none() {
                return Err(Error::InvalidOneTimeToken);
            }
            Ok((invitation, identity))
        });
        match found.await {
            Err(Error::Db(DbError::UnknownTenant)) => Err(Error::InvalidOneTimeToken),
            found => found,
        }
    }

    async fn identify(
        &self,
        invitation: &Invitation,
        email: &EmailAddress,
        identity: Option<Identity>,
        password: Option<String>,
        logged_in: bool,
    ) -> Result<Person, Error> {
        match (identity, password) {
            (Some(identity), _) if identity.disabled => Err(Error::InvalidOneTimeToken),
            (Some(identity), Some(password)) => {
                self.check(invitation, email, &identity, password).await?;
                Ok(Person::Known(identity.id))
            }
            (Some(identity), None) if identity.email_verified || logged_in => Ok(Person::Known(identity.id)),
            (Some(_), None) => {
                let needed = "send the password of this address's account, or set a new one first by POST \
                              /v1/auth/password/forgot: nobody has confirmed the address yet";
                Err(Error::Invalid(vec![FieldViolation::new("password", needed)]))
            }
            (None, Some(password)) => {
                let mut violations = Violations::default();
                let password = violations.check("password", NewPassword::parse(password, email));
                let password = password.ok_or(violations)?;
                Ok(Person::New(UserId::generate(), self.rpc.hashing.hash(password.into(), self.asker).await?))
            }
            (None, None) => {
                let needed = "send a password: this address has no account yet";
                Err(Error::Invalid(vec![FieldViolation::new("password", needed)]))
            }
        }
    }

    /// Checks a password that was sent. It must be the person's; otherwise they would learn only at the login that it
    /// is not. It is counted as a login.
    async fn check(
        &self,
        invitation: &Invitation,
        email: &EmailAddress,
        identity: &Identity,
        password: String,
    ) -> Result<(), Error> {
        let attempt = LoginAttempt { email, tenant: None, client: &self.client, device: None };
        let Rpc { encryption, hashing, .. } = self.rpc;
        let asker = |known: bool| {
            let person = known.then(|| identity.id.as_uuid());
            Asker { known, person, ..self.asker }
        };
        let admitted = self.rpc.db.global_tx("auth.admit_acceptance", async |tx| {
            attempt.admit(encryption, tx, |known| hashing.check_queue(asker(known))).await
        });
        let Admitted { admission, counted, guess, known } = admitted.await?;
        if let Some(wait) = admission.refused() {
            if admission.first {
                self.record(invitation, AuditEntry::denied, "too_many_attempts").await?;
            }
            return Err(Error::TooManyAttempts { wait });
        }
        let password = Password::parse_existing(password);
        let checked = hashing.check(password, identity.password_hash.clone(), asker(known)).await;
        match guess.looked_at(&self.rpc.db, checked).await? {
            // With a second factor the attempt is successful only after the code, which this call does not ask for.
            PasswordVerdict::Right { .. } if identity.mfa => Ok(()),
            PasswordVerdict::Right { .. } => {
                let known = self.rpc.db.global_tx("auth.password_known", async |tx| {
                    counted.succeeded(tx).await.map_err(Error::from)
                });
                known.await
            }
            PasswordVerdict::Wrong => {
                self.record(invitation, AuditEntry::failure, "wrong_password").await?;
                Err(Error::InvalidCredentials)
            }
        }
    }

    /// Writes the member. Returns `None` if the new identity's address was taken concurrently.
    async fn join(
        &self,
        invitation: &Invitation,
        email: &EmailAddress,
        person: &Person,
    ) -> Result<Option<(UserId, Me)>, Error> {
        let joined = self.rpc.db.tx(&self.cx, "auth.accept_invitation", async |tx| {
            // Of two concurrent calls one continues.
            if !use_up_token(tx, self.token.id(), self.token.digest()).await? {
                return Err(Error::InvalidOneTimeToken);
            }
            let user = match person {
                Person::Known(user) => {
                    verify_email(tx, *user).await?;
                    *user
                }
                Person::New(user, hash) => {
                    if !insert_identity(tx, *user, email, Some(hash), true).await? {
                        return Err(Error::Contended);
                    }
                    *user
                }
            };
            self.add(tx, invitation, user).await?;
            accepted(tx, &self.rpc.encryption, email).await?;
            let me = find_me(tx, user).await?.ok_or(Error::NotAMember)?;
            Ok((user, me))
        });
        match joined.await {
            Ok(joined) => Ok(Some(joined)),
            Err(Error::Contended) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn add(&self, tx: &mut TenantTx, invitation: &Invitation, user: UserId) -> Result<(), Error> {
        let actor = Actor::User(user);
        let entry = AuditEntry::success(actor, Action::InvitationAccept, &self.client)
            .on("invitation", invitation.id)
            .with("email", invitation.email.clone());
        record(tx, entry).await?;
        if let Some(member) = add_membership(tx, user, invitation.role).await? {
            // The count includes this member.
            MEMBERS.allows(count_members(tx).await?)?;
            TENANTS_OF_PERSON.allows(count_tenants_of(tx, user).await?)?;
            let added = AuditEntry::success(actor, Action::MemberAdd, &self.client)
                .on("member", member)
                .with("user_id", user.to_string())
                .with("role", invitation.role.as_str());
            record(tx, added).await?;
            return Ok(());
        }
        // Somebody who became a member in another way meanwhile keeps the higher role.
        let Some((member, role)) = lock_member_of(tx, user).await? else { return Err(Error::Contended) };
        if !role.reaches(invitation.role) {
            set_role(tx, member, invitation.role).await?;
            outdate_tokens(tx, user).await?;
            let raised = AuditEntry::success(actor, Action::MemberUpdate, &self.client)
                .on("member", member)
                .with("user_id", user.to_string())
                .with("from", role.as_str())
                .with("to", invitation.role.as_str());
            record(tx, raised).await?;
        }
        Ok(())
    }

    /// Records that somebody else tried to accept the invitation, once a day, since the holder of a link can try any
    /// number of times.
    async fn record_mismatch(&self, invitation: &Invitation) -> Result<(), Error> {
        let (id, encryption) = (invitation.id.to_string(), &self.rpc.encryption);
        let recorded = Allowance::new(encryption, "recorded mismatch of an invitation", &[&id], MISMATCHES);
        let entry = self.refused(invitation, AuditEntry::denied, "email_mismatch");
        let recorded = self.rpc.db.tx(&self.cx, "auth.acceptance_refused", async |tx| {
            if spend(tx, &[recorded]).await?.is_none() {
                record(tx, entry).await?;
            }
            Ok::<_, Error>(())
        });
        recorded.await
    }

    /// Records that the invitation was not accepted. Only a holder of the link gets here, and only after a counted
    /// attempt, so strangers cannot fill the log.
    async fn record(
        &self,
        invitation: &Invitation,
        outcome: fn(Actor, Action, &Client) -> AuditEntry,
        reason: &str,
    ) -> Result<(), Error> {
        let entry = self.refused(invitation, outcome, reason);
        let recorded = self
            .rpc
            .db
            .tx(&self.cx, "auth.acceptance_refused", async |tx| record(tx, entry).await.map_err(Error::from));
        recorded.await
    }

    fn refused(
        &self,
        invitation: &Invitation,
        outcome: fn(Actor, Action, &Client) -> AuditEntry,
        reason: &str,
    ) -> AuditEntry {
        outcome(Actor::Anonymous, Action::InvitationAccept, &self.client)
            .on("invitation", invitation.id)
            .with("email", invitation.email.clone())
            .with("reason", reason)
    }
}
