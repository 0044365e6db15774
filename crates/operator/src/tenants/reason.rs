//! The reason of an operator's action.

use rowhouse_text::Text;

/// The reason of an operator's action on a tenant, for readers of its audit log.
pub type Reason = Text<500>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_says_something() {
        assert_eq!(" invoice 7 is unpaid ".parse::<Reason>().unwrap().as_str(), "invoice 7 is unpaid");
        for text in ["", "  ", "a\nb", "a\u{1b}[2Jb", "\u{2800}", "a\u{202e}b", &"x".repeat(501)] {
            assert!(text.parse::<Reason>().is_err(), "{text:?}");
        }
    }
}
