//! [`EmailAddress`], an email address in its canonical form.

use std::str::FromStr;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use unicode_normalization::UnicodeNormalization;

use crate::characters::{first_refused, is_ignorable, is_mark};

/// The largest number of octets in an address and in its local part (RFC 5321 §4.5.3.1).
const LONGEST: usize = 254;
const LONGEST_LOCAL: usize = 64;

/// An email address in the canonical form in which it is stored and compared: trimmed and in lower case, the local part in the
/// normalization form NFC, the domain as A-labels by UTS #46. So all spellings of an address are one text.
#[derive(Clone, Debug)]
pub struct EmailAddress {
    address: String,
    spellings: Vec<String>,
}

/// The error of parsing a text that is not an email address.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("send an email address such as ada@example.com, of 254 bytes at most")]
pub struct InvalidEmailAddress;

impl EmailAddress {
    /// Returns the canonical form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.address
    }

    /// Returns the texts under which the address may be stored, the canonical form first. Before domains were stored as A-labels, an address
    /// was stored as typed, in lower case, and so are rows that `rowhouse backfill email-addresses` has not processed. Usually it is one text.
    #[must_use]
    pub fn spellings(&self) -> &[String] {
        &self.spellings
    }

    /// Returns whether a stored text is this address.
    #[must_use]
    pub fn is_kept_as(&self, text: &str) -> bool {
        text == self.address || text.parse::<Self>().is_ok_and(|kept| kept == *self)
    }
}

impl PartialEq for EmailAddress {
    fn eq(&self, other: &Self) -> bool {
        self.address == other.address
    }
}

impl Eq for EmailAddress {}

impl FromStr for EmailAddress {
    type Err = InvalidEmailAddress;

    /// Accepts the dot-atom form of RFC 5321, with letters, marks and digits of any script (RFC 6531). Quoted local parts and address
    /// literals are refused: hardly anybody uses them, and much software handles them wrongly.
    fn from_str(text: &str) -> Result<Self, InvalidEmailAddress> {
        let typed = text.trim();
        // UTS #46 would remove invisible characters from the domain.
        if first_refused(typed).is_some() {
            return Err(InvalidEmailAddress);
        }
        let lower = typed.nfc().collect::<String>().to_lowercase();
        let (local, domain) = lower.rsplit_once('@').ok_or(InvalidEmailAddress)?;
        let local: String = local.nfc().collect();
        let domain = Uts46::new()
            .to_ascii(domain.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::Verify)
            .or(Err(InvalidEmailAddress))?;
        let address = format!("{local}@{domain}");
        if address.len() > LONGEST || local.len() > LONGEST_LOCAL || !local.split('.').all(is_atom) {
            return Err(InvalidEmailAddress);
        }
        let (readable, _) = idna::domain_to_unicode(&domain);
        let mut spellings = vec![typed.to_lowercase()];
        for other in [address.clone(), format!("{local}@{readable}")] {
            if !spellings.contains(&other) {
                spellings.push(other);
            }
        }
        Ok(Self { address, spellings })
    }
}

/// Returns whether the text is an atom of a local part, between two dots.
fn is_atom(atom: &str) -> bool {
    let is_letter = |c: char| c.is_alphanumeric() && !is_ignorable(c) || "!#$%&'*+-/=?^_`{|}~".contains(c);
    // `first_refused` has checked the joiners.
    let goes_on = |c: char| is_mark(c) && !is_ignorable(c) || matches!(c, '\u{200c}' | '\u{200d}');
    atom.chars().next().is_some_and(is_letter) && atom.chars().all(|c| is_letter(c) || goes_on(c))
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
            ("a@r3---sn-4g5e.example", "a@r3---sn-4g5e.example"),
            ("JÜRGEN@BÜCHER.example", "jürgen@xn--bcher-kva.example"),
            ("ju\u{308}rgen@bu\u{308}cher.example", "jürgen@xn--bcher-kva.example"),
            ("jürgen@XN--BCHER-KVA.example", "jürgen@xn--bcher-kva.example"),
            ("用户@例子.公司", "用户@xn--fsqu00a.xn--55qx5d"),
            ("用户@例子。公司", "用户@xn--fsqu00a.xn--55qx5d"),
            ("ada@ＥＸＡＭＰＬＥ.com", "ada@example.com"),
            ("jose\u{301}@example.com", "josé@example.com"),
            ("a@faß.example", "a@xn--fa-hia.example"),
            // Unicode's own example of a name with a non-joiner.
            ("a@نامه\u{200c}ای.example", "a@xn--mgba3gch31f060k.example"),
        ] {
            assert_eq!(text.parse::<EmailAddress>().unwrap().as_str(), expected, "{text:?}");
        }
    }

    /// Addresses from the test data of the Universal Acceptance Steering Group (UASG004), and others with marks.
    #[test]
    fn internationalised_addresses_are_accepted() {
        for (text, expected) in [
            ("संपर्क@डाटामेल.भारत", "संपर्क@xn--c2bd4bq1db8d.xn--h2brj9c"),
            ("क्\u{200d}ष@हिन्दी.example", "क्\u{200d}ष@xn--j2bd4cyah0f.example"),
            ("ทดสอบ@บ้าน.example", "ทดสอบ@xn--q3cb6e5d.example"),
            ("用户@测试.example", "用户@xn--0zwm56d.example"),
            ("δοκιμή@παράδειγμα.example", "δοκιμή@xn--hxajbheg2az3al.example"),
            ("испытание@пример.example", "испытание@xn--e1afmkfd.example"),
            ("تجربة@مثال.example", "تجربة@xn--mgbh0fb.example"),
        ] {
            let address: EmailAddress = text.parse().unwrap_or_else(|_| panic!("{text:?}"));
            let (local, domain) = address.as_str().split_once('@').unwrap();
            let (expected_local, expected_domain) = expected.split_once('@').unwrap();
            assert_eq!(local, expected_local);
            assert_eq!(domain, expected_domain, "{text:?}");
            // Parsing the canonical form again changes nothing.
            assert_eq!(address.as_str().parse(), Ok(address.clone()));
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
            "ada\u{a0}lovelace@example.com",
            "ada@exam ple.com",
            "ada@exam\u{a0}ple.com",
            "ada@example.com\r\nBcc: all@example.com",
            "ada\0@example.com",
            "ada@example.com\u{200b}",
            "ada@exam\u{ad}ple.com",
            "ada@exam\u{fe0f}\u{fe0f}ple.com",
            "a\u{202e}da@example.com",
            "a\u{200d}da@example.com",
            "ada@a\u{200d}b.example",
            "\u{301}ada@example.com",
            "ada.\u{301}a@example.com",
            "ada@\u{301}b.example",
            "\u{3164}@example.com",
            "a\u{2800}@example.com",
            "ada＠example.com",
            "a＠b@example.com",
            "a．b@example.com",
            "a👍@example.com",
            ".ada@example.com",
            "ada.@example.com",
            "a..da@example.com",
            "ada@.example.com",
            "ada@example..com",
            "ada@example.com.",
            "ada@-example.com",
            "ada@example-.com",
            "ada@exa_mple.com",
            "ada@xn--a.example",
            "ada@xn--\u{fc}.example",
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
    fn the_length_limit_applies_to_the_canonical_form() {
        // In lower case this letter has three bytes instead of two.
        let text = format!("{}@example.com", "\u{23a}".repeat(30));
        assert_eq!(text.parse::<EmailAddress>(), Err(InvalidEmailAddress));
        // A domain can be longer as A-labels than as typed.
        let text = format!("a@{}", vec!["ü".repeat(40); 6].join("."));
        assert_eq!(text.parse::<EmailAddress>(), Err(InvalidEmailAddress));
    }

    #[test]
    fn spellings_include_the_form_that_was_stored_before() {
        for (text, expected) in [
            ("Ada@Example.com", &["ada@example.com"][..]),
            ("A@Bücher.example", &["a@bücher.example", "a@xn--bcher-kva.example"]),
            ("a@xn--bcher-kva.example", &["a@xn--bcher-kva.example", "a@bücher.example"]),
            ("用户@例子。公司", &["用户@例子。公司", "用户@xn--fsqu00a.xn--55qx5d", "用户@例子.公司"]),
            (
                "a@bu\u{308}cher.example",
                &["a@bu\u{308}cher.example", "a@xn--bcher-kva.example", "a@bücher.example"],
            ),
        ] {
            let address: EmailAddress = text.parse().unwrap();
            assert!(address.spellings().iter().all(|spelling| address.is_kept_as(spelling)), "{text:?}");
            assert!(!address.is_kept_as("b@example.com") && !address.is_kept_as(""));
            assert_eq!(text.parse::<EmailAddress>().unwrap().spellings(), expected, "{text:?}");
        }
    }
}
