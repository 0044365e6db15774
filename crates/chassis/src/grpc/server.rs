//! The gRPC server.

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::{Stream, StreamExt, stream};
use rowhouse_tenancy::grpc::AuthenticateLayer;
use rowhouse_tokens::Verifier;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::codec::CompressionEncoding;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use super::access::AccessLayer;
use super::admission::AdmissionLayer;
use super::envelope::EnvelopeLayer;
use super::health;
use super::incoming::Incoming;
use super::listener::Listener;
use super::operations::OperationsLayer;
use super::permitted_body::unread_limit;
use super::rate_limit::RateLimitLayer;
use super::reject::reject;
use super::streams::{STREAM_WINDOW, StreamLayer, StreamedMethods};
use super::tenant::RecordTenantLayer;
use crate::access::AccessRules;
use crate::admission::Admission;
use crate::client::TrustedProxies;
use crate::rate_limit::RateLimiter;
use crate::shutdown::Shutdown;
use crate::tls::ServerTls;

/// The compression that requests may have. Answers have none: most are short, and the length of a compressed answer that has a
/// secret beside text from the request would reveal it (BREACH).
pub const COMPRESSION: CompressionEncoding = CompressionEncoding::Gzip;

/// Sets what every gRPC service has: the size limit of a message, and compression. The servers that tonic generates have these
/// methods, but no trait in common.
#[macro_export]
macro_rules! grpc_service {
    ($server:expr) => {
        $server
            .max_decoding_message_size($crate::grpc::MAX_REQUEST)
            .accept_compressed($crate::grpc::COMPRESSION)
    };
}

/// The gRPC service that reports health.
const HEALTH: &str = "grpc.health.v1.Health";

/// The time for sending the answers of cancelled calls.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// The settings of a server besides its services.
pub struct GrpcOptions<R> {
    /// Verifies the token of every call.
    pub verifier: Arc<Verifier>,
    /// The access rules of all methods except health and reflection, which are public.
    pub access: Arc<AccessRules>,
    /// The descriptors of the services, if the server offers reflection.
    pub reflection: Option<&'static [u8]>,
    /// The time limit of a call. A caller may set a shorter one.
    pub request_timeout: Duration,
    /// The age at which a connection is asked to end, give or take a tenth: the client then makes a new one, perhaps to another
    /// instance. Running calls are finished. It has no end if this is zero.
    pub max_connection_age: Duration,
    /// The connections at once. One network gets half of them while others ask.
    pub max_connections: NonZeroUsize,
    /// The certificates, if calls are served over TLS.
    pub tls: Option<ServerTls>,
    /// The networks whose machines are trusted to say for whom they call.
    pub proxies: TrustedProxies,
    /// Counts the calls of each tenant, person and API key. A service that verifies tokens by itself counts their callers with it, too.
    pub limiter: Arc<RateLimiter>,
    /// The places of the calls that run at once. Health and reflection take none.
    pub admission: Admission,
    /// The methods whose answers are streams, which have places of their own.
    pub streamed: StreamedMethods,
    /// Returns whether calls would succeed at this moment. It is called once a second. Without it, the server is
    /// always ready.
    pub readiness: Option<R>,
    /// The names under which readiness is reported, such as `auth.v1.AuthService`.
    pub services: Vec<&'static str>,
}

/// The reason why serving ended without a request to stop.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The listening socket failed.
    #[error("cannot accept connections: {0}")]
    Accept(#[from] io::Error),
    /// The descriptors for reflection are invalid.
    #[error("cannot offer reflection: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The server stopped by itself.
    #[error("the server stopped: {0}")]
    Stopped(#[from] tonic::transport::Error),
}

/// Serves `routes` until `shutdown` is requested, and then until the running calls are finished, for
/// [`Shutdown::limit`] at most.
///
/// Around every call lie, from the outside in: its span and log line, its deadline, the net for panics, the
/// verification of its token, the limit of its tenant's rate, the wait for a place, its access, and the place of its answer if that
/// is a stream. Needs a tokio runtime.
pub async fn serve<R, F>(
    listener: Listener,
    options: GrpcOptions<R>,
    routes: Routes,
    shutdown: Shutdown,
) -> Result<(), ServeError>
where
    R: Fn() -> F + Send,
    F: Future<Output = bool> + Send,
{
    let names = options.services.clone();
    let (health, health_service) = health::Reporter::new(options.services, options.readiness).await;
    let mut operations = Routes::new(health_service);
    if let Some(descriptors) = options.reflection {
        // Of all that the descriptors have, only what is served here is listed.
        let reflection = || {
            let names = names.iter().copied().chain([HEALTH]);
            let builder = tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(descriptors)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
            names.fold(builder, tonic_reflection::server::Builder::with_service_name)
        };
        // Older clients know the alpha version only.
        operations =
            operations.add_service(reflection().build_v1()?).add_service(reflection().build_v1alpha()?);
    }
    let stop = CancellationToken::new();
    let rules = Arc::clone(&options.access);
    let public = Arc::new(move |path: &str| rules.is_public(path));
    let tcp = TcpIncoming::from(TcpListener::from_std(listener.into_std())?).with_nodelay(Some(true));
    let incoming = Incoming::new(tcp, options.tls, options.max_connections);
    // A reader between has a limit of its own, and ends the stream first. It takes several messages at a time.
    let unread_limit = 2 * unread_limit(options.request_timeout);
    let mut server = Server::builder();
    if !options.max_connection_age.is_zero() {
        // Without a grace period: tonic closes the connection at its end, and announces nothing before.
        server = server.max_connection_age(spread(options.max_connection_age));
    }
    let server = server
        .http2_keepalive_interval(Some(Duration::from_secs(30)))
        .http2_keepalive_timeout(Some(Duration::from_secs(10)))
        .max_concurrent_streams(Some(1024))
        // The bound on memory does not count bytes that a connection has sent and nobody has read. A message is read as it arrives, so no
        // call whose message waits stops the other calls of its connection.
        .initial_stream_window_size(Some(STREAM_WINDOW))
        .initial_connection_window_size(Some(STREAM_WINDOW))
        .layer(EnvelopeLayer {
            request_timeout: options.request_timeout,
            access: Arc::clone(&options.access),
            proxies: options.proxies,
            stop: stop.clone(),
        })
        .layer(OperationsLayer {
            routes: operations.prepare(),
            admission: options.admission.clone(),
            unread_limit,
        })
        .layer(AuthenticateLayer::new(options.verifier, public, reject))
        .layer(RecordTenantLayer)
        .layer(RateLimitLayer { limiter: options.limiter })
        .layer(AdmissionLayer { admission: options.admission.clone() })
        .layer(AccessLayer { rules: options.access })
        .layer(StreamLayer { admission: options.admission, methods: options.streamed, unread_limit })
        .add_routes(routes)
        .serve_with_incoming_shutdown(until(health.follow(&shutdown), incoming), std::future::pending());
    let mut server = std::pin::pin!(server);
    let limit = shutdown.limit();
    let overdue = async {
        shutdown.requested().await;
        tokio::time::sleep(limit).await;
    };
    tokio::select! {
        ended = &mut server => ended?,
        () = overdue => {
            tracing::warn!("calls were still running {limit:?} after the request to stop; giving them up");
            stop.cancel();
            if let Ok(ended) = tokio::time::timeout(LAST_WORDS, server).await {
                ended?;
            }
        }
    }
    Ok(())
}

/// Ends the stream of connections, after the future, with the last one that has already arrived: closing the socket would break the
/// connections in its queue, and with them calls that their clients have sent.
fn until<S: Stream + Unpin>(
    end: impl Future<Output = ()>,
    mut connections: S,
) -> impl Stream<Item = S::Item> {
    let mut end = Box::pin(end);
    let mut ended = false;
    stream::poll_fn(move |context| {
        ended = ended || end.as_mut().poll(context).is_ready();
        match connections.poll_next_unpin(context) {
            Poll::Pending if ended => Poll::Ready(None),
            next => next,
        }
    })
}

/// Returns an age that differs by up to a tenth from process to process, so that the connections of instances that were started
/// together do not end together.
fn spread(age: Duration) -> Duration {
    // Without randomness the age is as given.
    getrandom::u32().map_or(age, |random| age.mul_f64(0.9 + 0.2 * f64::from(random) / f64::from(u32::MAX)))
}
