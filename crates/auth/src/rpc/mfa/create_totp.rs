//! The method that creates the secret of a second factor.

use rowhouse_proto::auth::v1::{CreateTotpRequest, CreateTotpResponse};
use tonic::Request;

use crate::domain::TotpSecret;
use crate::error::Error;
use crate::rpc::{Rpc, context, person};
use crate::store::identities::get_identity;
use crate::store::totp::put_unconfirmed_totp;

/// Creates the secret. It is not logged, since it protects nothing before it is confirmed.
pub(super) async fn create_totp(
    rpc: &Rpc,
    request: &Request<CreateTotpRequest>,
) -> Result<CreateTotpResponse, Error> {
    let cx = context(request)?;
    let user = person(&cx)?;
    let secret = TotpSecret::generate()?;
    let ciphertext = secret.encrypt(&rpc.encryption, user)?;
    let put = rpc.db.tx(&cx, "auth.create_totp", async |tx| {
        let identity = get_identity(tx, user).await?.ok_or(Error::NotAMember)?;
        if put_unconfirmed_totp(tx, user, &ciphertext).await? {
            Ok(identity.email)
        } else {
            Err(Error::MfaEnabled)
        }
    });
    let email = put.await?;
    Ok(CreateTotpResponse { secret: secret.base32(), otpauth_url: secret.url(&email)? })
}
