//! Entity tags: changing only what one has seen (RFC 9110 §8.8.3, §13.1.1).

use std::fmt;
use std::str::FromStr;

/// An order's version, as a strong entity tag: `"3"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Etag {
    version: i64,
}

impl Etag {
    pub(crate) const fn of_version(version: i64) -> Self {
        Self { version }
    }
}

impl fmt::Display for Etag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.version)
    }
}

/// What has to be true of an order for a change to take place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// Nothing.
    Always,
    /// Its tag is this one. A tag that no order could have is held by none, which is the caller's way to
    /// find out that it is stale.
    TagIs(String),
}

/// The text is no condition.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("send one entity tag as the order came with it, quotes included, such as \"3\"; or * for any")]
pub(crate) struct InvalidCondition;

impl Condition {
    /// Weak tags never match: this is the strong comparison.
    pub(crate) fn holds_for(&self, tag: Etag) -> bool {
        match self {
            Self::Always => true,
            Self::TagIs(wanted) => *wanted == tag.to_string(),
        }
    }
}

impl FromStr for Condition {
    type Err = InvalidCondition;

    fn from_str(text: &str) -> Result<Self, InvalidCondition> {
        let text = text.trim_matches([' ', '\t']);
        if matches!(text, "" | "*") {
            return Ok(Self::Always);
        }
        let quoted = text.strip_prefix("W/").unwrap_or(text);
        let opaque =
            quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).ok_or(InvalidCondition)?;
        if opaque.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x7e | 0x80..)) {
            Ok(Self::TagIs(text.to_owned()))
        } else {
            Err(InvalidCondition)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_holds_for_its_own_version_only() {
        let tag = Etag::of_version(3);
        assert_eq!(tag.to_string(), "\"3\"");
        for (text, holds) in [
            ("", true),
            ("*", true),
            ("\"3\"", true),
            (" \"3\"\t", true),
            ("\"2\"", false),
            ("\"33\"", false),
            ("\"03\"", false),
            ("W/\"3\"", false),
            ("\"\"", false),
            ("\"abc\"", false),
            ("\"é\"", false),
        ] {
            assert_eq!(text.parse::<Condition>().unwrap().holds_for(tag), holds, "{text:?}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "3",
            "\"",
            "\"3",
            "3\"",
            "'3'",
            "w/\"3\"",
            "W/3",
            "\"2\", \"3\"",
            "\"3\0\"",
            "\"\"\"",
            "**",
            "\" \"",
        ] {
            assert_eq!(text.parse::<Condition>(), Err(InvalidCondition), "{text:?}");
        }
    }
}
