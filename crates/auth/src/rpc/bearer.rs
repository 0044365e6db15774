//! Identifying a person by an access token in a message, for public methods.

use rowhouse_tenancy::{DbError, TenantContext};
use rowhouse_tokens::{TokenError, VerifiedToken};

use super::{Rpc, person};
use crate::error::Error;
use crate::store::identities::{Identity, get_identity};

impl Rpc {
    /// Returns the token's person if its session has not ended, which is checked in the token's tenant.
    pub(super) async fn person_of(&self, access_token: &str) -> Result<Identity, Error> {
        let believed: VerifiedToken =
            self.verifier.verify(access_token).await.map_err(Error::InvalidAccessToken)?;
        let cx = TenantContext::from_verified(believed);
        let user = person(&cx)?;
        let found =
            self.db.read(&cx, "auth.get_identity", async |tx| Ok::<_, Error>(get_identity(tx, user).await?));
        match found.await {
            Ok(Some(identity)) if !identity.disabled => Ok(identity),
            // The call is about another tenant, so this must not say that its tenant is missing.
            Ok(_) | Err(Error::Db(DbError::UnknownTenant)) => {
                Err(Error::InvalidAccessToken(TokenError::InvalidClaims))
            }
            Err(error) => Err(error),
        }
    }
}
