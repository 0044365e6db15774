//! The bound on the connections of clients.
//!
//! At the bound, further connections wait in the socket's queue until one ends, and an idle one ends after more than a minute. So the
//! last quarter of them is no place to be idle: while there are so many, each answer closes its connection.
//!
//! A connection keeps the memory that its largest request took: 16 KiB usually, and up to 300 KiB after a large one. So of connections
//! with a large request only an eighth of the bound is kept.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;

use actix_web::body::BoxBody;
use actix_web::dev::{Extensions, ServiceRequest, ServiceResponse};
use actix_web::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use actix_web::http::{ConnectionType, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, ResponseError, web};
use rowhouse_chassis::connections::Excess;

/// The bytes of a request above which its connection keeps more memory than a usual one: its buffer is as large.
const USUAL: usize = 8 * 1024;

/// The open connections of all threads.
pub(crate) struct Connections {
    open: Arc<AtomicUsize>,
    most: NonZeroUsize,
    excess: Excess,
}

/// A connection, until it is dropped with the data of the connection.
struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Connections {
    pub(crate) fn new(most: NonZeroUsize) -> Self {
        Self { open: Arc::default(), most, excess: Excess::expect() }
    }

    /// Returns the number of threads, and of the connections of each. actix gives connections to the threads in turns.
    pub(crate) fn threads(&self) -> (usize, usize) {
        let threads = available_parallelism().map_or(1, NonZeroUsize::get);
        (threads, self.most.get().div_ceil(threads))
    }

    /// Counts a connection, of which `data` is the data.
    pub(crate) fn begin(&self, data: &mut Extensions) {
        self.open.fetch_add(1, Ordering::Relaxed);
        data.insert(Open(Arc::clone(&self.open)));
    }

    /// Returns whether one more idle connection is too many.
    fn are_scarce(&self, is_large: bool) -> bool {
        let most = self.most.get();
        let idle = if is_large { most / 8 } else { most - most.div_ceil(4) };
        self.open.load(Ordering::Relaxed) > idle
    }
}

/// Returns whether a request takes more memory than usual, as far as its head says.
fn is_large(request: &ServiceRequest) -> bool {
    let headers = request.headers();
    let head: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    let length =
        headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok()).unwrap_or(0);
    headers.contains_key(TRANSFER_ENCODING) || head.saturating_add(length) > USUAL
}

/// Closes the connection after the answer while connections are scarce.
pub(crate) async fn close_if_scarce(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse, Error> {
    let connections = request.app_data::<web::Data<Connections>>().cloned();
    let is_large = is_large(&request);
    let answered = next.call(request).await;
    let Some(connections) = connections.filter(|connections| connections.are_scarce(is_large)) else {
        return answered;
    };
    connections.excess.count();
    match answered {
        Ok(mut response) => {
            response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
            Ok(response)
        }
        Err(error) => Err(Closing(error).into()),
    }
}

/// An error whose answer closes the connection.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct Closing(Error);

impl ResponseError for Closing {
    fn status_code(&self) -> StatusCode {
        self.0.as_response_error().status_code()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = self.0.error_response();
        response.head_mut().set_connection_type(ConnectionType::Close);
        response
    }
}
