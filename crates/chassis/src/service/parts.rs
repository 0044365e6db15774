//! The parts of a service.

use std::convert::Infallible;
#[cfg(feature = "encryption")]
use std::path::PathBuf;

use http::{Request, Response};
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::service::Routes;
use tower::Service;

use super::tasks::Task;
#[cfg(feature = "encryption")]
use crate::encryption::EncryptionKeys;
use crate::shutdown::Shutdown;
use crate::signing::Signing;

/// The gRPC services and background tasks of a service.
#[derive(Default)]
#[must_use]
pub struct Parts {
    pub(super) routes: Routes,
    pub(super) services: Vec<&'static str>,
    pub(super) tasks: Vec<Task>,
}

impl Parts {
    /// Returns a service without parts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a gRPC service, which [`grpc_service!`](crate::grpc_service) has set up. Its health is that of the whole.
    pub fn grpc<G>(mut self, service: G) -> Self
    where
        G: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
            + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        G::Future: Send,
    {
        self.routes = self.routes.add_service(service);
        self.services.push(G::NAME);
        self
    }

    /// Adds a task that runs beside the calls. When `Shutdown` is requested, it finishes what it is doing, within
    /// [`Shutdown::limit`], and ends. If it ends before that, or panics, the service stops with an error.
    pub fn task<F>(mut self, name: &'static str, task: impl FnOnce(Shutdown) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tasks.push(Task::finishing(name, task));
        self
    }

    /// Adds a task that has nothing to finish: it is dropped when the last call is over. If it ends before that, or panics, the
    /// service stops with an error.
    pub fn companion(mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) -> Self {
        self.tasks.push(Task::companion(name, task));
        self
    }

    /// Adds the task that takes over signing keys which change.
    pub fn signing(self, signing: Signing) -> Self {
        self.companion("signing keys", signing.follow())
    }

    /// Adds the task that takes over encryption keys which change in the file.
    #[cfg(feature = "encryption")]
    pub fn encryption(self, keys: EncryptionKeys, file: PathBuf) -> Self {
        self.companion("encryption keys", keys.follow(file))
    }
}
