//! Why something is done to a tenant.

use std::str::FromStr;

/// Why something is done to a tenant, for whoever reads its audit log: 1 to 500 characters in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason(String);

/// The text is no reason.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("give a reason of 1 to 500 characters in one line")]
pub struct InvalidReason;

impl Reason {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Reason {
    type Err = InvalidReason;

    fn from_str(text: &str) -> Result<Self, InvalidReason> {
        let text = text.trim();
        let fits = (1..=500).contains(&text.chars().count());
        if fits && !text.chars().any(char::is_control) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidReason)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_says_something() {
        assert_eq!(" invoice 7 is unpaid ".parse::<Reason>().unwrap().as_str(), "invoice 7 is unpaid");
        for text in ["", "  ", "a\nb", "a\u{1b}[2Jb", &"x".repeat(501)] {
            assert_eq!(text.parse::<Reason>(), Err(InvalidReason), "{text:?}");
        }
    }
}
