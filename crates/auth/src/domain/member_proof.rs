//! The proof about a tenant's first member, which passes through the onboarding service and its database.

use rowhouse_chassis::client::Client;
use rowhouse_tenancy::TenantId;
use rowhouse_tokens::Role;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{EmailAddress, PasswordHash, UserId};
use crate::encryption::{DecryptError, EncryptionKeys};

const PURPOSE: &str = "member proof";

/// A person who is to become a member, with what is proved about them. It is encrypted, so neither the onboarding
/// service nor the database stores a password, and valid for one tenant and one address.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct MemberProof {
    /// The person's id if the address becomes an identity, and otherwise the invitation's.
    pub(crate) id: Uuid,
    pub(crate) role: Role,
    pub(crate) standing: AddressProof,
    ip_address: Option<String>,
    user_agent: Option<String>,
}

/// The findings about a person and an address that a member proof carries.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum AddressProof {
    /// The address has an identity, and the person has proved that it is theirs.
    Known { id: Uuid, email_verified: bool },
    /// The address had no identity when it was looked up.
    New { hash: Option<PasswordHash> },
    /// The address has an identity, and the person has proved nothing.
    Unproven,
}

impl MemberProof {
    pub(crate) fn new(role: Role, standing: AddressProof, client: &Client) -> Self {
        Self {
            id: UserId::generate().as_uuid(),
            role,
            standing,
            ip_address: client.address.map(|address| address.to_string()),
            user_agent: client.user_agent.clone(),
        }
    }

    /// Returns the id for the caller, and whether the address is confirmed.
    pub(crate) fn user(&self) -> (Uuid, bool) {
        match self.standing {
            AddressProof::Known { id, email_verified } => (id, email_verified),
            AddressProof::New { .. } | AddressProof::Unproven => (self.id, false),
        }
    }

    /// Returns the origin of the person's request.
    pub(crate) fn client(&self) -> Client {
        let address = self.ip_address.as_deref().and_then(|address| address.parse().ok());
        Client { address, user_agent: self.user_agent.clone() }
    }

    pub(crate) fn encrypt(
        &self,
        encryption: &EncryptionKeys,
        tenant: TenantId,
        email: &EmailAddress,
    ) -> Result<Vec<u8>, DecryptError> {
        let plain = serde_json::to_vec(self).or(Err(DecryptError))?;
        encryption.encrypt(PURPOSE, &owner(tenant, email.as_str()), &plain)
    }

    /// Decrypts a proof for the same tenant and address, also one of the release before, which may have stored the
    /// address in another form.
    pub(crate) fn decrypt(
        encryption: &EncryptionKeys,
        tenant: TenantId,
        email: &EmailAddress,
        ciphertext: &[u8],
    ) -> Result<Self, DecryptError> {
        let mut decrypted =
            email.spellings().iter().map(|it| encryption.decrypt(PURPOSE, &owner(tenant, it), ciphertext));
        let plain = decrypted.find_map(Result::ok).ok_or(DecryptError)?;
        serde_json::from_slice(&plain).or(Err(DecryptError))
    }
}

/// Encodes the two unambiguously, since the id has a fixed length.
fn owner(tenant: TenantId, email: &str) -> Vec<u8> {
    [tenant.as_uuid().as_bytes(), email.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encryption::tests::encryption;

    #[test]
    fn a_proof_is_good_for_its_tenant_and_address_only() {
        let (encryption, tenant) = (encryption(), TenantId::generate());
        let (ada, bob): (EmailAddress, EmailAddress) =
            ("ada@example.com".parse().unwrap(), "bob@example.com".parse().unwrap());
        let client = Client { address: Some("192.0.2.7".parse().unwrap()), user_agent: None };
        let standing = AddressProof::New { hash: Some("$2b$04$secret".to_owned().into()) };
        let proof = MemberProof::new(Role::Owner, standing, &client);
        let ciphertext = proof.encrypt(&encryption, tenant, &ada).unwrap();
        let decrypted = MemberProof::decrypt(&encryption, tenant, &ada, &ciphertext).unwrap();
        assert_eq!((decrypted.id, decrypted.role, decrypted.client()), (proof.id, Role::Owner, client));
        assert!(
            matches!(decrypted.standing, AddressProof::New { hash: Some(hash) } if hash.as_str() == "$2b$04$secret")
        );
        assert!(MemberProof::decrypt(&encryption, tenant, &bob, &ciphertext).is_err());
        assert!(MemberProof::decrypt(&encryption, TenantId::generate(), &ada, &ciphertext).is_err());
        assert!(MemberProof::decrypt(&encryption, tenant, &ada, b"").is_err());
    }
}
