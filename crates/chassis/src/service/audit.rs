//! The audit of a running service's schema, which may be changed at any time after the start.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use opentelemetry::KeyValue;
use rowhouse_catalog::ServiceName;
use rowhouse_tenancy::TenantDb;
use rowhouse_tenancy::audit::AuditScope;
use tokio::time::{Instant, sleep};

use crate::database::REQUIRED_SCHEMA;
use crate::telemetry::meter;

/// The last audit.
struct LastAudit {
    violations: AtomicU64,
    ended: Mutex<Instant>,
    /// The newest migration of the database, as a number.
    schema: AtomicU64,
}

/// Audits the service's schema at each interval and measures the verdict. The audit at the start found nothing, or the service would not
/// run. A violation is logged as an error and does not stop the service: an operator decides.
pub(super) async fn audit_regularly(db: TenantDb, service: ServiceName, interval: Duration) {
    let required = REQUIRED_SCHEMA.parse().unwrap_or_default();
    let last = Arc::new(LastAudit {
        violations: AtomicU64::new(0),
        ended: Mutex::new(Instant::now()),
        schema: AtomicU64::new(required),
    });
    observe(service, &last);
    ask_version(&db, &last).await;
    loop {
        sleep(interval).await;
        audit(&db, service, &last).await;
    }
}

async fn audit(db: &TenantDb, service: ServiceName, last: &LastAudit) {
    match db.audit(&AuditScope::Schema(service.schema())).await {
        Ok(violations) => {
            for violation in &violations {
                tracing::error!("the database violates the isolation guarantees: {violation}");
            }
            last.violations.store(u64::try_from(violations.len()).unwrap_or(u64::MAX), Ordering::Relaxed);
            *last.ended.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        }
        Err(error) => tracing::warn!(%error, "the database could not be audited: {error}"),
    }
    ask_version(db, last).await;
}

async fn ask_version(db: &TenantDb, last: &LastAudit) {
    if let Ok(Some(version)) = db.schema_version().await
        && let Ok(newest) = version.newest.parse()
    {
        last.schema.store(newest, Ordering::Relaxed);
    }
}

fn observe(service: ServiceName, last: &Arc<LastAudit>) {
    let attribute = KeyValue::new("rowhouse.service", service.as_str());
    let (violations, of_violations) = (Arc::downgrade(last), [attribute.clone()]);
    meter()
        .u64_observable_gauge("rowhouse.audit.violations")
        .with_unit("{violation}")
        .with_description(
            "Violations of the isolation guarantees that the last audit found in the service's schema",
        )
        .with_callback(move |observer| {
            if let Some(last) = violations.upgrade() {
                observer.observe(last.violations.load(Ordering::Relaxed), &of_violations);
            }
        })
        .build();
    let (age, of_age) = (Arc::downgrade(last), [attribute.clone()]);
    meter()
        .f64_observable_gauge("rowhouse.audit.age")
        .with_unit("s")
        .with_description("Time since the last audit of the service's schema")
        .with_callback(move |observer| {
            if let Some(last) = age.upgrade() {
                let ended = *last.ended.lock().unwrap_or_else(PoisonError::into_inner);
                observer.observe(ended.elapsed().as_secs_f64(), &of_age);
            }
        })
        .build();
    let schema = Arc::downgrade(last);
    meter()
        .u64_observable_gauge("rowhouse.schema.version")
        .with_description("Newest migration of the database, and the one that the program needs, as numbers")
        .with_callback(move |observer| {
            let Some(last) = schema.upgrade() else { return };
            let needed = REQUIRED_SCHEMA.parse().unwrap_or_default();
            for (version, of) in [(last.schema.load(Ordering::Relaxed), "present"), (needed, "required")] {
                observer.observe(version, &[attribute.clone(), KeyValue::new("rowhouse.schema", of)]);
            }
        })
        .build();
}
