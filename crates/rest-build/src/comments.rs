//! Reading comments of a definition, which become descriptions in the document.

use prost_reflect::FileDescriptor;
use prost_reflect::prost_types::source_code_info::Location;

/// Returns the comment before the element at `path` of `file`, as Markdown with the lines of a paragraph joined, or an empty text.
pub(crate) fn comment(file: &FileDescriptor, path: &[i32]) -> String {
    let info = file.file_descriptor_proto().source_code_info.as_ref();
    let locations = info.map(|info| info.location.as_slice()).unwrap_or_default();
    let found = locations.iter().find(|location| location.path == path);
    let text = found.map(Location::leading_comments).unwrap_or_default();
    let mut paragraphs: Vec<String> = Vec::new();
    let mut open = false;
    for line in text.lines().map(str::trim) {
        match paragraphs.last_mut() {
            Some(last) if open && !line.is_empty() => {
                last.push(' ');
                last.push_str(line);
            }
            _ if !line.is_empty() => paragraphs.push(line.to_owned()),
            _ => {}
        }
        open = !line.is_empty();
    }
    paragraphs.join("\n\n")
}

/// Returns the first sentence of a comment without its full stop, and the rest.
pub(crate) fn summary(comment: &str) -> (String, String) {
    let end = comment.find(". ").or_else(|| comment.find(".\n"));
    match end {
        Some(end) => {
            let (first, rest) = comment.split_at(end);
            (first.to_owned(), rest.trim_start_matches('.').trim().to_owned())
        }
        None => (comment.trim_end_matches('.').to_owned(), String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sentence_is_the_summary() {
        for (comment, first, rest) in [
            ("Places an order.", "Places an order", ""),
            ("Lists orders, newest first. At most 100.", "Lists orders, newest first", "At most 100."),
            ("Ends a session.\n\nAt once.", "Ends a session", "At once."),
            ("", "", ""),
        ] {
            assert_eq!(summary(comment), (first.to_owned(), rest.to_owned()), "{comment:?}");
        }
    }
}
