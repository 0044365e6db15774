//! The formats of exported files.

use std::str::FromStr;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExportFormat {
    /// RFC 4180: UTF-8, CRLF, a header, and one line an order line, on which the order's own fields are repeated.
    ///
    /// A spreadsheet takes a cell for a formula that begins with one of `=`, `+`, `-`, `@`, a tab, a line break, or the
    /// full-width form of such a character, blanks and quotes before it aside. What people have typed, customers and SKUs, then has a `'` before it.
    Csv,
    /// One order a line, as REST shows it. Nothing is changed in it: the format for programs.
    JsonLines,
}

/// The text names no format.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a file's format is one of csv, jsonl")]
pub(crate) struct UnknownFormat;

impl ExportFormat {
    /// The name in rows.
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
