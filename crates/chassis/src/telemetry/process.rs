//! Metrics of the process and of its tokio runtime.

use std::time::{Duration, Instant};

use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;
use opentelemetry_semantic_conventions::attribute::CPU_MODE;
use opentelemetry_semantic_conventions::metric::{
    PROCESS_CPU_TIME, PROCESS_MEMORY_USAGE, PROCESS_MEMORY_VIRTUAL, PROCESS_THREAD_COUNT,
    PROCESS_UNIX_FILE_DESCRIPTOR_COUNT, PROCESS_UPTIME,
};
use procfs::process::{Process, Stat};
use tokio::runtime::{Handle, RuntimeMetrics};

/// Registers the metrics, which are read when they are asked for.
pub(super) fn observe(meter: &Meter) {
    observe_process(meter);
    // Telemetry is set up in the runtime that it observes.
    if let Ok(runtime) = Handle::try_current() {
        observe_runtime(meter, &runtime);
    }
}

fn stat() -> Option<Stat> {
    Process::myself().and_then(|process| process.stat()).ok()
}

fn observe_process(meter: &Meter) {
    let started = Instant::now();
    meter
        .f64_observable_counter(PROCESS_CPU_TIME)
        .with_unit("s")
        .with_description("Processor time of the process")
        .with_callback(|observer| {
            let Some(stat) = stat() else { return };
            for (ticks, mode) in [(stat.utime, "user"), (stat.stime, "system")] {
                observer.observe(seconds(ticks), &[KeyValue::new(CPU_MODE, mode)]);
            }
        })
        .build();
    meter
        .u64_observable_gauge(PROCESS_MEMORY_USAGE)
        .with_unit("By")
        .with_description("Physical memory of the process")
        .with_callback(|observer| {
            if let Some(stat) = stat() {
                observer.observe(stat.rss.saturating_mul(procfs::page_size()), &[]);
            }
        })
        .build();
    meter
        .u64_observable_gauge(PROCESS_MEMORY_VIRTUAL)
        .with_unit("By")
        .with_description("Virtual memory of the process")
        .with_callback(|observer| {
            if let Some(stat) = stat() {
                observer.observe(stat.vsize, &[]);
            }
        })
        .build();
    meter
        .i64_observable_gauge(PROCESS_THREAD_COUNT)
        .with_unit("{thread}")
        .with_description("Threads of the process")
        .with_callback(|observer| {
            if let Some(stat) = stat() {
                observer.observe(stat.num_threads, &[]);
            }
        })
        .build();
    meter
        .u64_observable_gauge(PROCESS_UNIX_FILE_DESCRIPTOR_COUNT)
        .with_unit("{file_descriptor}")
        .with_description("Open file descriptors of the process")
        .with_callback(|observer| {
            let count = Process::myself().and_then(|process| process.fd_count());
            if let Some(count) = count.ok().and_then(|count| u64::try_from(count).ok()) {
                observer.observe(count, &[]);
            }
        })
        .build();
    meter
        .f64_observable_gauge(PROCESS_UPTIME)
        .with_unit("s")
        .with_description("Time since the start of the process")
        .with_callback(move |observer| observer.observe(started.elapsed().as_secs_f64(), &[]))
        .build();
}

fn seconds(ticks: u64) -> f64 {
    // There are about a hundred ticks a second, so no precision is lost within centuries.
    #[allow(clippy::as_conversions, clippy::cast_precision_loss, reason = "see above")]
    let seconds = ticks as f64 / procfs::ticks_per_second() as f64;
    seconds
}

type Count = fn(&RuntimeMetrics) -> usize;

fn observe_runtime(meter: &Meter, runtime: &Handle) {
    let metrics = runtime.metrics();
    let counts: [(_, _, Count); 3] = [
        ("tokio.workers", "Threads of the runtime", RuntimeMetrics::num_workers),
        ("tokio.tasks.alive", "Tasks that have not ended", RuntimeMetrics::num_alive_tasks),
        (
            "tokio.tasks.queued",
            "Tasks that wait in the runtime's shared queue for a thread",
            RuntimeMetrics::global_queue_depth,
        ),
    ];
    for (name, description, count) in counts {
        let metrics = metrics.clone();
        meter
            .u64_observable_gauge(name)
            .with_description(description)
            .with_callback(move |observer| {
                observer.observe(u64::try_from(count(&metrics)).unwrap_or(u64::MAX), &[]);
            })
            .build();
    }
    meter
        .f64_observable_counter("tokio.workers.busy_time")
        .with_unit("s")
        .with_description("Time for which the runtime's threads ran tasks, all together")
        .with_callback(move |observer| {
            let busy: Duration =
                (0..metrics.num_workers()).map(|worker| metrics.worker_total_busy_duration(worker)).sum();
            observer.observe(busy.as_secs_f64(), &[]);
        })
        .build();
}
