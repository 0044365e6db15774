//! Making a person the first member of a tenant.

mod identify;
mod save;

use rowhouse_chassis::client::Client;
use rowhouse_chassis::error::Violations;
use rowhouse_proto::auth::v1::{CreateMembershipRequest, CreateMembershipResponse, User};
use rowhouse_tenancy::TenantContext;
use rowhouse_tokens::{Principal, Role, issuer};
use tonic::Request;

use crate::domain::{EmailAddress, NewPassword};
use crate::error::Error;
use crate::rpc::{Rpc, context, role};
use identify::identify;
use save::{Saved, find_member, save};

/// Another call may create the same identity in between; the next round then finds it.
const ROUNDS: usize = 3;

/// What the caller is told is the same for an address without an identity as for one whose person has not shown who
/// they are: an id that they cannot know yet, and the role that was asked for.
pub(super) async fn create_membership(
    rpc: &Rpc,
    request: Request<CreateMembershipRequest>,
) -> Result<CreateMembershipResponse, Error> {
    let cx = context(&request)?;
    if !matches!(cx.principal(), Some(Principal::Service { name }) if name == issuer::ONBOARDING) {
        return Err(Error::OnboardingOnly);
    }
    let client = rpc.proxies.client(&request);
    let new = NewMember::parse(request.into_inner(), cx, client)?;
    for _ in 0..ROUNDS {
        // A repeat is answered as the first call was, whatever has become of the password since.
        let saved = match find_member(rpc, &new).await? {
            Some(member) => Some(member),
            None => save(rpc, &new, &identify(rpc, &new).await?).await?,
        };
        if let Some(Saved { id, role, email_verified }) = saved {
            rpc.outbox.wake();
            let email = new.email.as_str().to_owned();
            return Ok(CreateMembershipResponse {
                user: Some(User { id: id.to_string(), email, email_verified }),
                role: role::to_proto(role).into(),
            });
        }
    }
    Err(Error::Contended)
}

/// Who is to become a member.
#[derive(Debug)]
struct NewMember {
    cx: TenantContext,
    client: Client,
    email: EmailAddress,
    password: Option<NewPassword>,
    access_token: Option<String>,
    role: Role,
}

impl NewMember {
    /// A password is looked at as a new one even if the address has an identity: nothing is to be learnt from that.
    fn parse(request: CreateMembershipRequest, cx: TenantContext, client: Client) -> Result<Self, Error> {
        let CreateMembershipRequest { email, password, role, access_token } = request;
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
                Ok(Self { cx, client, email, password, access_token, role })
            }
            _ => Err(violations.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use rowhouse_proto::auth::v1;
    use rowhouse_tenancy::{SystemOrigin, TenantId};

    use super::*;

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        let parse = |email: &str, password: Option<&str>, role: i32| {
            let (email, password) = (email.to_owned(), password.map(str::to_owned));
            let request = CreateMembershipRequest { email, password, role, access_token: None };
            let cx = TenantContext::system(SystemOrigin::Onboarding, TenantId::generate());
            NewMember::parse(request, cx, Client::default())
        };
        for password in ["password1", &"a".repeat(72)] {
            match parse("ada", Some(password), 0) {
                Err(Error::Invalid(violations)) => {
                    let fields: Vec<_> = violations.iter().map(|one| one.field.as_str()).collect();
                    assert_eq!(fields, ["email", "password", "role"]);
                }
                other => panic!("{other:?}"),
            }
        }
        let new = parse(" Ada@Example.com ", Some("correct horse"), v1::Role::Viewer.into()).unwrap();
        assert_eq!((new.email.as_str(), new.role), ("ada@example.com", Role::Viewer));
        assert!(parse("ada@example.com", None, v1::Role::Owner.into()).unwrap().password.is_none());
    }
}
