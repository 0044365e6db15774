//! Commands whose output nobody reads any more, as after `rowhouse tenant list | head -1`.

use std::collections::BTreeSet;
use std::fs;
use std::io::{PipeWriter, pipe};
use std::path::Path;
use std::process::{Command, Stdio};

use rowhouse_testkit::{ServiceName, TestDatabase};

use crate::ROWHOUSE;
use crate::commands::two_tenants;

/// Returns each command with its exit code. They can be repeated with another directory.
fn commands(database: &TestDatabase, directory: &Path) -> Vec<(String, i32)> {
    let (url, service) = (database.admin_url(), database.url(ServiceName::Orders));
    let keys = directory.display();
    let encryption_keys = directory.join("encryption.keys");
    fs::write(&encryption_keys, format!("{}A=\n", "A".repeat(42))).unwrap();
    let on_database = [
        ("actions", 0),
        ("audit", 0),
        ("audit --output json", 0),
        ("backfill --list", 0),
        ("backfill email-addresses", 0),
        ("backfill email-addresses --dry-run", 0),
        ("backfill nonsense", 1),
        ("backfill orders-priority", 0),
        ("backfill orders-priority --dry-run", 0),
        (&format!("keys re-encrypt --encryption-keys {}", encryption_keys.display()), 0),
        ("migrate", 0),
        ("migrate --status", 0),
        ("migrate --status --output json", 0),
        ("tenant list", 0),
        ("tenant list --limit 1", 0),
        ("tenant show acme", 0),
        ("tenant show nonsense", 1),
        ("tenant suspend acme --reason unpaid", 0),
        ("tenant resume acme --reason paid", 0),
        ("tenant usage", 0),
        ("user list", 0),
        ("user show ada@example.com", 0),
        ("user disable ada@example.com --reason stolen", 0),
        ("user enable ada@example.com --reason found", 0),
    ];
    let on_database = on_database.map(|(command, code)| (format!("{command} --database-url {url}"), code));
    let others = [
        (format!("wait-for-migrations --database-url {service}"), 0),
        (format!("keys generate --directory {keys}"), 0),
        (format!("keys rotate --directory {keys} --step publish"), 0),
        ("completions bash".to_owned(), 0),
        ("tenant list --help".to_owned(), 0),
        ("nonsense".to_owned(), 2),
    ];
    on_database.into_iter().chain(others).collect()
}

/// Returns the end of a pipe whose other end is closed.
fn unread() -> PipeWriter {
    let (_reader, writer) = pipe().unwrap();
    writer
}

fn command(line: &str) -> Command {
    let mut command = ROWHOUSE.command(&line.split_whitespace().collect::<Vec<_>>());
    command.env("ROWHOUSE_ENVIRONMENT", "dev").stdin(Stdio::null());
    command
}

/// Returns the commands that have no commands themselves, such as `tenant list`.
fn leaves(command: &clap::Command, path: &str, found: &mut BTreeSet<String>) {
    for inner in command.get_subcommands() {
        let path = format!("{path} {}", inner.get_name()).trim().to_owned();
        if inner.has_subcommands() {
            leaves(inner, &path, found);
        } else {
            found.insert(path);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_does_the_same_if_nobody_reads_what_it_says() {
    let (database, directories) = (two_tenants().await, [(); 2].map(|()| tempfile::tempdir().unwrap()));
    let [first, second] = directories.each_ref().map(|directory| commands(&database, directory.path()));
    let mut untested = BTreeSet::new();
    leaves(&rowhouse::cli::command(), "", &mut untested);
    untested
        .retain(|path| !first.iter().any(|(line, _)| format!("{line} ").starts_with(&format!("{path} "))));
    // `psql` becomes another program, and the launcher's tests run `dev`.
    assert_eq!(untested.into_iter().collect::<Vec<_>>(), ["dev", "psql"]);

    tokio::task::spawn_blocking(move || {
        for (line, code) in first {
            let output = command(&line).stdout(unread()).output().unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(code), "{line}: {said}");
            assert!(!said.contains("pipe") && !said.contains("panicked"), "{line}: {said}");
        }
        for (line, code) in second {
            let status = command(&line).stdout(unread()).stderr(unread()).status().unwrap();
            assert_eq!(status.code(), Some(code), "{line}, without standard error");
        }
    })
    .await
    .unwrap();
}
