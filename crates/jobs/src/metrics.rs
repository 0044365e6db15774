//! Metrics of jobs: attempts and their results, and what is due.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Double, Integer, Text};
use diesel_async::RunQueryDsl;
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, UpDownCounter};
use rowhouse_chassis::telemetry::{SECONDS, meter};
use rowhouse_tenancy::{DbError, GlobalTx, TenantDb};
use tokio::time::{MissedTickBehavior, interval};

/// The interval at which due jobs are counted. Prometheus usually reads as often.
pub(crate) const INTERVAL: Duration = Duration::from_secs(15);
/// The number of tenants whose due jobs are counted. With more, the count is too low, and the age still right.
pub(crate) const TENANTS: i32 = 1000;

/// The class of jobs that belong to no tenant.
pub(crate) const GLOBAL: &str = "global";

const CLASS: &str = "rowhouse.job.class";
const KIND: &str = "rowhouse.job.kind";
const RESULT: &str = "rowhouse.job.result";

static DURATIONS: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    meter()
        .f64_histogram("rowhouse.job.attempt.duration")
        .with_unit("s")
        .with_description("Duration of the attempts at jobs")
        .with_boundaries(SECONDS.to_vec())
        .build()
});
static ATTEMPTS: LazyLock<Counter<u64>> = LazyLock::new(|| {
    meter()
        .u64_counter("rowhouse.job.attempts")
        .with_unit("{attempt}")
        .with_description("Attempts at jobs, by result")
        .build()
});
static RUNNING: LazyLock<UpDownCounter<i64>> = LazyLock::new(|| {
    meter()
        .i64_up_down_counter("rowhouse.jobs.running")
        .with_unit("{job}")
        .with_description("Jobs that this process runs")
        .build()
});

/// The result of an attempt at a job.
#[derive(Clone, Copy, Debug)]
pub(crate) enum AttemptEnd {
    /// The work is done.
    Succeeded,
    /// It failed and is tried again.
    Retried,
    /// It failed for the last time. Somebody has to look at it.
    Dead,
    /// Its cancellation was requested, or its tenant is suspended.
    Cancelled,
    /// Another worker does it: the lease was lost, the process stops, or the class has changed.
    HandedOver,
}

impl AttemptEnd {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Retried => "retried",
            Self::Dead => "dead",
            Self::Cancelled => "cancelled",
            Self::HandedOver => "handed_over",
        }
    }
}

/// An attempt in progress. One that is dropped without an end is handed over.
pub(crate) struct MeasuredAttempt {
    attributes: [KeyValue; 2],
    began: Instant,
    end: AttemptEnd,
}

impl MeasuredAttempt {
    pub(crate) fn begin(class: &'static str, kind: &str) -> Self {
        let attributes = [KeyValue::new(CLASS, class), KeyValue::new(KIND, kind.to_owned())];
        RUNNING.add(1, &attributes);
        Self { attributes, began: Instant::now(), end: AttemptEnd::HandedOver }
    }

    pub(crate) fn end(mut self, end: AttemptEnd) {
        self.end = end;
    }
}

impl Drop for MeasuredAttempt {
    fn drop(&mut self) {
        RUNNING.add(-1, &self.attributes);
        DURATIONS.record(self.began.elapsed().as_secs_f64(), &self.attributes);
        let [class, kind] = self.attributes.clone();
        ATTEMPTS.add(1, &[class, kind, KeyValue::new(RESULT, self.end.as_str())]);
    }
}

/// Makes the counter of dead jobs of a kind begin at 0, so that the first one is an increase.
pub(crate) fn expect_attempts(class: &'static str, kind: &'static str) {
    let dead = KeyValue::new(RESULT, AttemptEnd::Dead.as_str());
    ATTEMPTS.add(0, &[KeyValue::new(CLASS, class), KeyValue::new(KIND, kind), dead]);
}

/// The due jobs of one class and kind.
#[derive(Clone, QueryableByName)]
struct Due {
    #[diesel(sql_type = Text)]
    class: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = BigInt)]
    count: i64,
    #[diesel(sql_type = Double)]
    oldest_seconds: f64,
}

/// Counts the due jobs of this service again and again, and those of the `known` kinds, with their classes, also when none is due.
/// All of its instances count the same jobs.
pub(crate) async fn count_due_jobs(db: TenantDb, known: Vec<(&'static str, &'static str)>) {
    let counted: Arc<Mutex<Vec<Due>>> = Arc::default();
    observe(&db.role_name(), &counted);
    let mut interval = interval(INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        match db.global_tx("jobs.statistics", due_jobs).await {
            Ok(due) => *counted.lock().unwrap_or_else(PoisonError::into_inner) = with_idle(due, &known),
            Err(error) => {
                // An old number would look like a healthy queue.
                counted.lock().unwrap_or_else(PoisonError::into_inner).clear();
                tracing::warn!(%error, "due jobs cannot be counted: {error}");
            }
        }
    }
}

/// Adds the kinds of which no job is due.
fn with_idle(mut due: Vec<Due>, known: &[(&str, &str)]) -> Vec<Due> {
    for (class, kind) in known {
        if !due.iter().any(|due| due.class == *class && due.kind == *kind) {
            let (class, kind) = ((*class).to_owned(), (*kind).to_owned());
            due.push(Due { class, kind, count: 0, oldest_seconds: 0.0 });
        }
    }
    due
}

async fn due_jobs(tx: &mut GlobalTx) -> Result<Vec<Due>, DbError> {
    let query = "SELECT class, kind, sum(due)::bigint AS count, max(oldest_seconds) AS oldest_seconds
        FROM jobs.statistics($1) GROUP BY class, kind";
    Ok(diesel::sql_query(query).bind::<Integer, _>(TENANTS).load(tx).await?)
}

fn observe(queue: &str, counted: &Arc<Mutex<Vec<Due>>>) {
    let of = |due: &Due, queue: &KeyValue| {
        [KeyValue::new(CLASS, due.class.clone()), KeyValue::new(KIND, due.kind.clone()), queue.clone()]
    };
    let queue = KeyValue::new("rowhouse.job.queue", queue.to_owned());
    let (count, of_queue) = (Arc::downgrade(counted), queue.clone());
    meter()
        .i64_observable_gauge("rowhouse.jobs.due")
        .with_unit("{job}")
        .with_description("Jobs of the service that are due and wait for a worker")
        .with_callback(move |observer| {
            let Some(counted) = count.upgrade() else { return };
            for due in counted.lock().unwrap_or_else(PoisonError::into_inner).iter() {
                observer.observe(due.count, &of(due, &of_queue));
            }
        })
        .build();
    let age = Arc::downgrade(counted);
    meter()
        .f64_observable_gauge("rowhouse.jobs.due.oldest_age")
        .with_unit("s")
        .with_description("Time for which the oldest due job has waited for a worker")
        .with_callback(move |observer| {
            let Some(counted) = age.upgrade() else { return };
            for due in counted.lock().unwrap_or_else(PoisonError::into_inner).iter() {
                observer.observe(due.oldest_seconds, &of(due, &queue));
            }
        })
        .build();
}
