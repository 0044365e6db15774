//! The background tasks of a service.

use std::any::Any;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::shutdown::Shutdown;

/// The additional time that a task has to finish after the calls: jobs that are aborted at the limit are released in the
/// database.
const GRACE: Duration = Duration::from_secs(2);

/// The error of a background task that ended too early.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the background task `{name}` {end}")]
pub struct TaskError {
    /// The task's name.
    pub name: &'static str,
    end: String,
}

/// A task that was not started yet.
pub(super) struct Task {
    name: &'static str,
    kind: Kind,
}

enum Kind {
    /// Ends by itself when it is asked to stop.
    Finishing(Box<dyn FnOnce(Shutdown) -> BoxFuture<'static, ()> + Send>),
    /// Runs until the last call has ended, and is then dropped.
    Companion(BoxFuture<'static, ()>),
}

impl Task {
    pub(super) fn finishing<F>(name: &'static str, task: impl FnOnce(Shutdown) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self { name, kind: Kind::Finishing(Box::new(|shutdown| task(shutdown).boxed())) }
    }

    pub(super) fn companion(name: &'static str, task: impl Future<Output = ()> + Send + 'static) -> Self {
        Self { name, kind: Kind::Companion(task.boxed()) }
    }
}

/// Runs the tasks beside `serve`, which gets the shutdown of all of them: requested by `shutdown`, and when a task fails.
///
/// A task that fails is not started again, since the cause of its panic probably lasts, and a service without one of its tasks
/// must not count as ready. Instead, calls are drained and the process ends with an error, so that it is restarted. Dropping
/// the future drops the tasks.
pub(super) async fn beside<F, E>(
    tasks: Vec<Task>,
    shutdown: &Shutdown,
    serve: impl FnOnce(Shutdown) -> F,
) -> Result<(), E>
where
    F: Future<Output = Result<(), E>>,
    E: From<TaskError>,
{
    let (stop, stopping) = shutdown.child();
    let calls_over = CancellationToken::new();
    // Not a `TaskTracker`, which neither tells that a task failed nor aborts the tasks when it is dropped.
    let mut running = JoinSet::new();
    for Task { name, kind } in tasks {
        running.spawn(run(name, kind, stopping.clone(), calls_over.clone()));
    }
    let mut serving = std::pin::pin!(serve(stopping));
    let mut failure = None;
    let served = loop {
        tokio::select! {
            served = &mut serving => break served,
            error = next_failure(&mut running) => {
                failure.get_or_insert(error);
                stop.request();
            }
        }
    };
    // A server that stopped by itself has asked nobody.
    stop.request();
    calls_over.cancel();
    while let Some(ended) = running.join_next().await {
        if let Ok(Err(error)) = ended {
            failure.get_or_insert(error);
        }
    }
    served?;
    failure.map_or(Ok(()), |error| Err(error.into()))
}

/// Waits for a task that fails; for ever when none does.
async fn next_failure(running: &mut JoinSet<Result<(), TaskError>>) -> TaskError {
    while let Some(ended) = running.join_next().await {
        // Tasks catch their panics and are aborted by nobody.
        if let Ok(Err(error)) = ended {
            return error;
        }
    }
    let never: Infallible = std::future::pending().await;
    match never {}
}

async fn run(
    name: &'static str,
    kind: Kind,
    stopping: Shutdown,
    calls_over: CancellationToken,
) -> Result<(), TaskError> {
    let task = match kind {
        Kind::Companion(task) => tokio::select! {
            ended = AssertUnwindSafe(task).catch_unwind() => ended,
            () = calls_over.cancelled() => return Ok(()),
        },
        Kind::Finishing(start) => {
            let overdue = async {
                stopping.requested().await;
                sleep(stopping.limit() + GRACE).await;
            };
            // It may panic before it is a future, too.
            let task = AssertUnwindSafe(async { start(stopping.clone()).await }).catch_unwind();
            tokio::select! {
                ended = task => ended,
                () = overdue => {
                    tracing::warn!(task = name, "the background task `{name}` has not ended in time and is aborted");
                    return Ok(());
                }
            }
        }
    };
    let end = match task {
        Ok(()) if stopping.is_requested() => return Ok(()),
        Ok(()) => "ended without having been asked to".to_owned(),
        Err(panic) => format!("panicked: {}", message(&*panic)),
    };
    let error = TaskError { name, end };
    tracing::error!(task = name, "{error}: the service stops");
    Err(error)
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("(no text)")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use tokio::sync::Notify;

    use super::*;

    /// Serves until it is asked to stop, and then until `drained` is notified.
    fn server(
        drained: &Arc<Notify>,
    ) -> impl FnOnce(Shutdown) -> BoxFuture<'static, Result<(), TaskError>> + use<> {
        let drained = Arc::clone(drained);
        move |shutdown| {
            async move {
                shutdown.requested().await;
                drained.notified().await;
                Ok(())
            }
            .boxed()
        }
    }

    fn drained() -> Arc<Notify> {
        let drained = Arc::new(Notify::new());
        drained.notify_one();
        drained
    }

    #[tokio::test]
    async fn a_task_that_panics_or_ends_stops_the_service_with_an_error() {
        let (_trigger, shutdown) = Shutdown::new();
        let healthy = Task::finishing("healthy", |stop: Shutdown| stop.into_requested());
        let panics = Task::finishing("broken", |_| async { panic!("no {}", "index") });
        let error = beside(vec![healthy, panics], &shutdown, server(&drained())).await.unwrap_err();
        assert_eq!(error.to_string(), "the background task `broken` panicked: no index");
        let at_once = |_| -> std::future::Ready<()> { panic!("before it begins") };
        let error = beside(vec![Task::finishing("broken", at_once)], &shutdown, server(&drained())).await;
        assert_eq!(error.unwrap_err().to_string(), "the background task `broken` panicked: before it begins");
        for ends in [Task::finishing("short", |_| async {}), Task::companion("short", async {})] {
            let error = beside(vec![ends], &shutdown, server(&drained())).await.unwrap_err();
            assert_eq!(error.to_string(), "the background task `short` ended without having been asked to");
        }
        assert!(!shutdown.is_requested(), "others in the process go on");
    }

    #[tokio::test]
    async fn calls_are_drained_before_a_failure_ends_the_service() {
        let (_trigger, shutdown) = Shutdown::new();
        let last_call = Arc::new(Notify::new());
        let serving = beside(vec![Task::companion("short", async {})], &shutdown, server(&last_call));
        let mut serving = std::pin::pin!(serving);
        assert!(tokio::time::timeout(Duration::from_millis(50), &mut serving).await.is_err());
        last_call.notify_one();
        assert!(serving.await.is_err());
    }

    #[tokio::test]
    async fn a_shutdown_lets_tasks_finish_and_drops_companions_after_the_last_call() {
        let (trigger, shutdown) = Shutdown::new();
        let (finished, last_call, dropped) =
            (Arc::new(AtomicBool::new(false)), Arc::new(Notify::new()), CancellationToken::new());
        let (done, guard) = (Arc::clone(&finished), dropped.clone().drop_guard());
        let finishing = Task::finishing("finishing", |stop: Shutdown| async move {
            stop.requested().await;
            tokio::task::yield_now().await;
            done.store(true, Ordering::Relaxed);
        });
        let companion = Task::companion("companion", async move {
            let _guard = guard;
            std::future::pending::<()>().await;
        });
        let tasks = vec![finishing, companion];
        let serve = server(&last_call);
        let serving = tokio::spawn(async move { beside(tasks, &shutdown, serve).await });
        trigger.request();
        assert!(tokio::time::timeout(Duration::from_millis(50), dropped.cancelled()).await.is_err());
        last_call.notify_one();
        serving.await.unwrap().unwrap();
        assert!(finished.load(Ordering::Relaxed) && dropped.is_cancelled());
    }

    #[tokio::test]
    async fn a_task_that_does_not_end_is_aborted() {
        let (trigger, shutdown) = Shutdown::within(Duration::from_millis(10));
        trigger.request();
        let begun = tokio::time::Instant::now();
        let hangs = Task::finishing("hangs", |_| std::future::pending());
        beside(vec![hangs], &shutdown, server(&drained())).await.unwrap();
        assert!(begun.elapsed() >= shutdown.limit() + GRACE);
    }
}
