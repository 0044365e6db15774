//! [`Watch`], which sees counters grow.

use std::time::{Duration, Instant};

use rowhouse_testkit::TestSystem;

use crate::scrape;
use crate::usage::samples;

const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(20);

/// A metric, and labels of it.
pub(super) type Series = (&'static str, &'static [(&'static str, &'static str)]);

/// Series, and their sums at the beginning.
pub(super) struct Watch<'a> {
    metrics: &'a TestSystem,
    series: Vec<(Series, f64)>,
}

/// Returns the sum of the series that there are.
fn total(text: &str, (metric, labels): Series) -> f64 {
    samples(text, metric, labels).into_iter().sum()
}

impl<'a> Watch<'a> {
    pub(super) async fn begin(metrics: &'a TestSystem, series: &[Series]) -> Self {
        let text = scrape(metrics).await;
        Self { metrics, series: series.iter().map(|series| (*series, total(&text, *series))).collect() }
    }

    /// Returns the growth of each series.
    async fn growth(&self) -> Vec<(Series, f64)> {
        let text = scrape(self.metrics).await;
        self.series.iter().map(|(series, before)| (*series, total(&text, *series) - before)).collect()
    }

    /// Waits until the growth of the series is as it should be.
    pub(super) async fn until(&self, reached: impl Fn(&[f64]) -> bool) {
        let began = Instant::now();
        loop {
            let growth = self.growth().await;
            let numbers: Vec<f64> = growth.iter().map(|(_, growth)| *growth).collect();
            if reached(&numbers) {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "not as it should be: {growth:?}");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Provokes a fault again and again until each series has grown.
    pub(super) async fn until_provoked(&self, mut provoke: impl AsyncFnMut()) {
        let began = Instant::now();
        loop {
            provoke().await;
            let growth = self.growth().await;
            if growth.iter().all(|(_, growth)| *growth >= 1.0) {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "not each has grown: {growth:?}");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Waits until each series has grown.
    pub(super) async fn until_grown(&self) {
        self.until_provoked(async || ()).await;
    }
}
