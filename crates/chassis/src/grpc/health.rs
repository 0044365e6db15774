//! [`Reporter`], the health that a server reports: the process is alive; its services are ready when their dependencies answer.

mod watched;

use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::server::HealthReporter;

use self::watched::Watched;
use crate::shutdown::Shutdown;
use crate::telemetry::report_readiness;

const INTERVAL: Duration = Duration::from_secs(1);
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// Reports a server's health by grpc.health.v1.
pub(super) struct Reporter<R> {
    inner: HealthReporter,
    services: Vec<&'static str>,
    readiness: Option<R>,
    interval: Duration,
    check_timeout: Duration,
}

impl<R, F> Reporter<R>
where
    R: Fn() -> F,
    F: Future<Output = bool>,
{
    /// Creates a reporter. The services count as not ready until the first check succeeds.
    pub(super) async fn new(
        services: Vec<&'static str>,
        readiness: Option<R>,
    ) -> (Self, HealthServer<impl Health>) {
        let inner = HealthReporter::new();
        let server = HealthServer::new(Watched::new(&inner));
        let first = if readiness.is_some() { ServingStatus::NotServing } else { ServingStatus::Serving };
        let reporter = Self { inner, services, readiness, interval: INTERVAL, check_timeout: CHECK_TIMEOUT };
        reporter.report(first).await;
        (reporter, server)
    }

    /// Reports readiness until the server is asked to stop, and reports the stop to all watchers.
    pub(super) async fn follow(mut self, shutdown: &Shutdown) {
        tokio::select! {
            biased;
            () = shutdown.requested() => {}
            never = self.poll() => match never {},
        }
        self.inner.set_service_status("", ServingStatus::NotServing).await;
        self.report(ServingStatus::NotServing).await;
        // Removing a status ends the streams that watch it, which would otherwise delay the stop.
        for service in self.services.iter().chain(&[""]) {
            self.inner.clear_service_status(service).await;
        }
    }

    async fn poll(&self) -> std::convert::Infallible {
        let Some(readiness) = &self.readiness else { return std::future::pending().await };
        let mut interval = tokio::time::interval(self.interval);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut was_ready = None;
        loop {
            interval.tick().await;
            let ready = tokio::time::timeout(self.check_timeout, readiness()).await.unwrap_or(false);
            match (was_ready.replace(ready), ready) {
                (Some(true), true) | (Some(false), false) => {}
                (_, true) => {
                    tracing::info!(services = ?self.services, "ready");
                    self.report(ServingStatus::Serving).await;
                }
                (before, false) => {
                    tracing::warn!(services = ?self.services, "not ready: the readiness check fails");
                    // Before the first check this was already reported, and watchers receive changes only.
                    if before.is_some() {
                        self.report(ServingStatus::NotServing).await;
                    }
                }
            }
        }
    }

    async fn report(&self, status: ServingStatus) {
        for service in &self.services {
            report_readiness(service, status == ServingStatus::Serving);
            self.inner.set_service_status(service, status).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU8, Ordering};

    use futures_util::{FutureExt, StreamExt};
    use tonic::Request;
    use tonic_health::pb::HealthCheckRequest;
    use tonic_health::pb::health_check_response::ServingStatus as Answer;
    use tonic_health::server::HealthService;

    use super::*;

    const SERVICE: &str = "test.v1.EchoService";

    #[tokio::test]
    async fn readiness_is_followed_and_a_check_that_hangs_is_a_no() {
        let mood = Arc::new(AtomicU8::new(0));
        let check = {
            let mood = Arc::clone(&mood);
            move || {
                let mood = mood.load(Ordering::Relaxed);
                async move {
                    match mood {
                        0 => true,
                        1 => false,
                        _ => std::future::pending().await,
                    }
                }
            }
        };
        let (trigger, shutdown) = Shutdown::new();
        let (mut reporter, _server) = Reporter::new(vec![SERVICE], Some(check)).await;
        (reporter.interval, reporter.check_timeout) = (Duration::from_millis(5), Duration::from_millis(50));
        let service = HealthService::from_health_reporter(reporter.inner.clone());
        let request = Request::new(HealthCheckRequest { service: SERVICE.into() });
        let mut watching = service.watch(request).await.unwrap().into_inner();
        let following = tokio::spawn(async move { reporter.follow(&shutdown).await });
        let mut next = async || watching.next().await.map(|answer| answer.unwrap().status());
        assert_eq!(next().await, Some(Answer::NotServing));
        assert_eq!(next().await, Some(Answer::Serving));
        mood.store(1, Ordering::Relaxed);
        assert_eq!(next().await, Some(Answer::NotServing));
        mood.store(0, Ordering::Relaxed);
        assert_eq!(next().await, Some(Answer::Serving));
        mood.store(2, Ordering::Relaxed);
        assert_eq!(next().await, Some(Answer::NotServing));
        mood.store(0, Ordering::Relaxed);
        assert_eq!(next().await, Some(Answer::Serving));
        trigger.request();
        assert_eq!(next().await, Some(Answer::NotServing));
        assert_eq!(next().await, None);
        following.await.unwrap();
    }
    /// According to the protocol, `Watch` of an unknown service answers and continues, and `Check` fails.
    #[tokio::test]
    async fn an_unknown_service_can_be_watched_until_the_server_stops() {
        let (trigger, shutdown) = Shutdown::new();
        let never_asked = None::<fn() -> std::future::Ready<bool>>;
        let (reporter, _server) = Reporter::new(vec![SERVICE], never_asked).await;
        let service = Watched::new(&reporter.inner);
        let request = || Request::new(HealthCheckRequest { service: "nope".into() });
        let mut watching = service.watch(request()).await.unwrap().into_inner();
        let first = watching.next().await.unwrap().unwrap();
        assert_eq!(first.status(), Answer::ServiceUnknown);
        let code = service.check(request()).await.unwrap_err().code();
        assert_eq!(code, tonic::Code::NotFound);

        reporter.report(ServingStatus::NotServing).await;
        assert!(watching.next().now_or_never().is_none(), "it stays open, and nothing more is said");
        trigger.request();
        reporter.follow(&shutdown).await;
        assert!(watching.next().await.is_none());
    }
}
