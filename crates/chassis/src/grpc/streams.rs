//! The methods whose answers are streams, and a layer for the server, in which these answers have places.

use std::collections::HashSet;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::{Request, Response};
use prost_reflect::{DescriptorError, DescriptorPool};
use tonic::body::Body;
use tower::{Layer, Service};

use super::admission::applicant;
use super::permitted_body::hold;
use crate::admission::Admission;

/// The bytes of a message that arrive before they are read.
pub(super) const STREAM_WINDOW: u32 = 128 * 1024;

/// The paths of the methods whose answers are streams, such as `/orders.v1.ExportService/DownloadExport`.
#[derive(Clone, Debug, Default)]
pub struct StreamedMethods(Arc<HashSet<String>>);

impl StreamedMethods {
    /// Finds them in an encoded `google.protobuf.FileDescriptorSet`.
    pub fn of(descriptors: &[u8]) -> Result<Self, DescriptorError> {
        let pool = DescriptorPool::decode(descriptors)?;
        let methods = pool.services().flat_map(|service| service.methods().collect::<Vec<_>>());
        let streamed = methods.filter(prost_reflect::MethodDescriptor::is_server_streaming);
        let path = |method: prost_reflect::MethodDescriptor| {
            format!("/{}/{}", method.parent_service().full_name(), method.name())
        };
        Ok(streamed.map(path).collect())
    }

    /// Returns whether the answers to calls of this path are streams.
    pub(super) fn contains(&self, path: &str) -> bool {
        self.0.contains(path)
    }
}

impl FromIterator<String> for StreamedMethods {
    fn from_iter<I: IntoIterator<Item = String>>(paths: I) -> Self {
        Self(Arc::new(paths.into_iter().collect()))
    }
}

/// A layer inside of the check of access, since refused calls have no stream.
#[derive(Clone)]
pub(super) struct StreamLayer {
    pub(super) admission: Admission,
    pub(super) methods: StreamedMethods,
    /// The time for which a reader may take nothing.
    pub(super) unread_limit: Duration,
}

impl<S> Layer<S> for StreamLayer {
    type Service = WithStreams<S>;

    fn layer(&self, inner: S) -> WithStreams<S> {
        WithStreams { inner, layer: self.clone() }
    }
}

#[derive(Clone)]
pub(super) struct WithStreams<S> {
    inner: S,
    layer: StreamLayer,
}

impl<S> Service<Request<Body>> for WithStreams<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<Body>, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let StreamLayer { admission, methods, unread_limit } = &self.layer;
        if !methods.contains(request.uri().path()) {
            return Box::pin(self.inner.call(request));
        }
        match admission.enter_stream(applicant(&request)) {
            Ok(place) => {
                let (answer, limit) = (self.inner.call(request), *unread_limit);
                Box::pin(async move { Ok(hold(place, answer.await?, limit)) })
            }
            Err(refusal) => Box::pin(async move { Ok(refusal.into_http()) }),
        }
    }
}
