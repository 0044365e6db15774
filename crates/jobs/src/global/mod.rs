//! Jobs that belong to no tenant, such as an email to an address of which nobody knows yet whether it has an account.
//!
//! They are the exception, so they are declared: the database takes only kinds that a migration has listed in
//! `jobs.global_kinds`, with the reason. Their table is granted to nobody; a service reaches its own jobs through functions that
//! know it by its login, and the audit checks both. What such a job says is encrypted, and the job is removed when it ends.

mod handler;
mod run;
mod store;

use std::marker::PhantomData;

use rowhouse_chassis::encryption::{DecryptError, EncryptionKeys};
use rowhouse_tenancy::{DbError, Transaction};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::JobId;

pub use handler::GlobalHandler;
pub(crate) use handler::{AnyGlobalHandler, TypedGlobal};
pub use run::GlobalRun;
pub(crate) use store::{GlobalClaim, claim_global, end_global, release_global};

/// A kind of job that belongs to no tenant.
///
/// A job can outlive the version of the program that enqueued it: added fields need a `#[serde(default)]`.
pub trait GlobalJob: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The name of the kind, as it is declared in `jobs.global_kinds`.
    const KIND: &'static str;
    /// The purpose that its ciphertext is bound to.
    const PURPOSE: &'static str = Self::KIND;
    /// The number of attempts before it is dead.
    const MAX_ATTEMPTS: i32;
    /// The approximate size of a value in bytes: [`GlobalQueue::enqueue_nothing`] encrypts this many.
    const USUAL_LENGTH: usize = 64;
}

/// The reason why a job that belongs to no tenant was not enqueued.
#[derive(Debug, thiserror::Error)]
pub enum GlobalEnqueueError {
    /// The job cannot be serialized as JSON, for example a map whose keys are not texts.
    #[error("a job cannot be written: {0}")]
    Json(#[from] serde_json::Error),
    /// It cannot be encrypted.
    #[error("a job cannot be encrypted: {0}")]
    Encryption(#[from] DecryptError),
    /// The statement failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Adds jobs of one kind, and reads them. Cloning shares the keys.
pub struct GlobalQueue<J> {
    encryption: EncryptionKeys,
    kind: PhantomData<fn() -> J>,
}

impl<J> Clone for GlobalQueue<J> {
    fn clone(&self) -> Self {
        Self { encryption: self.encryption.clone(), kind: PhantomData }
    }
}

impl<J: GlobalJob> GlobalQueue<J> {
    /// Creates the queue of the service that is logged in. Its jobs are encrypted with these keys.
    #[must_use]
    pub const fn new(encryption: EncryptionKeys) -> Self {
        Self { encryption, kind: PhantomData }
    }

    /// Enqueues a job in a transaction of a tenant or without one. The job runs if the transaction is committed.
    pub async fn enqueue(&self, tx: &mut impl Transaction, job: &J) -> Result<(), GlobalEnqueueError> {
        self.insert(tx, &serde_json::to_vec(job)?, true).await
    }

    /// Takes as long as [`GlobalQueue::enqueue`] and enqueues nothing: for a request whose answer must not reveal whether there is
    /// something to do. A job that does nothing would be simpler, but strangers could fill the table with such jobs.
    pub async fn enqueue_nothing(&self, tx: &mut impl Transaction) -> Result<(), GlobalEnqueueError> {
        self.insert(tx, &vec![0; J::USUAL_LENGTH], false).await
    }

    async fn insert(
        &self,
        tx: &mut impl Transaction,
        job: &[u8],
        wanted: bool,
    ) -> Result<(), GlobalEnqueueError> {
        let id = JobId::generate();
        let payload = self.encryption.encrypt(J::PURPOSE, id.as_uuid().as_bytes(), job)?;
        Ok(store::enqueue_global(tx, id, J::KIND, payload, wanted).await?)
    }

    /// Decrypts a job. Returns `None` if another version of the program wrote it, or if it was encrypted with unknown keys.
    fn decrypt(&self, id: JobId, payload: &[u8]) -> Option<J> {
        let plain = self.encryption.decrypt(J::PURPOSE, id.as_uuid().as_bytes(), payload).ok()?;
        // serde quotes the unexpected value, which may be a secret.
        serde_json::from_slice(&plain).ok()
    }
}
