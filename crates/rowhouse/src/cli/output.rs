//! Printing lists and details, as tables for people and as JSON for programs.

use std::collections::BTreeMap;
use std::fmt::Arguments;
use std::io::{self, ErrorKind, Stdout, Write};

use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueEnum};
use comfy_table::{Table, presets};
use rowhouse_operator::Page;
use rowhouse_text::printable;
use serde::Serialize;

/// The format of a command's result on standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum OutputFormat {
    /// A table for people; its layout may change.
    Table,
    /// One JSON document for programs; members are added, and not removed or renamed.
    Json,
}

#[derive(Args)]
pub(super) struct OutputArgs {
    /// Format of the result
    #[arg(
        long = "output",
        env = "ROWHOUSE_OUTPUT",
        value_name = "FORMAT",
        value_enum,
        default_value = "table"
    )]
    pub(super) format: OutputFormat,
}

/// The arguments of lists that grow with the data.
#[derive(Args)]
pub(super) struct ListArgs {
    /// Maximum number of rows to show
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = RangedU64ValueParser::<u32>::new().range(1..=100_000))]
    pub(super) limit: u32,
    /// Show only rows that contain this text, in upper or lower case, such as a part of a name, slug, address or id
    #[arg(long, value_name = "TEXT")]
    pub(super) search: Option<String>,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

/// Standard output. What nobody reads any more, as after `| head -1`, is dropped: the command does what it would have done, and ends
/// with the same exit code.
pub(super) struct Output(Stdout);

pub(super) fn stdout() -> Output {
    Output(io::stdout())
}

impl Write for Output {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        match self.0.write(text) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(text.len()),
            written => written,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0.flush() {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            flushed => flushed,
        }
    }
}

/// Prints a line on standard error, after the program's name. Unlike `eprintln!`, it does not panic if nobody reads that.
macro_rules! note {
    ($($line:tt)*) => {
        $crate::cli::output::print_note(format_args!($($line)*))
    };
}
pub(super) use note;

pub(super) fn print_note(line: Arguments<'_>) {
    let _unread = writeln!(io::stderr(), "rowhouse: {line}");
}

/// Something that is a row of a table and an object of a JSON document.
pub(super) trait Row: Serialize {
    /// The headers of the table.
    const COLUMNS: &'static [&'static str];

    /// The cells, in the order of the headers.
    fn cells(&self) -> Vec<String>;
}

/// Something that is shown alone: a line for each field, or a JSON object.
pub(super) trait Details: Serialize {
    /// The names of the fields with their values.
    fn fields(&self) -> Vec<(&'static str, String)>;
}

/// Prints a list. The JSON document is `{"items": […], "total": …}`. If the list was cut, standard error says how.
pub(super) fn print_page<T: Row>(
    out: &mut impl Write,
    format: OutputFormat,
    page: &Page<T>,
) -> io::Result<()> {
    match format {
        OutputFormat::Json => print_json(out, page)?,
        OutputFormat::Table => print_table(out, T::COLUMNS, page.items.iter().map(Row::cells))?,
    }
    let shown = page.items.len();
    if u64::try_from(shown).is_ok_and(|shown| shown < page.total) {
        note!("{shown} of {} are shown: --limit shows more, --search finds some", page.total);
    }
    Ok(())
}

/// Prints a list that the program itself limits.
pub(super) fn print_all<T: Row>(out: &mut impl Write, format: OutputFormat, items: Vec<T>) -> io::Result<()> {
    print_page(out, format, &Page::of_all(items))
}

/// Prints one thing.
pub(super) fn print_details(
    out: &mut impl Write,
    format: OutputFormat,
    one: &impl Details,
) -> io::Result<()> {
    match format {
        OutputFormat::Json => print_json(out, one),
        OutputFormat::Table => {
            let lines = one.fields().into_iter().map(|(name, value)| vec![name.to_owned(), value]);
            print_table(out, &[], lines)
        }
    }
}

/// Returns numbers with their names, such as `1 owner, 2 viewer`.
pub(super) fn counted(numbers: &BTreeMap<String, i64>) -> String {
    let numbers: Vec<String> = numbers.iter().map(|(name, number)| format!("{number} {name}")).collect();
    if numbers.is_empty() { "none".to_owned() } else { numbers.join(", ") }
}

/// Prints a JSON document.
pub(super) fn print_json(out: &mut impl Write, document: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, document)?;
    writeln!(out)
}

/// Prints a table without lines, as other programs of the terminal do, so that its rows can be cut and sorted. Texts of tenants
/// cannot control the terminal.
fn print_table(
    out: &mut impl Write,
    headers: &[&str],
    rows: impl Iterator<Item = Vec<String>>,
) -> io::Result<()> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    if !headers.is_empty() {
        table.set_header(headers);
    }
    table.add_rows(
        rows.map(|cells| cells.iter().map(|cell| printable(cell).into_owned()).collect::<Vec<_>>()),
    );
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    for line in table.lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Named {
        slug: &'static str,
        name: &'static str,
    }

    impl Row for Named {
        const COLUMNS: &'static [&'static str] = &["SLUG", "NAME"];

        fn cells(&self) -> Vec<String> {
            vec![self.slug.to_owned(), self.name.to_owned()]
        }
    }

    fn printed(format: OutputFormat, items: Vec<Named>) -> String {
        let mut out = Vec::new();
        print_all(&mut out, format, items).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_are_aligned_and_texts_do_not_control_the_terminal() {
        let rows = vec![
            Named { slug: "acme", name: "Acme\u{1b}[2J" },
            Named { slug: "日本", name: "" },
            Named { slug: "globex-europe", name: "Globex" },
        ];
        assert_eq!(
            printed(OutputFormat::Table, rows),
            "SLUG           NAME\n\
             acme           Acme\u{fffd}[2J\n\
             日本\n\
             globex-europe  Globex\n"
        );
        assert_eq!(printed(OutputFormat::Table, Vec::new()), "SLUG  NAME\n");
    }

    #[test]
    fn json_is_one_document() {
        let text = printed(OutputFormat::Json, vec![Named { slug: "acme", name: "Acme" }]);
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            document,
            serde_json::json!({ "items": [{ "slug": "acme", "name": "Acme" }], "total": 1 })
        );
    }
}
