//! The characters that a text may contain.
//!
//! The rule is that of RFC 8264 for its `FreeformClass`: letters, marks, digits, punctuation, symbols and spaces are accepted; control,
//! format (including bidirectional), private-use and unassigned characters are refused, as are invisible ones
//! (`Default_Ignorable_Code_Point`, such as the Hangul fillers). There are three exceptions, which natural text needs:
//!
//! * U+200C and U+200D between letters whose shapes they change: RFC 5892, appendices A.1 and A.2. Persian and Hindi need
//!   them.
//! * U+200D between two emoji: UAX #29, GB11.
//! * One variation selector after a visible character. A sequence of them could carry hidden data.

use std::borrow::Cow;

use icu_properties::props::{
    CanonicalCombiningClass, DefaultIgnorableCodePoint, EmojiModifier, ExtendedPictographic, GeneralCategory,
    GeneralCategoryGroup, JoiningType, VariationSelector,
};
use icu_properties::{CodePointMapData, CodePointSetData};

/// Symbols without a visible glyph: the empty Braille pattern and the null note head.
const BLANK: [char; 2] = ['\u{2800}', '\u{1d159}'];

/// The accepted categories: letters, marks, digits, punctuation, symbols and spaces, but not line and paragraph separators.
const TAKEN: GeneralCategoryGroup = GeneralCategoryGroup::Letter
    .union(GeneralCategoryGroup::Mark)
    .union(GeneralCategoryGroup::Number)
    .union(GeneralCategoryGroup::Punctuation)
    .union(GeneralCategoryGroup::Symbol)
    .union(GeneralCategoryGroup::SpaceSeparator);

/// Returns the first character that is not allowed in its place.
pub(crate) fn first_refused(text: &str) -> Option<char> {
    // The fast path for nearly every text.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return None;
    }
    let chars: Vec<char> = text.chars().collect();
    let refused = chars.iter().enumerate().find(|(at, c)| {
        let (before, from_here) = chars.split_at(*at);
        !is_taken(before, **c, from_here.get(1..).unwrap_or_default())
    });
    refused.map(|(_, c)| *c)
}

/// Replaces each character that would be refused with U+FFFD, so that foreign text can be shown in a message, a
/// terminal or a log.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    if first_refused(text).is_none() {
        return Cow::Borrowed(text);
    }
    let chars: Vec<char> = text.chars().collect();
    let shown = chars.iter().enumerate().map(|(at, c)| {
        let (before, from_here) = chars.split_at(at);
        let taken = is_taken(before, *c, from_here.get(1..).unwrap_or_default());
        if taken { *c } else { char::REPLACEMENT_CHARACTER }
    });
    Cow::Owned(shown.collect())
}

/// Returns whether the character is visible by itself.
pub(crate) fn is_visible(c: char) -> bool {
    let seen = GeneralCategoryGroup::Letter
        .union(GeneralCategoryGroup::Number)
        .union(GeneralCategoryGroup::Punctuation)
        .union(GeneralCategoryGroup::Symbol);
    seen.contains(category(c)) && !is_ignorable(c) && !BLANK.contains(&c)
}

/// Returns whether the character is invisible everywhere: a space, a line break, a control or format character, or another one without a
/// glyph.
#[must_use]
pub fn is_blank(c: char) -> bool {
    !is_visible(c) && (!is_mark(c) || is_ignorable(c))
}

/// Returns whether the character combines with the one before it.
#[must_use]
pub fn is_mark(c: char) -> bool {
    GeneralCategoryGroup::Mark.contains(category(c))
}

/// Returns whether the character is invisible and at most changes others.
pub(crate) fn is_ignorable(c: char) -> bool {
    CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

fn category(c: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(c)
}

fn is_taken(before: &[char], c: char, after: &[char]) -> bool {
    match c {
        '\u{200c}' => follows_virama(before) || breaks_a_join(before, after),
        '\u{200d}' => follows_virama(before) || joins_emoji(before, after),
        _ if CodePointSetData::new::<VariationSelector>().contains(c) => before
            .last()
            .is_some_and(|&before| is_visible(before) || (is_mark(before) && !is_ignorable(before))),
        _ => TAKEN.contains(category(c)) && !is_ignorable(c),
    }
}

fn follows_virama(before: &[char]) -> bool {
    let class = CodePointMapData::<CanonicalCombiningClass>::new();
    before.last().is_some_and(|&before| class.get(before) == CanonicalCombiningClass::Virama)
}

fn breaks_a_join(before: &[char], after: &[char]) -> bool {
    let joining = CodePointMapData::<JoiningType>::new();
    let mut before = before.iter().rev().map(|&c| joining.get(c));
    let mut after = after.iter().map(|&c| joining.get(c));
    let solid = |joining: &JoiningType| *joining != JoiningType::Transparent;
    matches!(before.find(solid), Some(JoiningType::LeftJoining | JoiningType::DualJoining))
        && matches!(after.find(solid), Some(JoiningType::RightJoining | JoiningType::DualJoining))
}

fn joins_emoji(before: &[char], after: &[char]) -> bool {
    let changes_emoji = |c: char| {
        CodePointSetData::new::<EmojiModifier>().contains(c)
            || CodePointSetData::new::<VariationSelector>().contains(c)
    };
    let is_emoji = |c: char| CodePointSetData::new::<ExtendedPictographic>().contains(c);
    before.iter().rev().copied().find(|&c| !changes_emoji(c)).is_some_and(is_emoji)
        && after.first().copied().is_some_and(is_emoji)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn natural_text_is_accepted() {
        for text in [
            "",
            "Acme & Söhne GmbH",
            "株式会社　青空",
            "O’Brien – “quoted” … №1 ½ €5",
            "שלום עולם",
            "شركة",
            // Persian with a non-joiner, also before a mark.
            "می\u{200c}خواهم",
            "خانه\u{200c}ها",
            // Sanskrit and Sinhala after a virama.
            "क्\u{200d}ष",
            "क्\u{200c}ष",
            "ශ්\u{200d}රී",
            "प्रिया",
            "บ้าน",
            "e\u{301}",
            // Emoji: joined, with a skin tone, with a variation selector, a flag.
            "👩\u{200d}💻",
            "👩🏽\u{200d}🚀",
            "❤\u{fe0f}\u{200d}🔥",
            "🇫🇷",
            "1\u{fe0f}\u{20e3}",
            // A Japanese name with a variant of a character; Mongolian.
            "葛\u{e0100}飾",
            "ᠠ\u{180b}",
            "⠓⠑⠇⠇⠕⠀⠺⠕⠗⠇⠙",
            "\u{a0}\u{2009}\u{202f}\u{3000}",
        ] {
            assert_eq!(first_refused(text), None, "{text:?}");
            assert_eq!(printable(text), text);
        }
    }

    #[test]
    fn invisible_characters_are_refused() {
        for c in [
            '\0',
            '\t',
            '\n',
            '\r',
            '\u{1b}',
            '\u{7f}',
            '\u{85}',
            '\u{9f}', // Cc
            '\u{ad}',
            '\u{61c}',
            '\u{200b}',
            '\u{200e}',
            '\u{200f}',
            '\u{2060}',
            '\u{2063}',
            '\u{feff}', // Cf
            '\u{202a}',
            '\u{202b}',
            '\u{202c}',
            '\u{202d}',
            '\u{202e}', // Cf: embeddings and overrides
            '\u{2066}',
            '\u{2067}',
            '\u{2068}',
            '\u{2069}', // Cf: isolates
            '\u{e0001}',
            '\u{e0061}',
            '\u{e007f}',
            '\u{fff9}',
            '\u{1d173}', // Cf: tags, annotations, music
            '\u{2028}',
            '\u{2029}', // Zl, Zp
            '\u{e000}',
            '\u{f8ff}',
            '\u{10fffd}', // Co
            '\u{378}',
            '\u{fdd0}',
            '\u{fffe}',
            '\u{10ffff}',
            '\u{e0fff}', // Cn
            '\u{115f}',
            '\u{1160}',
            '\u{3164}',
            '\u{ffa0}', // Lo: Hangul fillers
            '\u{34f}',
            '\u{17b4}', // Mn, ignorable
        ] {
            let text = format!("Ac{c}me");
            assert_eq!(first_refused(&text), Some(c), "{c:?}");
            assert_eq!(printable(&text), "Ac\u{fffd}me");
        }
    }

    #[test]
    fn joiners_and_selectors_are_accepted_only_where_they_have_an_effect() {
        for (text, refused) in [
            ("\u{200d}", '\u{200d}'),
            ("ab\u{200d}cd", '\u{200d}'),
            ("ab\u{200c}cd", '\u{200c}'),
            ("ک\u{200c}", '\u{200c}'),
            // A letter that never joins to the next one.
            ("ر\u{200c}خ", '\u{200c}'),
            ("क\u{200d}ष", '\u{200d}'),
            ("👩\u{200d}", '\u{200d}'),
            ("👩\u{200d}a", '\u{200d}'),
            ("👩\u{200d}\u{200d}💻", '\u{200d}'),
            ("می\u{200c}\u{200c}خ", '\u{200c}'),
            ("\u{fe0f}", '\u{fe0f}'),
            (" \u{fe0f}", '\u{fe0f}'),
            ("a\u{fe00}\u{fe01}", '\u{fe01}'),
            ("a\u{e0100}\u{e0101}", '\u{e0101}'),
        ] {
            assert_eq!(first_refused(text), Some(refused), "{text:?}");
        }
    }

    #[test]
    fn visibility_of_single_characters() {
        for c in ['a', 'ß', '字', '1', '½', '!', '_', '€', '🦀', '⠁'] {
            assert!(is_visible(c) && !is_blank(c), "{c:?}");
        }
        for c in [
            ' ',
            '\u{a0}',
            '\u{3000}',
            '\u{301}',
            '\u{fe0f}',
            '\u{3164}',
            '\u{2800}',
            '\u{1d159}',
            '\u{200b}',
        ] {
            assert!(!is_visible(c), "{c:?}");
            assert_eq!(is_blank(c), c != '\u{301}', "{c:?}");
        }
    }
}
