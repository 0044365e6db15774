//! Entity tags and conditional changes (RFC 9110 §8.8.3, §13.1.1).

use std::fmt;
use std::str::FromStr;

use rowhouse_chassis::entity_tags;

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

/// The precondition of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// There is none.
    Always,
    /// The order's tag is one of these. A tag that no order can have never matches, so the caller learns that it is
    /// stale.
    TagIn(Vec<String>),
}

/// The error of parsing a text that is not a precondition.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "send the entity tag that the order came with, quotes included, such as \"3\", or several with commas between them; or * for any"
)]
pub(crate) struct InvalidCondition;

impl Condition {
    /// Returns whether the precondition holds. Weak tags never match: this is the strong comparison.
    pub(crate) fn holds_for(&self, tag: Etag) -> bool {
        match self {
            Self::Always => true,
            Self::TagIn(wanted) => wanted.contains(&tag.to_string()),
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
        let tags = entity_tags(text).ok_or(InvalidCondition)?;
        Ok(Self::TagIn(tags.into_iter().map(str::to_owned).collect()))
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
            ("\"2\", \"3\"", true),
            ("\"3\",\"2\"", true),
            ("\"2\", W/\"3\"", false),
            ("\"1\", \"2\"", false),
            ("\"1,\", \"3\"", true),
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
            "\"2\" \"3\"",
            "\"3\", *",
            "\"3\0\"",
            "\"\"\"",
            "**",
            "\" \"",
        ] {
            assert_eq!(text.parse::<Condition>(), Err(InvalidCondition), "{text:?}");
        }
    }
}
