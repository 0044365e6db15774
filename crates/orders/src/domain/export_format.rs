//! The formats of exported files.

use std::str::FromStr;

/// The format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExportFormat {
    /// RFC 4180: UTF-8, CRLF, a header, and one row for each order line, which repeats the order's own fields.
    ///
    /// A spreadsheet reads a cell as a formula if it begins with `=`, `+`, `-`, `@`, a tab, a line break, or the
    /// full-width form of such a character, possibly after blanks and quotes. Such cells with typed text, customers
    /// and SKUs, are prefixed with `'`.
    Csv,
    /// One order per line, in the form of REST. Texts are unchanged: this is the format for programs.
    JsonLines,
}

/// The error of parsing a text that is not a format.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a file's format is one of csv, jsonl")]
pub(crate) struct UnknownFormat;

impl ExportFormat {
    /// Returns the name in rows.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::JsonLines => "jsonl",
        }
    }
}

impl FromStr for ExportFormat {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        match text {
            "csv" => Ok(Self::Csv),
            "jsonl" => Ok(Self::JsonLines),
            _ => Err(UnknownFormat),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_have_names() {
        for format in [ExportFormat::Csv, ExportFormat::JsonLines] {
            assert_eq!(format.as_str().parse(), Ok(format));
        }
        assert_eq!("CSV".parse::<ExportFormat>(), Err(UnknownFormat));
    }
}
