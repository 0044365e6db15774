//! What is wrong with a body.

use rowhouse_chassis::error::Code;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment, Track};

use super::shape::object;
use crate::error::Problem;

/// The most that is repeated of a value that was sent.
const SHOWN: usize = 64;

/// Says what is wrong with a body that could not be read as `T`: the field, the line and column, and what was
/// expected there.
pub(super) fn explain<T: DeserializeOwned>(body: &[u8]) -> Problem {
    if body.is_empty() {
        return Problem::new(Code::MalformedJson, "the body is empty: send a JSON object");
    }
    let mut track = Track::new();
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let tracked = serde_path_to_error::Deserializer::new(&mut deserializer, &mut track);
    let Err(error) = object::<_, T>(tracked) else {
        // The object is fine, so something follows it.
        let detail =
            deserializer.end().map_or_else(|error| in_text(&error), |()| "send one JSON object".to_owned());
        return Problem::new(Code::MalformedJson, detail);
    };
    if error.classify() != Category::Data {
        return Problem::new(Code::MalformedJson, in_text(&error));
    }
    let reason = reason(&error);
    let place = format!("line {}, column {}", error.line(), error.column());
    let field = field(&track.path(), &reason);
    if field.is_empty() {
        return Problem::new(Code::MalformedJson, format!("{reason} ({place})"));
    }
    Problem::new(Code::MalformedJson, format!("{field}: {reason} ({place})")).at(field, reason)
}

/// An error in what makes a text JSON.
fn in_text(error: &serde_json::Error) -> String {
    let (reason, line, column) = (reason(error), error.line(), error.column());
    format!("the body is not JSON: {reason} (line {line}, column {column})")
}

/// The error without its place, and without the whole of a long value.
fn reason(error: &serde_json::Error) -> String {
    let mut text = error.to_string();
    if let Some(place) = text.rfind(" at line ") {
        text.truncate(place);
    }
    // `invalid type: string "…", expected …` and `unknown field …, expected …`: what is expected is ours.
    let ours = text.rfind(", expected ").or_else(|| text.rfind(", there are no ")).unwrap_or(text.len());
    let end = text.floor_char_boundary(SHOWN.min(ours));
    if end < ours {
        text.replace_range(end..ours, "…");
    }
    text
}

/// The path of the field that an error is about; empty for the body as a whole.
fn field(path: &Path, reason: &str) -> String {
    let mut field = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => {
                field.push('[');
                field.push_str(&index.to_string());
                field.push(']');
            }
            Segment::Map { key } => push(&mut field, key),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    // These two are found where the object is, not where the field is or would be.
    let named = reason.strip_prefix("missing field `").or_else(|| reason.strip_prefix("duplicate field `"));
    if let Some(name) = named.and_then(|rest| rest.strip_suffix('`')) {
        push(&mut field, name);
    }
    field
}

fn push(field: &mut String, key: &str) {
    if !field.is_empty() {
        field.push('.');
    }
    field.push_str(key.get(..key.floor_char_boundary(SHOWN)).unwrap_or(key));
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::super::shape::{objects, whole_number};
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Order {
        #[serde(rename = "customer")]
        _customer: String,
        #[serde(rename = "lines", deserialize_with = "objects")]
        _lines: Vec<Line>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Line {
        #[serde(rename = "quantity", deserialize_with = "whole_number")]
        _quantity: i64,
    }

    fn explained(body: impl AsRef<[u8]>) -> String {
        explain::<Order>(body.as_ref()).to_string().strip_prefix("malformed_json: ").unwrap().to_owned()
    }

    fn line(line: &str) -> String {
        explained(format!("{{\"customer\":\"a\",\n\"lines\":[{{\"quantity\":1}},{line}]}}"))
    }

    #[test]
    fn the_field_and_the_place_are_named() {
        for (given, expected) in [
            (r#"{"quantity":"1"}"#, "lines[1].quantity: invalid type: string \"1\", expected a whole number"),
            (
                r#"{"quantity":1.0}"#,
                "lines[1].quantity: invalid type: floating point `1.0`, expected a whole",
            ),
            (
                r#"{"quantity":1e2}"#,
                "lines[1].quantity: invalid type: floating point `100.0`, expected a whole",
            ),
            (
                r#"{"quantity":9223372036854775808}"#,
                "lines[1].quantity: invalid value: integer `9223372036854775808`, expected a whole number between \
                 -9223372036854775808 and 9223372036854775807",
            ),
            (r#"{"quantity":99999999999999999999}"#, "lines[1].quantity: invalid type: floating point"),
            (r#"{"quantity":null}"#, "lines[1].quantity: invalid type: null, expected a whole number"),
            ("{}", "lines[1].quantity: missing field `quantity`"),
            (r#"{"quantity":1,"quantity":2}"#, "lines[1].quantity: duplicate field `quantity`"),
            (r#"{"quantity":1,"price":2}"#, "lines[1].price: unknown field `price`, expected `quantity`"),
            ("[1]", "lines[1]: invalid type: sequence, expected an object"),
            ("7", "lines[1]: invalid type: integer `7`, expected an object"),
        ] {
            let explained = line(given);
            assert!(explained.starts_with(expected), "{given}: {explained}");
            assert!(explained.contains("(line 2, column "), "{given}: {explained}");
        }
        assert!(
            explained(r#"{"customer":"a","lines":{}}"#)
                .starts_with("lines: invalid type: map, expected a list")
        );
        assert!(explained("[]").starts_with("invalid type: sequence, expected an object (line 1"));
    }

    #[test]
    fn what_is_no_json_is_said() {
        assert_eq!(explained(""), "the body is empty: send a JSON object");
        for body in [
            &b"{"[..],
            b"{]",
            b"{\"customer\":\"\xff\"}",
            b"{\"customer\":\"a\nb\"}",
            b"<a/>",
            b"\"",
            b"{} {}",
        ] {
            let explained = explained(body);
            assert!(
                explained.starts_with("the body is not JSON: ") || explained.contains("missing field"),
                "{explained}"
            );
        }
        let trailing = explained(r#"{"customer":"a","lines":[]}{}"#);
        assert_eq!(trailing, "the body is not JSON: trailing characters (line 1, column 28)");
        assert!(explained("[".repeat(100_000)).contains("expected an object"));
        assert!(!explained(format!("{{\"customer\":{}", "[".repeat(100_000))).is_empty());
    }

    #[test]
    fn what_was_sent_is_not_repeated_at_length() {
        let long = "ü".repeat(100_000);
        let value = line(&format!("{{\"quantity\":\"{long}\"}}"));
        assert!(value.len() < 300 && value.contains("…, expected a whole number"), "{value}");
        let name = line(&format!("{{\"{long}\":1}}"));
        assert!(name.len() < 400 && name.contains("…, expected `quantity`"), "{name}");
    }
}
