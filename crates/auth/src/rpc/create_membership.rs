//! Making a person a member of a tenant.

use rowhouse_proto::auth::v1::{CreateMembershipRequest, CreateMembershipResponse, User};
use rowhouse_tenancy::TenantContext;
use rowhouse_tokens::{Principal, Role, issuer};
use tonic::Request;

use super::{Rpc, context, role};
use crate::domain::{EmailAddress, Password, PasswordHash, UserId};
use crate::error::Error;
use crate::hashing::Verdict;
use crate::store::identities::{find_identity, insert_identity};
use crate::store::memberships::ensure_membership;
use rowhouse_chassis::error::Violations;

/// Another call may create the same identity in between; the next round then finds it.
const ROUNDS: usize = 3;

pub(super) async fn create_membership(
    rpc: &Rpc,
    request: Request<CreateMembershipRequest>,
) -> Result<CreateMembershipResponse, Error> {
    let cx = context(&request)?;
    if !matches!(cx.principal(), Some(Principal::Service { name }) if name == issuer::ONBOARDING) {
        return Err(Error::OnboardingOnly);
    }
    let new = NewMember::parse(request.into_inner())?;
    for _ in 0..ROUNDS {
        let person = identify(rpc, &new).await?;
        if let Some((user, role)) = save(rpc, &cx, &new, person).await? {
            return Ok(CreateMembershipResponse {
                user: Some(User { id: user.to_string(), email: new.email.as_str().to_owned() }),
                role: role::to_proto(role).into(),
            });
        }
    }
    Err(Error::Contended)
}

#[derive(Debug)]
struct NewMember {
    email: EmailAddress,
    password: Password,
    role: Role,
}

impl NewMember {
    fn parse(request: CreateMembershipRequest) -> Result<Self, Error> {
        let CreateMembershipRequest { email, password, role } = request;
        let mut violations = Violations::default();
        let email = violations.check("email", email.parse::<EmailAddress>());
        let password = violations.check("password", Password::parse(password));
        let role = role::from_proto(role).ok_or("send the role: owner, admin, member or viewer");
        let role = violations.check("role", role);
        match (email, password, role) {
            (Some(email), Some(password), Some(role)) => Ok(Self { email, password, role }),
            _ => Err(violations.into()),
        }
    }
}

enum Person {
    /// The address has an identity, and the password is its.
    Known(UserId),
    /// The address had no identity when it was looked up.
    New(UserId, PasswordHash),
}

async fn identify(rpc: &Rpc, new: &NewMember) -> Result<Person, Error> {
    let identity = rpc
        .db
        .global_tx("auth.find_identity", async |tx| Ok::<_, Error>(find_identity(tx, &new.email).await?));
    let Some(identity) = identity.await? else {
        return Ok(Person::New(UserId::generate(), rpc.hashing.hash(new.password.clone()).await?));
    };
    match rpc.hashing.check(Some(new.password.clone()), Some(identity.password_hash)).await? {
        Verdict::Right { .. } => Ok(Person::Known(identity.id)),
        Verdict::Wrong => Err(Error::InvalidCredentials),
    }
}

/// Nothing when a new identity's address was taken meanwhile.
async fn save(
    rpc: &Rpc,
    cx: &TenantContext,
    new: &NewMember,
    person: Person,
) -> Result<Option<(UserId, Role)>, Error> {
    rpc.db
        .tx(cx, "auth.create_membership", async |tx| {
            let user = match &person {
                Person::Known(user) => *user,
                Person::New(user, hash) => {
                    if !insert_identity(tx, *user, &new.email, hash).await? {
                        return Ok(None);
                    }
                    *user
                }
            };
            Ok(Some((user, ensure_membership(tx, user, new.role).await?)))
        })
        .await
}

#[cfg(test)]
mod tests {
    use rowhouse_proto::auth::v1;

    use super::*;

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        let parse = |email: &str, password: &str, role: i32| {
            NewMember::parse(CreateMembershipRequest { email: email.into(), password: password.into(), role })
        };
        match parse("ada", &"a".repeat(72), 0) {
            Err(Error::Invalid(violations)) => {
                let fields: Vec<_> = violations.iter().map(|one| one.field.as_str()).collect();
                assert_eq!(fields, ["email", "password", "role"]);
            }
            other => panic!("{other:?}"),
        }
        let new = parse(" Ada@Example.com ", "correct horse", v1::Role::Viewer.into()).unwrap();
        assert_eq!((new.email.as_str(), new.role), ("ada@example.com", Role::Viewer));
    }
}
