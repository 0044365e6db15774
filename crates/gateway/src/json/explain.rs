//! Explaining why a body is invalid.

use rowhouse_chassis::error::Code;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment, Track};

use super::shape::Object;
use crate::error::Problem;

/// The length to which a value from the request is truncated in an error.
const SHOWN: usize = 64;

/// Returns the error for a body that could not be read as `T`: the place where it is not JSON, or the member that the operation
/// does not expect.
pub(super) fn explain<T: DeserializeOwned>(body: &[u8]) -> Problem {
    if body.is_empty() {
        return Problem::new(Code::MALFORMED_JSON, "the body is empty: send a JSON object");
    }
    let mut track = Track::new();
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let tracked = serde_path_to_error::Deserializer::new(&mut deserializer, &mut track);
    let Err(error) = Object::<T>::deserialize(tracked) else {
        // The object is valid, so something follows it.
        let detail =
            deserializer.end().map_or_else(|error| in_text(&error), |()| "send one JSON object".to_owned());
        return Problem::new(Code::MALFORMED_JSON, detail);
    };
    if error.classify() != Category::Data {
        return Problem::new(Code::MALFORMED_JSON, in_text(&error));
    }
    let reason = reason(&error);
    let place = format!("line {}, column {}", error.line(), error.column());
    let (member, reason) = wrong(&reason);
    let mut field = path(&track.path());
    if let Some(member) = member {
        push(&mut field, member);
    }
    if field.is_empty() {
        return Problem::new(Code::INVALID_ARGUMENT, format!("the body: {reason} ({place})"));
    }
    Problem::new(Code::INVALID_ARGUMENT, format!("{field}: {reason} ({place})")).at(field, reason)
}

/// Returns the error for a text that is not JSON.
fn in_text(error: &serde_json::Error) -> String {
    let (reason, line, column) = (reason(error), error.line(), error.column());
    format!("the body is not JSON: {reason} (line {line}, column {column})")
}

/// Returns the error without its position and without the whole of a long value.
fn reason(error: &serde_json::Error) -> String {
    let mut text = error.to_string();
    if let Some(place) = text.rfind(" at line ") {
        text.truncate(place);
    }
    // `invalid type: string "…", expected …` and `unknown field …, expected …`: the part about what is expected is
    // ours.
    let ours = text.rfind(", expected ").or_else(|| text.rfind(", there are no ")).unwrap_or(text.len());
    let end = text.floor_char_boundary(SHOWN.min(ours));
    if end < ours {
        text.replace_range(end..ours, "…");
    }
    text
}

/// The reason in the words of the API, and the member that it is about where that is not where the reader stands: a member
/// that is missing or comes twice is found where the object is.
fn wrong(reason: &str) -> (Option<&str>, String) {
    let quoted = |prefix: &str| reason.strip_prefix(prefix)?.strip_suffix('`');
    if let Some(name) = quoted("missing field `") {
        return (Some(name), "is missing: send it".to_owned());
    }
    if let Some(name) = quoted("duplicate field `") {
        return (Some(name), "send it once".to_owned());
    }
    if let Some(rest) = reason.strip_prefix("unknown field ") {
        let known = rest.rsplit_once(", expected ").map(|(_, known)| known.trim_start_matches("one of "));
        return (
            None,
            match known {
                Some(known) => format!("there is no such member; send {known} only"),
                None => "there is no such member; send an object without members".to_owned(),
            },
        );
    }
    let given = reason.strip_prefix("invalid type: ").or_else(|| reason.strip_prefix("invalid value: "));
    match given.and_then(|rest| rest.rsplit_once(", expected ")) {
        Some((given, expected)) => (None, format!("send {}, not {}", in_words(expected), in_words(given))),
        None => (None, reason.to_owned()),
    }
}

/// Translates serde's name for a kind of value to JSON's.
fn in_words(value: &str) -> String {
    for (serdes, ours) in [
        ("floating point ", "the number "),
        ("integer ", "the number "),
        ("boolean ", "the value "),
        ("string ", "the text "),
        ("a sequence", "a list"),
        ("sequence", "a list"),
        ("map", "an object"),
        ("a string", "a text"),
        ("a boolean", "true or false"),
    ] {
        if let Some(rest) = value.strip_prefix(serdes) {
            return format!("{ours}{rest}");
        }
    }
    value.to_owned()
}

/// Returns the path of the member where reading stopped; empty for the body as a whole.
fn path(path: &Path) -> String {
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
    use super::super::shape::WholeNumber;
    use super::*;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Order {
        #[serde(rename = "customer")]
        _customer: String,
        #[serde(rename = "lines")]
        _lines: Vec<Object<Line>>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Line {
        #[serde(rename = "quantity")]
        _quantity: WholeNumber<i64>,
    }

    fn explained(body: impl AsRef<[u8]>) -> String {
        let explained = explain::<Order>(body.as_ref()).to_string();
        explained.split_once(": ").unwrap().1.to_owned()
    }

    fn line(line: &str) -> String {
        explained(format!("{{\"customer\":\"a\",\n\"lines\":[{{\"quantity\":1}},{line}]}}"))
    }

    #[test]
    fn the_field_and_the_place_are_named() {
        for (given, expected) in [
            (
                r#"{"quantity":"1"}"#,
                "lines[1].quantity: send a whole number between -9223372036854775808 and \
                 9223372036854775807, not the text \"1\"",
            ),
            (r#"{"quantity":1.0}"#, "lines[1].quantity: send a whole number between"),
            (r#"{"quantity":1e2}"#, "lines[1].quantity: send a whole number between"),
            (r#"{"quantity":9223372036854775808}"#, "lines[1].quantity: send a whole number between"),
            (r#"{"quantity":99999999999999999999}"#, "lines[1].quantity: send a whole number between"),
            (r#"{"quantity":null}"#, "lines[1].quantity: send a whole number between"),
            ("{}", "lines[1].quantity: is missing: send it"),
            (r#"{"quantity":1,"quantity":2}"#, "lines[1].quantity: send it once"),
            (r#"{"quantity":1,"price":2}"#, "lines[1].price: there is no such member; send `quantity` only"),
            ("[1]", "lines[1]: send an object, not a list"),
            ("7", "lines[1]: send an object, not the number `7`"),
        ] {
            let explained = line(given);
            assert!(explained.starts_with(expected), "{given}: {explained}");
            assert!(explained.contains("(line 2, column "), "{given}: {explained}");
        }
        assert!(explained(r#"{"customer":"a","lines":{}}"#).starts_with("lines: send a list, not an object"));
        assert!(explained("[]").starts_with("the body: send an object, not a list (line 1"));
    }

    #[test]
    fn invalid_json_is_explained() {
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
                explained.starts_with("the body is not JSON: ") || explained.contains("is missing"),
                "{explained}"
            );
        }
        let trailing = explained(r#"{"customer":"a","lines":[]}{}"#);
        assert_eq!(trailing, "the body is not JSON: trailing characters (line 1, column 28)");
        assert!(explained("[".repeat(100_000)).contains("send an object"));
        assert!(!explained(format!("{{\"customer\":{}", "[".repeat(100_000))).is_empty());
    }

    #[test]
    fn long_values_are_not_repeated_in_full() {
        let long = "ü".repeat(100_000);
        let value = line(&format!("{{\"quantity\":\"{long}\"}}"));
        assert!(value.len() < 300 && value.contains("send a whole number") && value.contains('…'), "{value}");
        let name = line(&format!("{{\"{long}\":1}}"));
        assert!(name.len() < 400 && name.contains("send `quantity` only"), "{name}");
    }
}
