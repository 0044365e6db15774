//! [`Reloaded`], a value that is made of files and made again when they change.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rowhouse_tls::{TlsFileError, identity};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::expiry;
use crate::reread;

type Make<T> = dyn Fn() -> Result<T, TlsFileError> + Send + Sync;

/// A value that is made of files, and made again when one of them changes.
pub struct Reloaded<T>(Arc<Inner<T>>);

struct Inner<T> {
    files: Vec<PathBuf>,
    make: Box<Make<T>>,
    state: RwLock<State<T>>,
}

struct State<T> {
    /// The contents that the value was made of.
    contents: Vec<Vec<u8>>,
    value: Arc<T>,
}

impl<T> Clone for Reloaded<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Send + Sync + 'static> Reloaded<T> {
    /// Makes the value. `make` reads the files.
    pub async fn load(
        files: Vec<PathBuf>,
        make: impl Fn() -> Result<T, TlsFileError> + Send + Sync + 'static,
    ) -> Result<Self, TlsFileError> {
        blocking(move || {
            let contents = read(&files)?;
            let state = RwLock::new(State { contents, value: Arc::new(make()?) });
            Ok(Self(Arc::new(Inner { files, make: Box::new(make), state })))
        })
        .await
    }

    /// Measures the expiry of the certificate in the first of the files, as it is in use, as long as the value exists.
    pub(super) fn measured(self, certificate: &'static str) -> Self {
        let inner = Arc::downgrade(&self.0);
        expiry::observe(certificate, move || {
            let inner = inner.upgrade()?;
            let state = inner.state.read().unwrap_or_else(PoisonError::into_inner);
            state.contents.first().and_then(|pem| rowhouse_tls::expiry(pem))
        });
        self
    }

    /// Returns the value of this moment.
    #[must_use]
    pub fn current(&self) -> Arc<T> {
        Arc::clone(&self.0.state.read().unwrap_or_else(PoisonError::into_inner).value)
    }

    /// Makes the value again whenever a file changes, for ever. While the files are invalid, such as a certificate without its
    /// new key, the value stays as it is.
    pub async fn follow(self) {
        reread::follow("the certificates", || {
            let inner = Arc::clone(&self.0);
            blocking(move || inner.reload())
        })
        .await;
    }
}

impl<T> Inner<T> {
    fn reload(&self) -> Result<(), TlsFileError> {
        let contents = read(&self.files)?;
        if self.state.read().unwrap_or_else(PoisonError::into_inner).contents == contents {
            return Ok(());
        }
        let value = Arc::new((self.make)()?);
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = State { contents, value };
        tracing::info!(files = ?self.files, "the certificates have changed");
        Ok(())
    }
}

fn read(files: &[PathBuf]) -> Result<Vec<Vec<u8>>, TlsFileError> {
    let unreadable =
        |path: &Path, reason: String| TlsFileError::Certificates { path: path.to_owned(), reason };
    files.iter().map(|path| fs::read(path).map_err(|error| unreadable(path, error.to_string()))).collect()
}

/// Does work that blocks on another thread.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, TlsFileError> + Send + 'static,
) -> Result<T, TlsFileError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(TlsFileError::System(error.to_string())))
}

/// Reads the certificate of an HTTPS server and its key. The result answers each handshake with those that the files have then.
pub async fn certificate(certificate: PathBuf, key: PathBuf) -> Result<Reloaded<CertifiedKey>, TlsFileError> {
    let files = vec![certificate.clone(), key.clone()];
    Ok(Reloaded::load(files, move || identity(&certificate, &key)).await?.measured("https"))
}

impl std::fmt::Debug for Reloaded<CertifiedKey> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reloaded").field("files", &self.0.files).finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Reloaded<CertifiedKey> {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}
