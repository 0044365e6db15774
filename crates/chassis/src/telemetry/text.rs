//! Log lines for people.

use std::fmt::{self, Write};
use std::time::Duration;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{ChronoLocal, FormatTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// The target of the line of a request. Its message says everything, and its fields, which repeat that, are for programs.
pub const REQUEST: &str = "rowhouse::request";

/// Returns a duration in milliseconds, to the microsecond: the latency in the line of a request.
#[must_use]
pub fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// The format of short lines: the time of day, the level, the program's part, the message, and the fields. Spans are left out.
pub(super) struct ShortLines(ChronoLocal);

impl Default for ShortLines {
    fn default() -> Self {
        Self(ChronoLocal::new("%H:%M:%S%.3f ".to_owned()))
    }
}

impl<S, N> FormatEvent<S, N> for ShortLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let ansi = writer.has_ansi_escapes();
        self.0.format_time(&mut writer)?;
        let (colour, level) = match *metadata.level() {
            Level::ERROR => ("\x1b[31m", "ERROR "),
            Level::WARN => ("\x1b[33m", "WARN  "),
            Level::INFO => ("", ""),
            Level::DEBUG => ("\x1b[2m", "DEBUG "),
            Level::TRACE => ("\x1b[2m", "TRACE "),
        };
        if ansi && !colour.is_empty() {
            write!(writer, "{colour}{level}\x1b[0m")?;
        } else {
            writer.write_str(level)?;
        }
        let mut texts = Texts::default();
        event.record(&mut texts);
        write_harmless(&mut writer, &texts.message)?;
        if metadata.target() != REQUEST {
            write_harmless(&mut writer, &texts.fields)?;
        }
        writeln!(writer)
    }
}

/// Writes a text that may quote what a stranger sent: without control characters, and with its further lines indented, so that none of them
/// looks like a line of the log.
fn write_harmless(writer: &mut Writer<'_>, text: &str) -> fmt::Result {
    text.chars().try_for_each(|char| match char {
        '\n' => writer.write_str("\n    "),
        char if char.is_control() => writer.write_char(char::REPLACEMENT_CHARACTER),
        char => writer.write_char(char),
    })
}

#[derive(Default)]
struct Texts {
    message: String,
    fields: String,
}

impl Visit for Texts {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message.push_str(value);
        } else if value.chars().any(|char| char.is_whitespace() || char == '"' || char == '=') {
            self.record_debug(field, &value);
        } else {
            self.record_debug(field, &format_args!("{value}"));
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let written = if field.name() == "message" {
            write!(self.message, "{value:?}")
        } else {
            write!(self.fields, " {}={value:?}", field.name())
        };
        debug_assert!(written.is_ok(), "writing into a String does not fail");
    }
}
