//! [`Text`], a line of text.

use std::str::FromStr;

use unicode_normalization::UnicodeNormalization;

use crate::characters::{first_refused, is_visible};

/// A line of text for a field such as a name or a reason. It is trimmed, in the normalization form NFC, and has 1 to `MAX` characters
/// (code points), at least one of them visible and none of them a control, format, bidirectional, private-use or unassigned one.
///
/// The rule applies to new text only: stored text is shown as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text<const MAX: usize>(String);

/// The reason why a text is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    /// It is empty or too long.
    #[error("send 1 to {max} characters")]
    Length {
        /// The largest number of characters.
        max: usize,
    },
    /// It has a character that is not allowed.
    #[error(
        "send it without the character U+{:04X}: control, format, private-use and unassigned characters, \
         line breaks among them, are not taken",
        u32::from(*.0)
    )]
    Character(char),
    /// It consists of invisible characters and marks.
    #[error("send something that can be seen")]
    Invisible,
}

impl<const MAX: usize> Text<MAX> {
    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> FromStr for Text<MAX> {
    type Err = InvalidText;

    fn from_str(text: &str) -> Result<Self, InvalidText> {
        let text: String = text.trim().nfc().collect();
        if !(1..=MAX).contains(&text.chars().count()) {
            return Err(InvalidText::Length { max: MAX });
        }
        if let Some(refused) = first_refused(&text) {
            return Err(InvalidText::Character(refused));
        }
        if !text.contains(is_visible) {
            return Err(InvalidText::Invisible);
        }
        Ok(Self(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_trimmed_composed_and_counted_in_characters() {
        for (text, expected) in [
            ("a", "a"),
            ("abcd", "abcd"),
            (" \t ab\n", "ab"),
            ("\u{a0}\u{3000}ab\u{2003}", "ab"),
            ("a  b", "a  b"),
            ("çok\u{1f600}", "çok\u{1f600}"),
            ("'; -", "'; -"),
            // Eight code points as typed, four as stored.
            ("e\u{301}e\u{301}e\u{301}e\u{301}", "éééé"),
            ("\u{212b}\u{1100}\u{1161}", "Å가"),
        ] {
            assert_eq!(text.parse::<Text<4>>().unwrap().as_str(), expected, "{text:?}");
        }
    }

    #[test]
    fn parsing_a_text_again_changes_nothing() {
        for text in ["Acme & Söhne", "e\u{301}", "क्\u{200d}ष", "\u{958}", "a\u{323}\u{307}", "👩🏽\u{200d}🚀"]
        {
            let kept: Text<40> = text.parse().unwrap();
            assert_eq!(kept.as_str().parse(), Ok(kept.clone()), "{text:?}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let length = InvalidText::Length { max: 4 };
        for (text, expected) in [
            ("", &length),
            (" \n\t", &length),
            ("\u{2028}\u{3000}", &length),
            ("abcde", &length),
            ("ééééé", &length),
            ("a\0b", &InvalidText::Character('\0')),
            ("a\nb", &InvalidText::Character('\n')),
            ("a\u{7f}", &InvalidText::Character('\u{7f}')),
            ("a\u{85}b", &InvalidText::Character('\u{85}')),
            ("\u{200b}\u{200b}", &InvalidText::Character('\u{200b}')),
            ("a\u{202e}b", &InvalidText::Character('\u{202e}')),
            ("\u{2066}a", &InvalidText::Character('\u{2066}')),
            ("\u{feff}a", &InvalidText::Character('\u{feff}')),
            ("\u{2800}", &InvalidText::Invisible),
            ("\u{301}", &InvalidText::Invisible),
            ("\u{2800} \u{2800}", &InvalidText::Invisible),
        ] {
            assert_eq!(text.parse::<Text<4>>().as_ref(), Err(expected), "{text:?}");
        }
    }

    #[test]
    fn a_refusal_names_the_character() {
        let error = "Acme\u{202e}gnp.exe".parse::<Text<200>>().unwrap_err().to_string();
        assert!(error.starts_with("send it without the character U+202E: "), "{error}");
    }
}
