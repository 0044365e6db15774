//! The method that creates a tenant's first member.

mod save;

use rowhouse_chassis::access::context;
use rowhouse_chassis::client::Client;
use rowhouse_chassis::error::FieldViolation;
use rowhouse_proto::auth::v1::{CreateMembershipRequest, CreateMembershipResponse, User};
use rowhouse_tenancy::TenantContext;
use rowhouse_tokens::Role;
use tonic::Request;
use uuid::Uuid;

use super::first_member::{SignUp, parse_email};
use crate::domain::{AddressProof, EmailAddress, MemberProof, PasswordHash};
use crate::error::Error;
use crate::rpc::{Rpc, role};
use save::{SavedMember, find_member, save};

/// The number of attempts, after another call created the same identity.
const ROUNDS: usize = 3;

/// Creates the membership or the invitation. The answer is the same for an address without an identity and for one
/// without proof: an id that the caller cannot know, and the requested role.
pub(super) async fn create_membership(
    rpc: &Rpc,
    request: Request<CreateMembershipRequest>,
) -> Result<CreateMembershipResponse, Error> {
    let cx = context(&request)?;
    let CreateMembershipRequest { email, member_proof } = request.into_inner();
    let email = parse_email(&email)?;
    let Ok(proof) = MemberProof::decrypt(&rpc.encryption, cx.tenant(), &email, &member_proof) else {
        let of_another = "send the member_proof that was made for this tenant and address";
        return Err(Error::Invalid(vec![FieldViolation::new("member_proof", of_another)]));
    };
    let client = proof.client();
    let MemberProof { id, role, mut standing, .. } = proof;
    let new = NewMember { cx, client, email, id, role };
    for _ in 0..ROUNDS {
        // A repeat gets the first answer, also if the password has changed since.
        let saved = match find_member(rpc, &new).await? {
            Some(member) => Some(member),
            None => save(rpc, &new, &standing).await?,
        };
        if let Some(SavedMember { id, role, email_verified }) = saved {
            let email = new.email.as_str().to_owned();
            return Ok(CreateMembershipResponse {
                user: Some(User { id: id.to_string(), email, email_verified }),
                role: role::to_proto(role).into(),
            });
        }
        if let AddressProof::New { hash } = standing {
            standing = identify_again(rpc, &new, hash).await?;
        }
    }
    Err(Error::Contended)
}

/// The person who becomes a member.
struct NewMember {
    cx: TenantContext,
    client: Client,
    email: EmailAddress,
    /// The person's id if the address becomes an identity, and otherwise the invitation's.
    id: Uuid,
    role: Role,
}

/// Checks an identity that was created since the address was looked up. It is the same person if it has the same
/// password.
async fn identify_again(
    rpc: &Rpc,
    new: &NewMember,
    hash: Option<PasswordHash>,
) -> Result<AddressProof, Error> {
    let sign_up = SignUp::new(rpc, &new.email, &new.client);
    let (identity, guess) = sign_up.guess().await?;
    let Some(identity) = identity else { return Ok(AddressProof::New { hash }) };
    let stored = identity.password_hash.filter(|_| guess.is_admitted() && !identity.disabled);
    match (stored, hash) {
        (Some(stored), Some(hash)) if stored == hash => {
            sign_up.forgive(&guess).await?;
            Ok(AddressProof::Known { id: identity.id.as_uuid(), email_verified: identity.email_verified })
        }
        _ => Ok(AddressProof::Unproven),
    }
}
