//! [`TenantName`].

use rowhouse_text::Text;

/// The name of a company.
pub(crate) type TenantName = Text<200>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (text, expected) in [
            ("Acme", Some("Acme")),
            ("  Acme & Söhne GmbH  ", Some("Acme & Söhne GmbH")),
            ("株式会社", Some("株式会社")),
            ("A", Some("A")),
            (&"ü".repeat(200), Some("ü".repeat(200).as_str())),
            (&"ü".repeat(201), None),
            ("", None),
            (" \t\n", None),
            ("Acme\nGlobex", None),
            ("Acme\0", None),
            ("\u{1b}[31mAcme", None),
            ("\u{200b}\u{200b}", None),
            ("\u{2800}", None),
            ("Acme\u{202e}gnp.exe", None),
            ("\u{2066}Acme", None),
        ] {
            let name = text.parse::<TenantName>().ok();
            assert_eq!(name.as_ref().map(TenantName::as_str), expected, "{text:?}");
        }
    }
}
