//! [`Slug`], a tenant's short name for URLs and logins.

use std::str::FromStr;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use uuid::Uuid;

use super::TenantName;
use super::reserved_slugs::is_reserved;

const LONGEST: usize = 63;

/// A slug: 3 to 63 characters of a-z, 0-9 and inner hyphens. It never has the form of an id, since login accepts
/// either, and is never reserved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Slug(String);

impl Slug {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Slug {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let slug = Self::reserved_or_not(text)?;
        if is_reserved(text) { Err("choose another slug: this one is reserved") } else { Ok(slug) }
    }
}

impl Slug {
    fn reserved_or_not(text: &str) -> Result<Self, &'static str> {
        let valid = (3..=LONGEST).contains(&text.len())
            && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
            && !text.starts_with('-')
            && !text.ends_with('-');
        if !valid {
            Err("send 3 to 63 characters of a-z, 0-9 and hyphens, with no hyphen at either end")
        } else if Uuid::try_parse(text).is_ok() {
            Err("send a slug that does not look like an id")
        } else {
            Ok(Self(text.to_owned()))
        }
    }
}

/// The slugs to try for a new tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SlugPlan {
    /// The slug that the caller chose.
    Chosen(Slug),
    /// A slug derived from the name, with a suffix if it is taken or reserved.
    Derived(Slug),
    /// A generated slug, since none can be derived from the name.
    Made,
}

impl SlugPlan {
    pub(crate) fn new(chosen: Option<Slug>, name: &TenantName) -> Self {
        match (chosen, Slug::reserved_or_not(&fold(name.as_str()))) {
            (Some(chosen), _) => Self::Chosen(chosen),
            (None, Ok(derived)) => Self::Derived(derived),
            (None, Err(_)) => Self::Made,
        }
    }

    /// Returns whether the caller chose the slug.
    pub(crate) const fn is_chosen(&self) -> bool {
        matches!(self, Self::Chosen(_))
    }

    /// Returns the slug for a try, counted from 0, or `None` if there are no more tries. `random` is generated for
    /// this try; its end is the suffix.
    pub(crate) fn attempt(&self, attempt: usize, random: Uuid) -> Option<Slug> {
        let id = random.simple().to_string();
        let (_, six) = id.split_at(id.len() - 6);
        let (_, four) = id.split_at(id.len() - 4);
        match (self, attempt) {
            (Self::Derived(slug), 0) if is_reserved(slug.as_str()) => Some(suffixed(slug.as_str(), four)),
            (Self::Chosen(slug) | Self::Derived(slug), 0) => Some(slug.clone()),
            (Self::Derived(slug), 1) => Some(suffixed(slug.as_str(), four)),
            (Self::Derived(slug), 2..=4) => Some(suffixed(slug.as_str(), six)),
            (Self::Made, 0..=4) => Some(suffixed("tenant", six)),
            (Self::Chosen(_) | Self::Derived(_) | Self::Made, _) => None,
        }
    }
}

fn suffixed(slug: &str, suffix: &str) -> Slug {
    let room = LONGEST - suffix.len() - "-".len();
    // A slug is ASCII, so it can be cut anywhere.
    let start = slug.get(..room).unwrap_or(slug).trim_end_matches('-');
    Slug(format!("{start}-{suffix}"))
}

/// Returns the name without accents and capitals, with a hyphen for each run of characters other than ASCII letters
/// and digits.
fn fold(name: &str) -> String {
    let mut folded = String::with_capacity(name.len());
    for c in name.nfkd().flat_map(char::to_lowercase) {
        match c {
            'a'..='z' | '0'..='9' => folded.push(c),
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'þ' => folded.push_str("th"),
            'ø' => folded.push('o'),
            'đ' | 'ð' => folded.push('d'),
            'ł' => folded.push('l'),
            'ı' => folded.push('i'),
            c if is_combining_mark(c) => {}
            _ if folded.is_empty() || folded.ends_with('-') => {}
            _ => folded.push('-'),
        }
    }
    folded.truncate(LONGEST);
    folded.truncate(folded.trim_end_matches('-').len());
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(name: &str) -> SlugPlan {
        SlugPlan::new(None, &name.parse().unwrap())
    }

    #[test]
    fn a_slug_has_3_to_63_letters_digits_and_hyphens() {
        for text in ["abc", "a-c", "123", "acme-gmbh", "a--b", "deadbeef", &"a".repeat(63)] {
            assert_eq!(text.parse::<Slug>().unwrap().as_str(), text);
        }
        for text in [
            "",
            "ab",
            "-ab",
            "ab-",
            "Acme",
            "acme gmbh",
            "acme_gmbh",
            "söhne",
            "acme.",
            " acme",
            "acme\n",
            &"a".repeat(64),
            "01890a5d-ac96-774b-bcce-b302099a8057",
            "01890a5dac96774bbcceb302099a8057",
            "admin",
            "www",
            "xn--bcher-kva",
        ] {
            assert!(text.parse::<Slug>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_name_becomes_a_slug() {
        for (name, expected) in [
            ("Acme", "acme"),
            ("Acme & Söhne GmbH", "acme-sohne-gmbh"),
            ("  --Acme!!  Inc.--", "acme-inc"),
            ("Straße 42", "strasse-42"),
            ("Ærø Þór Łódź Đurđa", "aero-thor-lodz-durda"),
            ("İstanbul Ilıca", "istanbul-ilica"),
            ("Ｆｕｌｌ　Ｗｉｄｔｈ", "full-width"),
            ("ﬁrst №1", "first-no1"),
            ("e\u{301}toile", "etoile"),
            ("Яндекс Co", "co-"),
        ] {
            let plan = plan(name);
            match plan {
                SlugPlan::Derived(slug) => assert_eq!(slug.as_str(), expected, "{name}"),
                // Too short for a slug.
                other => assert_eq!((other, expected), (SlugPlan::Made, "co-"), "{name}"),
            }
        }
        let long = "x".repeat(62) + " y";
        assert_eq!(plan(&long), SlugPlan::Derived("x".repeat(62).parse().unwrap()));
    }

    #[test]
    fn a_name_without_anything_for_a_slug_gets_one_that_was_made_up() {
        let random = Uuid::from_u128(0x0189_0a5d_ac96_774b_bcce_b302_099a_8057);
        for name in ["株式会社", "AB", "!!!", "🦀", "01890a5dac96774bbcceb302099a8057"] {
            assert_eq!(plan(name), SlugPlan::Made, "{name}");
            assert_eq!(plan(name).attempt(0, random).unwrap().as_str(), "tenant-9a8057");
        }
    }

    #[test]
    fn a_taken_slug_gets_a_suffix_unless_it_was_chosen() {
        let random = Uuid::from_u128(0x0189_0a5d_ac96_774b_bcce_b302_099a_8057);
        let tried = |plan: &SlugPlan| -> Vec<_> {
            let tried = (0..10).map_while(|attempt| plan.attempt(attempt, random));
            tried.map(|slug| slug.as_str().to_owned()).collect()
        };
        let derived = ["acme", "acme-8057", "acme-9a8057", "acme-9a8057", "acme-9a8057"];
        assert_eq!(tried(&plan("Acme")), derived);
        let reserved = ["admin-8057", "admin-8057", "admin-9a8057", "admin-9a8057", "admin-9a8057"];
        assert_eq!(tried(&plan("Admin")), reserved);
        let chosen = SlugPlan::new(Some("acme-inc".parse().unwrap()), &"Acme".parse().unwrap());
        assert_eq!(tried(&chosen), ["acme-inc"]);
        assert_eq!(tried(&SlugPlan::Made).len(), 5);
    }

    #[test]
    fn every_slug_that_is_tried_is_one() {
        for name in ["a".repeat(200), "ab-".repeat(66), "Acme".to_owned(), "🦀".to_owned(), "WWW".to_owned()]
        {
            for slug in (0..5).map_while(|attempt| plan(&name).attempt(attempt, Uuid::now_v7())) {
                assert_eq!(slug.as_str().parse(), Ok(slug.clone()), "{name}");
            }
        }
    }
}
