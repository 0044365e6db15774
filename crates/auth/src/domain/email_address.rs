//! E-mail addresses.

use std::str::FromStr;

/// An e-mail address in the one form in which it is compared: trimmed and in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EmailAddress(String);

/// The text is not an address that mail could be sent to.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("send an e-mail address such as ada@example.com, of 254 bytes at most")]
pub(crate) struct InvalidEmailAddress;

impl EmailAddress {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EmailAddress {
    type Err = InvalidEmailAddress;

    /// Takes the dot-atom form of RFC 5321, with letters and digits of any script (RFC 6531). Quoted local
    /// parts and address literals are refused: nobody's address looks like that, and much software
    /// mistakes them.
    fn from_str(text: &str) -> Result<Self, InvalidEmailAddress> {
        let address = text.trim().to_lowercase();
        let (local, domain) = address.rsplit_once('@').ok_or(InvalidEmailAddress)?;
        let atom = |atom: &str| {
            !atom.is_empty() && atom.chars().all(|c| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c))
        };
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.chars().all(|c| c.is_alphanumeric() || c == '-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let valid = address.len() <= 254
            && local.len() <= 64
            && local.split('.').all(atom)
            && domain.split('.').all(label);
        if valid { Ok(Self(address)) } else { Err(InvalidEmailAddress) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_compared_in_one_form() {
        for (text, expected) in [
            ("ada@example.com", "ada@example.com"),
            ("  Ada@Example.COM\t", "ada@example.com"),
            ("ada.king+rowhouse@mail.example.co.uk", "ada.king+rowhouse@mail.example.co.uk"),
            ("o'brien_{x}=~1@a-b.example", "o'brien_{x}=~1@a-b.example"),
            ("root@localhost", "root@localhost"),
            ("1@2.3", "1@2.3"),
            ("JÜRGEN@BÜCHER.example", "jürgen@bücher.example"),
            ("用户@例子.公司", "用户@例子.公司"),
        ] {
            assert_eq!(text.parse::<EmailAddress>().unwrap().as_str(), expected, "{text:?}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let long_local = format!("{}@example.com", "a".repeat(65));
        let long_label = format!("a@{}.com", "b".repeat(64));
        let long = format!("a@{}", vec!["b".repeat(49); 6].join("."));
        assert!(long.len() > 254);
        for text in [
            "",
            " ",
            "@",
            "ada",
            "ada@",
            "@example.com",
            "ada@@example.com",
            "ada@example.com@example.com",
            "ada lovelace@example.com",
            "ada@exam ple.com",
            "ada@example.com\r\nBcc: all@example.com",
            "ada\0@example.com",
            "ada@example.com\u{200b}",
            "a\u{202e}da@example.com",
            "jose\u{301}@example.com",
            ".ada@example.com",
            "ada.@example.com",
            "a..da@example.com",
            "ada@.example.com",
            "ada@example.com.",
            "ada@-example.com",
            "ada@example-.com",
            "ada@exa_mple.com",
            "ada@[127.0.0.1]",
            "\"ada\"@example.com",
            "Ada <ada@example.com>",
            "ada@example.com,bob@example.com",
            &long_local,
            &long_label,
            &long,
        ] {
            assert_eq!(text.parse::<EmailAddress>(), Err(InvalidEmailAddress), "{text:?}");
        }
    }

    #[test]
    fn the_length_is_that_of_the_form_that_is_kept() {
        // In lower case this letter takes three bytes instead of two.
        let text = format!("{}@example.com", "\u{23a}".repeat(30));
        assert_eq!(text.parse::<EmailAddress>(), Err(InvalidEmailAddress));
    }
}
