//! Faults, each of which is provoked and then counted by a metric. A second system, in which there is little of everything, has them:
//! metrics are global to the process, so the first one's listener shows both.

mod background;
mod load;
mod refusals;
mod watch;

use std::num::NonZeroUsize;
use std::time::Duration;

use rowhouse_auth::MailArgs;
use rowhouse_chassis::config::AdmissionArgs;
use rowhouse_testkit::smtp::{Security, Smtp};
use rowhouse_testkit::{TestOptions, TestSystem};
use tempfile::TempDir;

use crate::prometheus::Prometheus;

/// The alerts that have a reason to fire after the faults.
const HAVE_A_REASON: [&str; 6] = [
    "RowhouseDatabaseConnectionsMissing",
    "RowhouseEmailsFail",
    "RowhouseErrorBudgetBurns",
    "RowhouseHashingIsFull",
    "RowhouseJobsDie",
    "RowhouseOverloaded",
];

/// The connections of clients to each part. One tenant's many requests do not need as many.
const CONNECTIONS: usize = 100;

/// The system with the faults, and where its metrics are.
struct World<'a> {
    /// The address of the metrics.
    metrics: &'a TestSystem,
    system: TestSystem,
    smtp: Smtp,
    _directory: TempDir,
}

impl<'a> World<'a> {
    async fn start(metrics: &'a TestSystem) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let smtp = Smtp::start(Security::None, directory.path()).await;
        let mail = MailArgs {
            smtp_url: Some(format!("smtp://{}", smtp.address)),
            mail_dir: None,
            ..MailArgs::into_directory(directory.path())
        };
        let options = TestOptions {
            pool_size: 2,
            acquire_timeout: Duration::from_secs(1),
            admission: AdmissionArgs {
                max_concurrent_calls: NonZeroUsize::new(4).unwrap(),
                max_connections: NonZeroUsize::new(CONNECTIONS).unwrap(),
            },
            // A hash takes a tenth of a second.
            bcrypt_cost: 11,
            mail: Some(mail),
            ..TestOptions::default()
        };
        Self { metrics, system: TestSystem::start_with(options).await, smtp, _directory: directory }
    }
}

/// Provokes each fault, and waits until it is counted.
pub(crate) async fn are_counted(metrics: &TestSystem) {
    let world = World::start(metrics).await;
    let tenant = world.system.onboard("Initech").await;
    background::webhooks(&world, &tenant).await;
    background::emails(&world, &tenant).await;
    refusals::tokens(&world, &tenant).await;
    refusals::transactions(&world, &tenant).await;
    refusals::retries(&world, &tenant).await;
    load::hashing(&world, &tenant).await;
    load::connections(&world).await;
    load::calls(&world, &tenant).await;
    background::due_jobs(world).await;
}

/// Checks that the rules see the faults.
pub(crate) async fn give_alerts_a_reason(prometheus: &Prometheus) {
    let rules = crate::queries::of_the_rules();
    for alert in HAVE_A_REASON {
        let expressions = rules.iter().filter(|(name, _)| name == alert);
        for (_, expression) in expressions {
            assert!(!prometheus.query(expression).await.is_empty(), "{alert} has no reason: {expression}");
        }
    }
}
