//! The things that the frame passes to a service that is being built.

use std::sync::Arc;

use rowhouse_catalog::ServiceName;
use rowhouse_tenancy::TenantDb;
use rowhouse_tokens::{IssuerUrl, TrustStore, Verifier};

use crate::config::{CallTlsArgs, Environment, SigningArgs, TlsArgs};
use crate::rate_limit::RateLimiter;
use crate::signing::{Signing, SigningKeyError};
use crate::tls::{CallTls, TlsFileError};

/// The resources of every service: its database, token verification and limits.
pub struct Core {
    /// The service's name.
    pub name: ServiceName,
    /// The database, as the service's own role.
    pub db: TenantDb,
    /// Verifies the tokens of every call; for those that come another way.
    pub verifier: Arc<Verifier>,
    /// Counts the calls of every caller; for those that the service verifies by itself.
    pub limiter: Arc<RateLimiter>,
    /// Development or production.
    pub environment: Environment,
    /// The issuer of access tokens, in whose name auth signs.
    pub issuer: IssuerUrl,
    pub(super) tls: TlsArgs,
    pub(super) trust: Arc<TrustStore>,
}

impl Core {
    /// Reads the certificates with which the service calls others.
    pub async fn calls(&self, args: &CallTlsArgs) -> Result<CallTls, TlsFileError> {
        let calls = CallTls::new(&self.tls, args, self.environment);
        calls.check().await?;
        Ok(calls)
    }

    /// Reads the keys that the service signs with. Give them to [`Parts::signing`](super::Parts::signing), so that they are
    /// followed when they change.
    pub async fn signing(&self, args: SigningArgs) -> Result<Signing, SigningKeyError> {
        Signing::load(self.name.program(), args, Arc::clone(&self.trust)).await
    }
}
