//! Parsing entity tags in `If-Match` and `If-None-Match`.

/// Returns the tags of a list (RFC 9110 §8.8.3, §13.1.1), weak ones with their `W/`, or `None` if the text is not a
/// list or an empty one. An opaque tag may contain commas.
#[must_use]
pub fn entity_tags(list: &str) -> Option<Vec<&str>> {
    let mut tags = Vec::new();
    let mut rest = list.trim_start_matches([' ', '\t', ',']);
    while !rest.is_empty() {
        let opaque = rest.strip_prefix("W/").unwrap_or(rest).strip_prefix('"')?;
        let (inner, behind) = opaque.split_once('"')?;
        let (tag, _) = rest.split_at(rest.len() - behind.len());
        let behind = behind.trim_start_matches([' ', '\t']);
        let separated = behind.is_empty() || behind.starts_with(',');
        if !separated || !inner.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x7e | 0x80..)) {
            return None;
        }
        tags.push(tag);
        rest = behind.trim_start_matches([' ', '\t', ',']);
    }
    (!tags.is_empty()).then_some(tags)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        for (text, expected) in [
            (r#""3""#, Some(&[r#""3""#][..])),
            (r#" "3"	"#, Some(&[r#""3""#])),
            (r#"W/"3""#, Some(&[r#"W/"3""#])),
            (r#""""#, Some(&[r#""""#])),
            (r#""0", "1""#, Some(&[r#""0""#, r#""1""#])),
            (r#""0","1",W/"2""#, Some(&[r#""0""#, r#""1""#, r#"W/"2""#])),
            // RFC 9110 §5.6.1: empty elements are allowed.
            (r#", "0" ,, "1","#, Some(&[r#""0""#, r#""1""#])),
            (r#""a,b", "é""#, Some(&[r#""a,b""#, r#""é""#])),
            ("", None),
            (" , ,", None),
            ("3", None),
            ("*", None),
            (r#""3", *"#, None),
            (r#"""#, None),
            (r#""3"#, None),
            (r#"3""#, None),
            (r#"w/"3""#, None),
            ("W/3", None),
            (r#""1" "2""#, None),
            (r#""1"; "2""#, None),
            (r#"""""#, None),
            (r#"" ""#, None),
            ("\"3\0\"", None),
        ] {
            assert_eq!(entity_tags(text).as_deref(), expected, "{text:?}");
        }
    }
}
