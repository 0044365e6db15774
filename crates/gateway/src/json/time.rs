//! Times in the form of RFC 3339.

use std::fmt;

use prost_types::Timestamp;
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::shape::Read;

/// Writes a time in UTC.
pub(crate) struct WrittenTime<'a>(pub(crate) &'a Timestamp);

impl Serialize for WrittenTime<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self.0)
    }
}

/// A time that is read, of any offset.
pub(crate) struct Time(Timestamp);

impl Read<Timestamp> for Time {
    fn read(self) -> Timestamp {
        self.0
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TimeVisitor).map(Self)
    }
}

struct TimeVisitor;

impl Visitor<'_> for TimeVisitor {
    type Value = Timestamp;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time such as 2026-11-23T08:30:00Z")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Timestamp, E> {
        // The parser also accepts a date alone and a time without an offset.
        let time = if is_whole(text) { text.parse().ok() } else { None };
        time.ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

/// Returns whether a text has the parts of RFC 3339's date-time: a date, `T`, and a time with an offset.
fn is_whole(text: &str) -> bool {
    let Some((date, time)) = text.split_once(['T', 't']) else { return false };
    date.len() == 10 && (time.ends_with(['Z', 'z']) || time.contains(['+', '-']))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(value: &Value) -> Result<Option<Timestamp>, String> {
        serde_json::from_value::<Option<Time>>(value.clone())
            .map(|it| it.map(Read::read))
            .map_err(|it| it.to_string())
    }

    #[test]
    fn times_are_written_in_utc_with_z() {
        let written = |at: Timestamp| serde_json::to_value(WrittenTime(&at)).unwrap();
        let time = |seconds, nanos| Timestamp { seconds, nanos };
        assert_eq!(written(time(1_795_000_000, 0)), json!("2026-11-18T11:06:40Z"));
        assert_eq!(written(time(1_795_000_000, 123_456_000)), json!("2026-11-18T11:06:40.123456Z"));
        assert_eq!(written(time(0, 500_000_000)), json!("1970-01-01T00:00:00.500Z"));
    }

    #[test]
    fn times_are_read_with_their_offset() {
        for (text, seconds, nanos) in [
            ("2026-11-18T11:06:40Z", 1_795_000_000, 0),
            ("2026-11-18t12:06:40.25+01:00", 1_795_000_000, 250_000_000),
            ("1969-12-31T23:59:59Z", -1, 0),
        ] {
            assert_eq!(read(&json!(text)), Ok(Some(Timestamp { seconds, nanos })), "{text}");
        }
        assert_eq!(read(&Value::Null), Ok(None));
    }

    #[test]
    fn an_invalid_time_is_refused() {
        for wrong in [
            json!(""),
            json!("2026-11-18"),
            json!("2026-11-18T11:06:40"),
            json!("2026-11-18 11:06:40Z"),
            json!("2026-13-18T11:06:40Z"),
            json!("2026-02-30T11:06:40Z"),
            json!("2026-11-18T25:06:40Z"),
            json!("20261118T110640Z"),
            json!("tomorrow"),
            json!("é026-11-18T11:06:40Z"),
            json!(1_795_000_000),
            json!(["2026-11-18T11:06:40Z"]),
        ] {
            let error = read(&wrong).unwrap_err();
            assert!(error.contains("expected a time such as 2026-11-23T08:30:00Z"), "{wrong}: {error}");
        }
    }
}
