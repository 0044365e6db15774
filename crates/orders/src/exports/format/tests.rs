use chrono::DateTime;
use serde_json::json;

use super::*;
use crate::domain::{OrderId, OrderPriority, OrderStatus, placed};

fn order(customer: &str, skus: &[&str]) -> Order {
    let line = |&sku: &&str| OrderLine { sku: sku.to_owned(), quantity: 2, unit_price_minor: 4_950 };
    Order {
        id: OrderId::from(uuid::Uuid::nil()),
        customer: customer.to_owned(),
        status: OrderStatus::Paid,
        priority: OrderPriority::High,
        total_minor: 9_900,
        lines: skus.iter().map(line).collect(),
        version: 2,
        updated_at: DateTime::from_timestamp_micros(1_500_000).unwrap(),
        ..placed(7, 0)
    }
}

fn written(format: ExportFormat, first: bool, orders: &[Order]) -> String {
    let mut chunk = Chunk::new(format, first).unwrap();
    for order in orders {
        chunk.push(order).unwrap();
    }
    let length = chunk.len();
    let bytes = chunk.into_bytes().unwrap();
    assert_eq!(bytes.len(), length);
    String::from_utf8(bytes).unwrap()
}

#[test]
fn csv_has_a_line_for_each_line_of_an_order() {
    const ID: &str = "00000000-0000-0000-0000-000000000000";
    let orders = [order("Ada, Countess", &["chair", "a \"soft\" table"])];
    assert_eq!(
        written(ExportFormat::Csv, true, &orders),
        format!(
            "order_id,number,status,priority,customer,currency,total_minor,created_at,updated_at,position,sku,quantity,unit_price_minor\r\n\
             {ID},7,paid,high,\"Ada, Countess\",EUR,9900,1970-01-01T00:00:00Z,1970-01-01T00:00:01.500Z,1,chair,2,4950\r\n\
             {ID},7,paid,high,\"Ada, Countess\",EUR,9900,1970-01-01T00:00:00Z,1970-01-01T00:00:01.500Z,2,\"a \"\"soft\"\" table\",2,4950\r\n"
        )
    );
}

#[test]
fn only_the_first_chunk_has_the_header() {
    assert_eq!(written(ExportFormat::Csv, true, &[]).lines().count(), 1);
    assert_eq!(written(ExportFormat::Csv, false, &[]), "");
    assert_eq!(written(ExportFormat::Csv, false, &[order("Ada", &["chair"])]).lines().count(), 1);
    assert_eq!(written(ExportFormat::JsonLines, true, &[]), "");
}

#[test]
fn json_lines_have_an_order_each() {
    let customer = "Ada\n\"=1+1\"\u{2028}\u{1f600}";
    let text = written(ExportFormat::JsonLines, true, &[order(customer, &["chair"]), order("Bob", &[])]);
    let lines: Vec<_> = text.split_terminator('\n').collect();
    let [first, second] = lines.as_slice() else { panic!("{text}") };
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(first).unwrap(),
        json!({
            "id": "00000000-0000-0000-0000-000000000000",
            "number": 7,
            "customer": customer,
            "currency": "EUR",
            "status": "paid",
            "priority": "high",
            "total_minor": 9_900,
            "lines": [{ "sku": "chair", "quantity": 2, "unit_price_minor": 4_950 }],
            "version": 2,
            "created_at": "1970-01-01T00:00:00Z",
            "updated_at": "1970-01-01T00:00:01.500Z",
        })
    );
    assert!(second.contains("\"Bob\"") && second.contains("\"lines\":[]"), "{second}");
}

#[test]
fn no_cell_is_a_formula() {
    for text in ["=1+1", "+1", "-1", "@SUM(A1)", "＝1+1", "＋1", "－1", "＠x"] {
        assert_eq!(escape_formula(text), format!("'{text}"), "{text:?}");
    }
    for text in [
        "",
        "Ada",
        " Ada",
        "1-1",
        "'t Hooft",
        "\"a\"",
        "a=b",
        "a; b=1|c",
        "Smith,-1",
        "\"\"",
        " ;  | ",
        "\u{301}=1",
    ] {
        assert_eq!(escape_formula(text), text);
    }
    // Other separators begin a cell as well.
    for (text, safe) in [
        ("x;=cmd|'/C calc'!A0;", "x;'=cmd|'/C calc'!A0;"),
        ("=1;-2|@x", "'=1;'-2|'@x"),
        ("a\n=1", "a\n'=1"),
        ("\t=1", "'\t'=1"),
        ("\r\n=1", "'\r'\n'=1"),
        ("ä;＝1", "ä;'＝1"),
    ] {
        assert_eq!(escape_formula(text), safe, "{text:?}");
    }
    // A spreadsheet skips these before a formula.
    for (text, safe) in [
        (" =1+1", "' =1+1"),
        ("\u{a0}=1+1", "'\u{a0}=1+1"),
        ("\u{200b}=1+1", "'\u{200b}=1+1"),
        ("\u{feff}=1+1", "'\u{feff}=1+1"),
        (
            "\u{2800}\u{3164}\u{ad}\u{fe0f}\u{2060}\u{202e}@x",
            "'\u{2800}\u{3164}\u{ad}\u{fe0f}\u{2060}\u{202e}@x",
        ),
        ("\"=1+1\"", "'\"=1+1\""),
        (" \" \"＋1", "' \" \"＋1"),
        ("x; =1+1", "x;' =1+1"),
        ("x|  @SUM(1)", "x|'  @SUM(1)"),
        ("x;\u{a0}=1+1", "x;'\u{a0}=1+1"),
        ("x;\"=1+1\"", "x;'\"=1+1\""),
        ("x|\u{feff}\u{200b}-1|ok|\"+1", "x|'\u{feff}\u{200b}-1|ok|'\"+1"),
        ("  \t =1", "'  \t' =1"),
    ] {
        assert_eq!(escape_formula(text), safe, "{text:?}");
    }
    // A quoted cell would be read as a formula as well.
    let text = written(ExportFormat::Csv, false, &[order("=HYPERLINK(\"x\",\"y\")", &["-2"])]);
    assert!(text.contains(",\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\",") && text.contains(",'-2,"), "{text}");
}

/// No cell begins with a formula, after any text and with any separator.
#[test]
fn no_combination_of_blanks_and_separators_lets_a_formula_through() {
    const PIECES: [&str; 14] =
        ["=", "+", "@", "-", "＝", " ", "\u{a0}", "\u{200b}", "\u{feff}", "\"", ";", "|", "\t", "a"];
    let mut cases = vec![String::new()];
    for _ in 0..4 {
        let longer = cases.iter().flat_map(|case| PIECES.map(|piece| format!("{case}{piece}")));
        cases = longer.chain([String::new()]).collect();
    }
    for case in &cases {
        let safe = escape_formula(case);
        for cell in safe.split([';', '|', '\t']) {
            let seen =
                cell.trim_start_matches(|c: char| c.is_whitespace() || "\u{200b}\u{feff}\"".contains(c));
            assert!(!seen.starts_with(['=', '+', '@', '-', '＝']), "{case:?} became {safe:?}");
        }
        assert_eq!(safe.replace('\'', ""), *case, "nothing else is changed");
        assert_eq!(escape_formula(&safe), safe, "{case:?}: done twice it is the same");
    }
    assert!(cases.len() > 14_usize.pow(4));
}
