//! Quoting text of other people in emails.

use rowhouse_text::{is_blank, is_mark};

/// The length limit, which leaves no room for a message.
const LONGEST: usize = 60;
/// The replacement for a text without anything readable.
const NOTHING: &str = "(no readable name)";
/// The number of marks on one letter. More would reach into other lines.
const MOST_MARKS: usize = 3;

/// Returns a foreign text as a part of a line: letters, digits and some punctuation, in which no mail program
/// recognises a link, an address or a number. Validated texts are treated in the same way, since rows may be older
/// than the rules.
pub(super) fn quoted(text: &str) -> String {
    let mut kept = String::new();
    let (mut marks, mut previous) = (0, ' ');
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let next = chars.peek().copied().unwrap_or(' ');
        match c {
            // A dot followed by more makes a domain; one at the end of a word belongs to an abbreviation.
            '.' if !next.is_whitespace() => kept.push('·'),
            '@' => kept.push_str(" (at) "),
            c if is_mark(c) && !is_blank(c) => {
                marks += 1;
                if marks <= MOST_MARKS && previous.is_alphanumeric() {
                    kept.push(c);
                }
                continue;
            }
            c if is_plain(c) => kept.push(c),
            _ => kept.push(' '),
        }
        (marks, previous) = (0, c);
    }
    let words: Vec<&str> = kept.split_whitespace().collect();
    let line = words.join(" ");
    if !line.chars().any(char::is_alphanumeric) {
        return NOTHING.to_owned();
    }
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
        None => line,
    }
}

/// Returns a foreign email address: unchanged if no mail program can take it for more than an address, and quoted
/// otherwise.
pub(super) fn quoted_address(text: &str) -> String {
    let plain = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "._-+".contains(c))
    };
    match text.split_once('@') {
        Some((local, domain))
            if plain(local)
                && plain(domain)
                && !text.to_ascii_lowercase().starts_with("www")
                && text.len() <= LONGEST =>
        {
            text.to_owned()
        }
        _ => quoted(text),
    }
}

fn is_plain(c: char) -> bool {
    (c.is_alphanumeric() && !is_blank(c)) || " .,'’&()+!?-–_#".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_readable() {
        for (text, expected) in [
            ("Acme", "Acme"),
            ("  Müller & Söhne (Köln)  ", "Müller & Söhne (Köln)"),
            ("Dr. Smith, Jones Ltd.", "Dr. Smith, Jones Ltd."),
            ("O'Brien-Smith", "O'Brien-Smith"),
            ("日本商事", "日本商事"),
            ("हिन्दी", "हिन्दी"),
            ("บริษัท", "บริษัท"),
            ("jose\u{301}", "jose\u{301}"),
            ("שלום", "שלום"),
            ("ada@example.com", "ada (at) example·com"),
            ("Version 2.0", "Version 2·0"),
        ] {
            assert_eq!(quoted(text), expected, "{text:?}");
        }
    }

    #[test]
    fn an_address_is_an_address_and_nothing_more() {
        for text in ["ada@example.com", "ada.king+rowhouse@mail.example.co.uk", "root@localhost"] {
            assert_eq!(quoted_address(text), text);
        }
        for (text, expected) in [
            ("www.evil.example/win@x.example", "www·evil·example win (at) x·example"),
            ("WWW.evil.example@x.example", "WWW·evil·example (at) x·example"),
            ("evil.example/x?y=z@x.example", "evil·example x?y z (at) x·example"),
            ("jürgen@bücher.example", "jürgen (at) bücher·example"),
            ("ada@example.com@evil.example", "ada (at) example·com (at) evil·example"),
            ("ada@example.com\nwww.evil.example", "ada (at) example·com www·evil·example"),
            ("not an address", "not an address"),
        ] {
            assert_eq!(quoted_address(text), expected, "{text:?}");
        }
    }

    #[test]
    fn nothing_becomes_a_link() {
        for text in [
            "https://evil.example/win",
            "http:\\\\evil.example",
            "HTTPS://EVIL.EXAMPLE",
            "www.evil.example",
            "evil.example",
            "evil.com/offer?x=1",
            "Visit evil.com!",
            "Visit .evil.com",
            "evil.co.uk:8080",
            "evil。example",
            "evil．example",
            "evil｡example",
            "evil\u{2024}example",
            "https\u{ff1a}//evil\u{ff0e}example",
            "https:/\u{200b}/evil.\u{200b}example",
            "evil.\u{2060}example",
            "evil\u{200b}.example",
            "mailto:eve@evil.example",
            "eve@evil",
            "eve＠evil.example",
            "javascript:alert(1)",
            "tel:+491234",
            "data:text/html,x",
            "<a href=\"https://evil.example\">Acme</a>",
            "[Acme](https://evil.example)",
            "xn--vil-dma.example",
            "1.2.3.4",
            "[2001:db8::1]",
            "bücher.example",
            "例子.公司",
            "münchen.de/gewinn",
            "evil. com",
            "e.v.i.l",
            "ftp.evil.example",
            "//evil.example",
            "evil.example.",
            "evil..example",
            "//evil.́example",
        ] {
            let line = quoted(text);
            assert!(
                !line.contains(['/', ':', '\\', '@', '<', '>', '"', '[', ']', '=']),
                "{text:?}: {line:?}"
            );
            // A dot is followed by a blank or by nothing.
            let dots = line.char_indices().filter(|(_, c)| *c == '.');
            for (at, _) in dots {
                let next = line[at + 1..].chars().next().unwrap_or(' ');
                assert!(next == ' ', "{text:?}: {line:?}");
            }
        }
    }

    #[test]
    fn nothing_leaves_the_line_or_turns_it_around() {
        for text in [
            "Acme\r\nBcc: all@example.com",
            "Acme\n\nhttps://evil.example",
            "Acme\u{2028}x",
            "Acme\u{2029}x",
            "Acme\u{85}x",
            "Acme\u{b}\u{c}x",
            "Acme\0x",
            "\u{202e}emcA",
            "\u{2066}Acme\u{2069}",
            "A\u{200b}c\u{200d}m\u{feff}e",
            "A\u{ad}cme",
            "Acme\u{e0041}\u{e0042}",
            "Acme\u{fe0f}\u{e0100}",
            "Acme\u{3164}\u{115f}",
            "Acme\u{2800}",
            "Acme\u{e000}\u{f8ff}",
            "Acme\u{378}",
        ] {
            let line = quoted(text);
            assert!(line.chars().all(|c| c.is_ascii_graphic() || c == ' ' || c == '·'), "{text:?}: {line:?}");
            assert!(line.starts_with(['A', 'e']), "{text:?}: {line:?}");
        }
        assert_eq!(quoted("Z\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}x").chars().count(), 5);
    }

    #[test]
    fn a_text_is_short_and_never_empty() {
        assert_eq!(quoted(&"ü".repeat(200)), format!("{}…", "ü".repeat(60)));
        for text in ["", " ", "\u{200b}", "🎉🎉", "://", "...", "\u{3164}"] {
            assert_eq!(quoted(text), NOTHING, "{text:?}");
        }
    }
}
