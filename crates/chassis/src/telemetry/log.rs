//! Log lines on standard error, and their filter, which can be changed while the program runs.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};

use json_subscriber::JsonLayer;
use serde_json::Value;
use tracing::Level;
use tracing_subscriber::filter::{EnvFilter, ParseError};
use tracing_subscriber::fmt::time::SystemTime;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, Registry, fmt, registry, reload};

use super::text::ShortLines;
use super::{TelemetryError, panics};
use crate::config::{LogFormat, TelemetryArgs};

/// The layer that writes log lines.
pub(super) type LogLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// The filter of log lines. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct LogFilter {
    handle: reload::Handle<EnvFilter, Registry>,
    text: Arc<Mutex<String>>,
}

impl LogFilter {
    /// Returns the filter as it was written.
    pub(super) fn get(&self) -> String {
        self.text.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the filter. An invalid one changes nothing.
    pub(super) fn set(&self, text: &str) -> Result<(), TelemetryError> {
        let filter = parse(text)?;
        // It fails only after the subscriber was dropped, and then nothing is logged.
        let _gone = self.handle.reload(filter);
        let before = std::mem::replace(
            &mut *self.text.lock().unwrap_or_else(PoisonError::into_inner),
            text.to_owned(),
        );
        tracing::info!(before, after = text, "the log filter was changed from `{before}` to `{text}`");
        Ok(())
    }
}

/// Libraries that announce at the level of a server's own messages that they have started. A filter that names them replaces this.
const QUIET: &str = "actix_server=warn,opentelemetry=warn";

fn parse(text: &str) -> Result<EnvFilter, TelemetryError> {
    EnvFilter::try_new(format!("{QUIET},{text}"))
        .map_err(|source: ParseError| TelemetryError::Filter { filter: text.to_owned(), source })
}

/// Returns the layer that writes log lines, with its filter. `service` is the process' name in JSON lines.
pub(super) fn layer(
    args: &TelemetryArgs,
    service: &'static str,
) -> Result<(LogLayer, LogFilter), TelemetryError> {
    let (filter, handle) = reload::Layer::new(parse(&args.log)?);
    let lines = match args.log_format {
        LogFormat::Text => {
            let lines = fmt::layer().event_format(ShortLines::default()).with_writer(io::stderr);
            // It would say on standard error that nothing can be written there, and panic.
            let lines = lines.log_internal_errors(false);
            // This only switches colours off: the default honours NO_COLOR.
            if io::stderr().is_terminal() { lines.boxed() } else { lines.with_ansi(false).boxed() }
        }
        LogFormat::Json => {
            panics::log_them();
            json_lines(service).boxed()
        }
    };
    let text = Arc::new(Mutex::new(args.log.clone()));
    Ok((lines.with_filter(filter).boxed(), LogFilter { handle, text }))
}

/// One object a line. The fields of the event and of its spans, such as `trace_id`, `tenant_id` and `client`, are at its top level.
fn json_lines(service: &'static str) -> JsonLayer<Registry, fn() -> io::Stderr> {
    let mut lines = JsonLayer::stderr();
    lines.with_timer("timestamp", SystemTime);
    lines.with_level("level");
    lines.with_target("target");
    lines.add_static_field("service", Value::from(service));
    lines.with_top_level_flattened_span_list();
    lines.with_flattened_event();
    lines
}

/// Prints why a process ends, in the format of the log lines, whatever their filter is and even if telemetry is not set up. If nobody
/// reads standard error, nobody can be told.
pub fn print_end(format: LogFormat, service: &'static str, level: Level, text: &str) {
    match format {
        LogFormat::Text => {
            let _unread = writeln!(io::stderr(), "{service}: {text}");
        }
        LogFormat::Json => {
            tracing::subscriber::with_default(registry().with(json_lines(service)), || {
                if level == Level::ERROR { tracing::error!("{text}") } else { tracing::info!("{text}") }
            });
        }
    }
}
