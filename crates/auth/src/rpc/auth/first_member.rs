//! What the methods for a tenant's first member have in common.

use rowhouse_chassis::client::Client;
use rowhouse_chassis::error::Violations;
use rowhouse_tenancy::TenantContext;
use rowhouse_tokens::{Principal, issuer};
use tonic::Request;

use crate::domain::EmailAddress;
use crate::error::Error;
use crate::rpc::{Rpc, context};
use crate::sealing::Digest32;
use crate::store::attempts::{Admission, Limit, admit, forgive};
use crate::store::identities::{Identity, find_identity};

/// Attempts on one account, from anywhere. Who is turned away can still join by the mailed link, so this keeps nobody
/// out.
const FREE_ACCOUNT: i32 = 20;
/// Attempts from one address, behind which there may be a whole office.
const FREE_ADDRESS: i32 = 100;

/// The tenant on whose behalf onboarding calls; nobody else may.
pub(super) fn onboarding_only<T>(request: &Request<T>) -> Result<TenantContext, Error> {
    let cx = context(request)?;
    match cx.principal() {
        Some(Principal::Service { name }) if name == issuer::ONBOARDING => Ok(cx),
        _ => Err(Error::OnboardingOnly),
    }
}

pub(super) fn parse_email(text: &str) -> Result<EmailAddress, Error> {
    let mut violations = Violations::default();
    violations.check("email", text.parse()).ok_or_else(|| violations.into())
}

/// A sign-up, as far as it is counted: its answers say indirectly whether a password was right.
pub(super) struct SignUp<'a> {
    rpc: &'a Rpc,
    email: &'a EmailAddress,
    limits: [Limit; 2],
}

impl<'a> SignUp<'a> {
    pub(super) fn new(rpc: &'a Rpc, email: &'a EmailAddress, client: &Client) -> Self {
        let limit = |purpose, of: &str, free| Limit { key: rpc.sealing.digest(purpose, of.as_bytes()), free };
        let address = client.address.map(|address| address.to_string()).unwrap_or_default();
        let limits = [
            limit("sign-ups for an account", email.as_str(), FREE_ACCOUNT),
            limit("sign-ups from an address", &address, FREE_ADDRESS),
        ];
        Self { rpc, email, limits }
    }

    /// The salt of the first password of an address. Of several sign-ups at once, those with the same password have the
    /// same hash: by it the later ones are known again.
    pub(super) fn salt(&self) -> Digest32 {
        self.rpc.sealing.digest("salt of a first password", self.email.as_str().as_bytes())
    }

    pub(super) async fn admit(&self) -> Result<(Option<Identity>, Admission), Error> {
        let admitted = self.rpc.db.global_tx("auth.admit_sign_up", async |tx| {
            let identity = find_identity(tx, self.email).await?;
            Ok::<_, Error>((identity, admit(tx, &self.limits).await?))
        });
        admitted.await
    }

    pub(super) async fn forgive(&self) -> Result<(), Error> {
        let keys = self.limits.map(|limit| limit.key);
        let forgiven = self
            .rpc
            .db
            .global_tx("auth.forgive_sign_up", async |tx| forgive(tx, &[], &keys).await.map_err(Error::from));
        forgiven.await.map(drop)
    }
}
