//! A line of text.

use std::str::FromStr;

/// Text as a person writes it into a field: trimmed, not empty, at most `MAX` characters, no control
/// characters. (PostgreSQL would refuse a NUL, and nobody types the others.)
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text<const MAX: usize>(String);

/// The text does not fit the field.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidText {
    #[error("send 1 to {max} characters")]
    Length { max: usize },
    #[error("send it without control characters, such as line breaks")]
    ControlCharacter,
}

impl<const MAX: usize> Text<MAX> {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> FromStr for Text<MAX> {
    type Err = InvalidText;

    fn from_str(text: &str) -> Result<Self, InvalidText> {
        let text = text.trim();
        if text.is_empty() || text.chars().count() > MAX {
            return Err(InvalidText::Length { max: MAX });
        }
        if text.contains(char::is_control) {
            return Err(InvalidText::ControlCharacter);
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_trimmed_and_counted_in_characters() {
        for (text, expected) in [
            ("a", "a"),
            ("abcd", "abcd"),
            (" \t ab\n", "ab"),
            ("a  b", "a  b"),
            ("çok\u{1f600}", "çok\u{1f600}"),
            ("'; -", "'; -"),
        ] {
            assert_eq!(text.parse::<Text<4>>().unwrap().as_str(), expected, "{text:?}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let length = InvalidText::Length { max: 4 };
        for (text, expected) in [
            ("", &length),
            (" \n\t", &length),
            ("abcde", &length),
            ("a\0b", &InvalidText::ControlCharacter),
            ("a\nb", &InvalidText::ControlCharacter),
            ("a\u{7f}", &InvalidText::ControlCharacter),
            ("a\u{85}b", &InvalidText::ControlCharacter),
        ] {
            assert_eq!(text.parse::<Text<4>>().as_ref(), Err(expected), "{text:?}");
        }
    }
}
