//! The check that the documentation covers all settings, including those of new major versions.

use rowhouse_testkit::TestDatabase;

use crate::settings::rowhouse_admin;

const DOCUMENT: &str = include_str!("../../../../docs/postgresql.md");

/// Settings that change no result and are not documented. An asterisk stands for the rest of a name.
const HARMLESS: &[&str] = &[
    // Planning and resources of queries.
    "cpu_*_cost",
    "cursor_tuple_fraction",
    "debug_parallel_query",
    "effective_cache_size",
    "effective_io_concurrency",
    "force_parallel_mode",
    "from_collapse_limit",
    "geqo",
    "geqo_*",
    "hash_mem_multiplier",
    "io_combine_limit",
    "jit_*",
    "join_collapse_limit",
    "maintenance_io_concurrency",
    "min_parallel_*",
    "parallel_leader_participation",
    "recursive_worktable_factor",
    "synchronize_seqscans",
    "temp_buffers",
    // Writes and vacuum.
    "backend_flush_after",
    "commit_delay",
    "commit_siblings",
    "gin_pending_list_limit",
    "logical_decoding_work_mem",
    "maintenance_work_mem",
    "vacuum_*",
    "wal_*",
    // Logging and statistics.
    "application_name",
    "backtrace_functions",
    "compute_query_id",
    "deadlock_timeout",
    "debug_pretty_print",
    "log_*",
    "trace_*",
    "track_*",
    "update_process_title",
    // The connection.
    "post_auth_delay",
    "tcp_*",
    // Options for PostgreSQL's developers.
    "allow_in_place_tablespaces",
    "debug_copy_parse_plan_trees",
    "debug_discard_caches",
    "debug_logical_replication_streaming",
    "debug_raw_expression_coverage_test",
    "debug_write_read_parse_plan_trees",
    "logical_replication_mode",
];

/// Returns whether a pattern, which has at most one asterisk, matches a name.
fn covers(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((begin, end)) => name.strip_prefix(begin).is_some_and(|rest| rest.ends_with(end)),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_setting_of_a_session_is_documented_or_known_to_change_no_answer() {
    let table = DOCUMENT.split("\n## ").find(|section| section.starts_with("Settings\n")).unwrap();
    let documented: Vec<&str> = table.lines().filter(|line| line.starts_with("| ")).flat_map(names).collect();
    assert!(documented.contains(&"search_path") && documented.contains(&"enable_*"), "{documented:?}");
    let database = TestDatabase::create().await;
    let admin = rowhouse_admin(&database.admin_url()).await;
    let rows = admin
        .query(
            "SELECT s.name FROM pg_catalog.pg_settings s
             WHERE s.context IN ('user', 'superuser', 'backend', 'superuser-backend') ORDER BY s.name",
            &[],
        )
        .await
        .unwrap();
    assert!(rows.len() > 150, "{}", rows.len());
    let known = |name: &str| documented.iter().chain(HARMLESS).any(|pattern| covers(pattern, name));
    let unknown: Vec<String> =
        rows.iter().map(|row| row.get(0)).filter(|name: &String| !known(name)).collect();
    assert!(
        unknown.is_empty(),
        "say in docs/postgresql.md what they could do and what protects from it, or here that they change no answer: {unknown:?}"
    );
}

/// Returns the names in the first column of a row.
fn names(row: &'static str) -> impl Iterator<Item = &'static str> {
    row.split('|').nth(1).unwrap_or_default().split('`').skip(1).step_by(2)
}
