//! Metrics of transactions and of the pool. [`TenantDb`](super::TenantDb) is the only place that records them.

use std::sync::atomic::Ordering;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use bb8::Pool;
use opentelemetry::metrics::{Counter, Histogram, Meter};
use opentelemetry::{KeyValue, Value, global};
use opentelemetry_semantic_conventions::attribute::{
    DB_CLIENT_CONNECTION_POOL_NAME, DB_CLIENT_CONNECTION_STATE, DB_OPERATION_NAME, DB_SYSTEM_NAME, ERROR_TYPE,
};
use opentelemetry_semantic_conventions::metric::{
    DB_CLIENT_CONNECTION_COUNT, DB_CLIENT_CONNECTION_MAX, DB_CLIENT_CONNECTION_PENDING_REQUESTS,
    DB_CLIENT_CONNECTION_TIMEOUTS, DB_CLIENT_CONNECTION_WAIT_TIME, DB_CLIENT_OPERATION_DURATION,
};

use super::manager::Manager;
use super::statement::StatementLog;
use super::usage::{Usage, Used};
use crate::TenantId;
use crate::shares::Shares;

/// The limits of the buckets of durations, in seconds.
const SECONDS: [f64; 13] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

struct Instruments {
    durations: Histogram<f64>,
    round_trips: Counter<u64>,
    rows: Counter<u64>,
    waits: Histogram<f64>,
    timeouts: Counter<u64>,
}

static INSTRUMENTS: LazyLock<Instruments> = LazyLock::new(|| {
    let meter = meter();
    let seconds = |name, description| {
        let histogram = meter.f64_histogram(name).with_unit("s").with_description(description);
        histogram.with_boundaries(SECONDS.to_vec()).build()
    };
    let count = |name, unit, description| {
        meter.u64_counter(name).with_unit(unit).with_description(description).build()
    };
    Instruments {
        durations: seconds(
            DB_CLIENT_OPERATION_DURATION,
            "Duration of the transactions, without the wait for a connection",
        ),
        round_trips: count("rowhouse.db.round_trips", "{round_trip}", "Round trips of the transactions"),
        rows: count("rowhouse.db.rows", "{row}", "Rows that the transactions read or changed"),
        waits: seconds(DB_CLIENT_CONNECTION_WAIT_TIME, "Time for which transactions waited for a connection"),
        timeouts: count(DB_CLIENT_CONNECTION_TIMEOUTS, "{timeout}", "Transactions that got no connection"),
    }
});

fn meter() -> Meter {
    global::meter("rowhouse")
}

/// The end of a transaction.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    /// It was committed.
    Committed,
    /// It was rolled back: the body returned an error, or a statement or the commit failed.
    RolledBack,
    /// There was no connection for it.
    NoConnection,
    /// Its future was dropped: by a deadline, or since the caller has disconnected.
    Abandoned,
}

/// The measurement of a transaction. It is recorded when it is dropped.
pub(super) struct Measured<'a> {
    operation: &'static str,
    tenant: Option<TenantId>,
    usage: &'a Usage,
    pub(super) began: Instant,
    pub(super) end: End,
    pub(super) log: Arc<StatementLog>,
}

impl<'a> Measured<'a> {
    /// Begins a transaction, of a tenant or of none.
    pub(super) fn begin(operation: &'static str, tenant: Option<TenantId>, usage: &'a Usage) -> Self {
        let (began, end, log) = (Instant::now(), End::Abandoned, Arc::default());
        Self { operation, tenant, usage, began, end, log }
    }
}

impl Drop for Measured<'_> {
    fn drop(&mut self) {
        let Instruments { durations, round_trips, rows, .. } = &*INSTRUMENTS;
        let operation = KeyValue::new(DB_OPERATION_NAME, self.operation);
        let used = Used {
            transactions: 1,
            round_trips: self.log.round_trips.load(Ordering::Relaxed),
            rows: self.log.rows.load(Ordering::Relaxed),
            time: self.began.elapsed(),
        };
        round_trips.add(used.round_trips, std::slice::from_ref(&operation));
        rows.add(used.rows, std::slice::from_ref(&operation));
        if let (Some(tenant), true) = (self.tenant, used.round_trips > 0) {
            self.usage.add(tenant, used);
        }
        let (seconds, system) = (used.time.as_secs_f64(), KeyValue::new(DB_SYSTEM_NAME, "postgresql"));
        let error = match (self.end, self.log.failure.get()) {
            (End::Committed, _) => return durations.record(seconds, &[system, operation]),
            (End::RolledBack, Some(failure)) => Value::from(Arc::clone(failure)),
            (End::RolledBack, None) => "rolled_back".into(),
            (End::NoConnection, _) => "no_connection".into(),
            (End::Abandoned, _) => "abandoned".into(),
        };
        durations.record(seconds, &[system, operation, KeyValue::new(ERROR_TYPE, error)]);
    }
}

/// The metrics of one pool, whose name is that of its role.
#[derive(Clone)]
pub(super) struct PoolMetrics([KeyValue; 1]);

impl PoolMetrics {
    /// Registers what is read when it is asked for, as long as the pool exists.
    pub(super) fn observe(
        role: String,
        size: u32,
        pool: &Arc<Pool<Manager>>,
        shares: &Shares<TenantId>,
    ) -> Self {
        let name = KeyValue::new(DB_CLIENT_CONNECTION_POOL_NAME, role);
        let meter = meter();
        let (pool, attribute) = (Arc::downgrade(pool), name.clone());
        meter
            .u64_observable_gauge(DB_CLIENT_CONNECTION_COUNT)
            .with_unit("{connection}")
            .with_description("Connections of the pool, by state")
            .with_callback(move |observer| {
                let Some(state) = pool.upgrade().map(|pool| pool.state()) else { return };
                let used = state.connections.saturating_sub(state.idle_connections);
                for (count, state) in [(used, "used"), (state.idle_connections, "idle")] {
                    let state = KeyValue::new(DB_CLIENT_CONNECTION_STATE, state);
                    observer.observe(count.into(), &[attribute.clone(), state]);
                }
            })
            .build();
        let attribute = [name.clone()];
        meter
            .u64_observable_gauge(DB_CLIENT_CONNECTION_MAX)
            .with_unit("{connection}")
            .with_description("Size of the pool")
            .with_callback(move |observer| observer.observe(size.into(), &attribute))
            .build();
        let (shares, attribute) = (shares.weak(), [name.clone()]);
        meter
            .u64_observable_gauge(DB_CLIENT_CONNECTION_PENDING_REQUESTS)
            .with_unit("{request}")
            .with_description("Transactions that wait for a connection")
            .with_callback(move |observer| {
                if let Some(occupancy) = shares.occupancy() {
                    observer.observe(u64::try_from(occupancy.waiting).unwrap_or(u64::MAX), &attribute);
                }
            })
            .build();
        // An increase needs a beginning.
        let name = [name];
        INSTRUMENTS.timeouts.add(0, &name);
        Self(name)
    }

    /// Returns the pool's role.
    pub(super) fn role(&self) -> String {
        let [role] = &self.0;
        role.value.to_string()
    }

    /// Records the wait for a connection that began at `since`.
    pub(super) fn waited(&self, since: Instant) {
        INSTRUMENTS.waits.record(since.elapsed().as_secs_f64(), &self.0);
    }

    /// Records that no connection became free in time.
    pub(super) fn timed_out(&self) {
        INSTRUMENTS.timeouts.add(1, &self.0);
    }
}
