//! [`Reporter`], the health that a server reports: the process is alive; its services are ready when their dependencies answer.

mod watched;

use std::time::Duration;

use tokio::time::sleep;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::server::HealthReporter;

use self::watched::Watched;
use crate::shutdown::Shutdown;
use crate::telemetry::report_readiness;

/// The pause between two checks of a server that is ready. One that is not is checked four times as often, to be ready soon.
const INTERVAL: Duration = Duration::from_secs(1);
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);
/// The checks in succession that have to fail before the server counts as not ready. A single one fails when a connection is
/// replaced or the database fails over within seconds, and calls wait longer than that for their connection.
const FAILURES: u32 = 3;
/// The checks in succession that have to succeed before it counts as ready again, so that it does not flap.
const SUCCESSES: u32 = 2;

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
        // The first success counts at once: the process has just started, and others may be waiting for it.
        let (mut reported, mut deviations, mut needed) = (false, 0, 1);
        loop {
            let ready = tokio::time::timeout(self.check_timeout, readiness()).await.unwrap_or(false);
            deviations = if ready == reported { 0 } else { deviations + 1 };
            if deviations >= needed {
                (reported, deviations) = (ready, 0);
                if ready {
                    tracing::info!(services = ?self.services, "ready");
                    needed = FAILURES;
                    self.report(ServingStatus::Serving).await;
                } else {
                    tracing::warn!(services = ?self.services, "not ready: the readiness check fails");
                    needed = SUCCESSES;
                    self.report(ServingStatus::NotServing).await;
                }
            }
            sleep(if reported { self.interval } else { self.interval / 4 }).await;
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
    use tokio::sync::{Mutex, mpsc};
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
    async fn a_single_failure_changes_nothing_and_neither_does_a_single_success() {
        let (asked, mut begun) = mpsc::unbounded_channel();
        let (answer, answers) = mpsc::unbounded_channel();
        let answers = Arc::new(Mutex::new(answers));
        let check = move || {
            asked.send(()).unwrap();
            let answers = Arc::clone(&answers);
            async move { answers.lock().await.recv().await.unwrap() }
        };
        let (_trigger, shutdown) = Shutdown::new();
        let (mut reporter, _server) = Reporter::new(vec![SERVICE], Some(check)).await;
        (reporter.interval, reporter.check_timeout) = (Duration::from_millis(1), Duration::from_secs(60));
        let service = HealthService::from_health_reporter(reporter.inner.clone());
        tokio::spawn(async move { reporter.follow(&shutdown).await });
        begun.recv().await.unwrap();
        for (ready, serving) in [
            (true, true),
            (false, true),
            (false, true),
            (true, true),
            (false, true),
            (false, true),
            (false, false),
            (true, false),
            (false, false),
            (true, false),
            (true, true),
        ] {
            answer.send(ready).unwrap();
            // The next check begins after the report.
            begun.recv().await.unwrap();
            let request = Request::new(HealthCheckRequest { service: SERVICE.into() });
            let status = service.check(request).await.unwrap().into_inner().status();
            assert_eq!(status == Answer::Serving, serving, "{ready}");
        }
    }

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
