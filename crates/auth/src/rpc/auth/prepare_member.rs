//! The method that checks a tenant's first member before the tenant exists.

use rowhouse_chassis::access::context;
use rowhouse_chassis::client::Client;
use rowhouse_chassis::error::Violations;
use rowhouse_chassis::grpc::{Deadline, deadline};
use rowhouse_chassis::limits::TENANTS_OF_PERSON;
use rowhouse_proto::auth::v1::{PrepareMemberRequest, PrepareMemberResponse, User};
use rowhouse_tokens::Role;
use tonic::Request;

use super::first_member::{SignUp, SignUpFindings};
use crate::domain::{AddressProof, AuditOutcome, EmailAddress, MemberProof, NewPassword, Password, UserId};
use crate::error::Error;
use crate::hashing::PasswordVerdict;
use crate::rpc::{Rpc, role};
use crate::store::identities::Identity;
use crate::store::memberships::count_tenants_of;
use crate::tasks::Task;

/// Prepares a member. The answer is the same for an address without an identity and for one without proof: an id that
/// the caller cannot know.
pub(super) async fn prepare_member(
    rpc: &Rpc,
    request: Request<PrepareMemberRequest>,
) -> Result<PrepareMemberResponse, Error> {
    let cx = context(&request)?;
    let client = Client::of(&request);
    let deadline = deadline(&request);
    let candidate = Candidate::parse(request.into_inner(), client)?;
    let standing = identify(rpc, &candidate, deadline).await?;
    if let AddressProof::Known { id, .. } = standing {
        let counted = rpc.db.global_tx("auth.count_tenants", async |tx| {
            count_tenants_of(tx, UserId::from(id)).await.map_err(Error::from)
        });
        TENANTS_OF_PERSON.allows(counted.await? + 1)?;
    }
    let proof = MemberProof::new(candidate.role, standing, &candidate.client);
    let (id, email_verified) = proof.user();
    Ok(PrepareMemberResponse {
        member_proof: proof.encrypt(&rpc.encryption, cx.tenant(), &candidate.email)?,
        user: Some(User { id: id.to_string(), email: candidate.email.as_str().to_owned(), email_verified }),
    })
}

/// The person who is to become a member.
#[derive(Debug)]
struct Candidate {
    client: Client,
    email: EmailAddress,
    password: Option<NewPassword>,
    access_token: Option<String>,
    role: Role,
}

impl Candidate {
    /// Parses a request. The password is validated as a new one even if the address has an identity, so that nothing
    /// is revealed.
    fn parse(request: PrepareMemberRequest, client: Client) -> Result<Self, Error> {
        let PrepareMemberRequest { email, password, role, access_token } = request;
        let mut violations = Violations::default();
        let email = violations.check("email", email.parse::<EmailAddress>());
        let password = password.map(|password| match &email {
            Some(email) => NewPassword::parse(password, email),
            None => NewPassword::parse_for_nobody(password),
        });
        let password = violations.check("password", password.transpose());
        let role = role::from_proto(role).ok_or("send the role: owner, admin, member or viewer");
        let role = violations.check("role", role);
        match (email, password, role) {
            (Some(email), Some(password), Some(role)) => {
                Ok(Self { client, email, password, access_token, role })
            }
            _ => Err(violations.into()),
        }
    }
}

/// Determines what is proved. With a password, the work does not depend on whether the address has an identity;
/// without one, there is none.
async fn identify(
    rpc: &Rpc,
    candidate: &Candidate,
    deadline: Option<Deadline>,
) -> Result<AddressProof, Error> {
    let sign_up = SignUp::new(rpc, &candidate.email, &candidate.client);
    if let Some(access_token) = &candidate.access_token {
        let Identity { id, email, email_verified, .. } = rpc.person_of(access_token).await?;
        if !candidate.email.is_kept_as(&email) {
            return Err(Error::EmailMismatch);
        }
        sign_up.admit_known().await?;
        return Ok(AddressProof::Known { id: id.as_uuid(), email_verified });
    }
    let admitted = sign_up.admit(candidate.password.is_some(), deadline).await?;
    let SignUpFindings { identity, guess, asker } = admitted;
    let password = candidate.password.clone().map(Password::from);
    let Some(identity) = identity else {
        let hash = match password {
            Some(password) => {
                let hashed = rpc.hashing.first_hash(password, sign_up.salt(), asker).await;
                Some(guess.looked_at(&rpc.db, hashed).await?)
            }
            None => None,
        };
        sign_up.forgive(&guess).await?;
        return Ok(AddressProof::New { hash });
    };
    let Some(password) = password else {
        // This was not a guess, and takes the work of an unknown address.
        sign_up.forgive(&guess).await?;
        return Ok(AddressProof::Unproven);
    };
    let looked_at = guess.is_admitted() && !identity.disabled;
    let stored = identity.password_hash.filter(|_| looked_at);
    let checked = rpc.hashing.check(Some(password), stored, asker).await;
    match guess.looked_at(&rpc.db, checked).await? {
        PasswordVerdict::Right { .. } => {
            sign_up.forgive(&guess).await?;
            let (id, email_verified) = (identity.id.as_uuid(), identity.email_verified);
            Ok(AddressProof::Known { id, email_verified })
        }
        PasswordVerdict::Wrong => {
            let (reason, outcome) = if guess.is_admitted() {
                ("wrong_credentials", AuditOutcome::Failure)
            } else {
                ("too_many_attempts", AuditOutcome::Denied)
            };
            let failed = Task::sign_in_failed(&candidate.email, None, reason, outcome, &candidate.client);
            rpc.db
                .global_tx("auth.sign_up_failed", async |tx| {
                    rpc.tasks.enqueue(tx, &failed).await.map_err(Error::from)
                })
                .await?;
            Ok(AddressProof::Unproven)
        }
    }
}

#[cfg(test)]
mod tests {
    use rowhouse_proto::auth::v1;

    use super::*;

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        let parse = |email: &str, password: Option<&str>, role: i32| {
            let (email, password) = (email.to_owned(), password.map(str::to_owned));
            let request = PrepareMemberRequest { email, password, role, access_token: None };
            Candidate::parse(request, Client::default())
        };
        for password in ["password1", &"a".repeat(129)] {
            match parse("ada", Some(password), 0) {
                Err(Error::Invalid(violations)) => {
                    let fields: Vec<_> = violations.iter().map(|one| one.field.as_str()).collect();
                    assert_eq!(fields, ["email", "password", "role"]);
                }
                other => panic!("{other:?}"),
            }
        }
        let candidate = parse(" Ada@Example.com ", Some("correct horse"), v1::Role::Viewer.into()).unwrap();
        assert_eq!((candidate.email.as_str(), candidate.role), ("ada@example.com", Role::Viewer));
        assert!(parse("ada@example.com", None, v1::Role::Owner.into()).unwrap().password.is_none());
    }
}
