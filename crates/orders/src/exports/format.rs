//! The formats of export files.

use std::borrow::Cow;
use std::io;

use csv::{Terminator, Writer, WriterBuilder};
use rowhouse_chassis::wire::rfc3339;
use rowhouse_text::is_blank;

use crate::domain::{ExportFormat, Order, OrderLine};
use crate::json::OrderJson;

const HEADER: [&str; 13] = [
    "order_id",
    "number",
    "status",
    "priority",
    "customer",
    "currency",
    "total_minor",
    "created_at",
    "updated_at",
    "position",
    "sku",
    "quantity",
    "unit_price_minor",
];

/// A part of a file, which contains whole orders.
pub(crate) enum Chunk {
    Csv(Box<Writer<Vec<u8>>>),
    JsonLines(Vec<u8>),
}

impl Chunk {
    /// Creates an empty chunk. `first`: it is the beginning of the file.
    pub(crate) fn new(format: ExportFormat, first: bool) -> io::Result<Self> {
        match format {
            ExportFormat::JsonLines => Ok(Self::JsonLines(Vec::new())),
            ExportFormat::Csv => {
                let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
                if first {
                    writer.write_record(HEADER)?;
                    writer.flush()?;
                }
                Ok(Self::Csv(Box::new(writer)))
            }
        }
    }

    pub(crate) fn push(&mut self, order: &Order) -> io::Result<()> {
        match self {
            Self::Csv(writer) => {
                write_lines(writer, order)?;
                writer.flush()
            }
            Self::JsonLines(bytes) => {
                serde_json::to_writer(&mut *bytes, &OrderJson::from(order))?;
                bytes.push(b'\n');
                Ok(())
            }
        }
    }

    /// Returns the length in bytes.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Csv(writer) => writer.get_ref().len(),
            Self::JsonLines(bytes) => bytes.len(),
        }
    }

    pub(crate) fn into_bytes(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Csv(writer) => writer.into_inner().map_err(csv::IntoInnerError::into_error),
            Self::JsonLines(bytes) => Ok(bytes),
        }
    }
}

fn write_lines(writer: &mut Writer<Vec<u8>>, order: &Order) -> io::Result<()> {
    // Each field is named, so that code does not compile until a new field is written or left out on purpose.
    let Order {
        id,
        number,
        customer,
        currency,
        status,
        priority,
        total_minor,
        lines,
        version: _,
        created_at,
        updated_at,
    } = order;
    let (id, number, customer) = (id.to_string(), number.to_string(), escape_formula(customer));
    let (total_minor, created_at, updated_at) =
        (total_minor.to_string(), rfc3339(*created_at), rfc3339(*updated_at));
    for (position, line) in (1_u32..).zip(lines) {
        let OrderLine { sku, quantity, unit_price_minor } = line;
        writer.write_record([
            id.as_str(),
            &number,
            status.as_str(),
            priority.as_str(),
            &customer,
            currency,
            &total_minor,
            &created_at,
            &updated_at,
            &position.to_string(),
            &escape_formula(sku),
            &quantity.to_string(),
            &unit_price_minor.to_string(),
        ])?;
    }
    Ok(())
}

/// Returns the text as a cell that no spreadsheet reads as a formula (OWASP, "CSV Injection"). It checks the
/// beginning, and also each place where a spreadsheet with another separator, which does not recognise the quotes,
/// begins a cell. Blanks, invisible characters and quotes before a formula do not hide it from a spreadsheet.
fn escape_formula(text: &str) -> Cow<'_, str> {
    let begins_formula =
        |c: char| matches!(c, '=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠');
    let separates = |c: char| matches!(c, ';' | '|' | '\t' | '\r' | '\n');
    let mut safe = String::new();
    // The start of the cell, until a visible character was found in it.
    let mut cell = Some(0);
    let mut copied = 0;
    for (at, c) in text.char_indices() {
        if let Some(begin) = cell {
            if begins_formula(c) {
                safe.push_str(&text[copied..begin]);
                safe.push('\'');
                copied = begin;
                cell = None;
            } else if c != '"' && !is_blank(c) {
                cell = None;
            }
        }
        if separates(c) {
            cell = Some(at + c.len_utf8());
        }
    }
    if safe.is_empty() {
        return Cow::Borrowed(text);
    }
    safe.push_str(&text[copied..]);
    Cow::Owned(safe)
}

#[cfg(test)]
mod tests;
