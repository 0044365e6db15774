//! Rules for every migration of the tree.

use std::fs;
use std::path::{Path, PathBuf};

use rowhouse_chassis::database::REQUIRED_SCHEMA;

struct Written {
    name: String,
    up: String,
    metadata: Option<String>,
}

/// Returns the migrations in order.
fn tree() -> Vec<Written> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations");
    let mut directories: Vec<PathBuf> =
        fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    directories.sort();
    directories
        .iter()
        .map(|directory| {
            assert!(directory.join("down.sql").exists(), "{}", directory.display());
            Written {
                name: directory.file_name().unwrap().to_str().unwrap().to_owned(),
                up: fs::read_to_string(directory.join("up.sql")).unwrap(),
                metadata: fs::read_to_string(directory.join("metadata.toml")).ok(),
            }
        })
        .collect()
}

impl Written {
    fn version(&self) -> String {
        self.name.split('_').next().unwrap().replace('-', "")
    }

    fn is_contract(&self) -> bool {
        self.name.ends_with("_contract")
    }

    /// Returns the SQL without comments.
    fn sql(&self) -> String {
        let lines = self.up.lines().filter(|line| !line.trim_start().starts_with("--"));
        lines.collect::<Vec<_>>().join("\n")
    }
}

#[test]
fn versions_are_fourteen_digits_and_none_is_there_twice() {
    let versions: Vec<String> = tree().iter().map(Written::version).collect();
    for version in &versions {
        assert!(version.len() == 14 && version.bytes().all(|byte| byte.is_ascii_digit()), "{version}");
    }
    assert!(versions.is_sorted_by(|one, next| one < next), "{versions:?}");
}

#[test]
fn programs_need_the_newest_that_takes_nothing_away() {
    let newest = tree().iter().filter(|migration| !migration.is_contract()).map(Written::version).max();
    assert_eq!(newest.as_deref(), Some(REQUIRED_SCHEMA));
}

/// A migration outside of a transaction is one statement that can be repeated; all others are rolled back when they
/// fail.
#[test]
fn migrations_outside_of_a_transaction_can_be_repeated() {
    for migration in tree() {
        let (name, sql) = (&migration.name, migration.sql());
        let Some(metadata) = &migration.metadata else {
            assert!(
                !sql.contains(" CONCURRENTLY "),
                "{name} needs a metadata.toml: run_in_transaction = false"
            );
            continue;
        };
        // diesel takes any other content as false.
        assert_eq!(metadata, "run_in_transaction = false\n", "{name}");
        assert_eq!(sql.matches(';').count(), 1, "{name} has to be one statement");
        assert!(sql.trim_end().ends_with(';'), "{name} has to be one statement");
        let repeatable = ["INDEX CONCURRENTLY IF NOT EXISTS", "INDEX CONCURRENTLY IF EXISTS"];
        assert!(repeatable.iter().any(|form| sql.contains(form)), "{name} cannot be repeated");
    }
}

#[test]
fn contract_migrations_declare_the_oldest_supported_program() {
    for migration in tree().iter().filter(|migration| migration.is_contract()) {
        assert!(
            migration.sql().contains("UPDATE tenancy.schema_compatibility SET oldest_supported = '"),
            "{} has to raise tenancy.schema_compatibility",
            migration.name
        );
    }
}
