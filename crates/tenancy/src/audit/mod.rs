//! The catalogue audit: finds violations of the isolation guarantees in PostgreSQL's own catalogue.
//!
//! It needs no privileges beyond those of a service role, which reads `pg_catalog` and the two lists in the
//! schema `tenancy`. It cannot find what no catalogue shows: the actions of superusers, a declared SECURITY DEFINER
//! function whose body leaks, granted privileges that a role does not need. Objects of extensions are
//! not audited.
//!
//! A *service role* is the connected role when one schema is audited; otherwise each role that can log
//! in and was granted a schema with a tenant table, or whose name begins with `rowhouse_`. An *administrator* is a
//! superuser or a member of `rowhouse_administrators`, and not a service. A *tenant table* has a
//! column `tenant_id` and is not declared in `tenancy.global_tables`.
//!
//! The audit of the whole database gives the same result for every role that runs it. None of its remedies takes
//! privileges from an administrator: where the audit cannot know the purpose of a role, the remedy is a sentence that
//! begins with "if".
//!
//! The rules:
//!
//! * `schema_missing`: a required schema does not exist
//! * `kernel_missing`: a role, table or routine of the kernel does not exist
//! * `kernel_closed`: a service role lacks a privilege that it needs on the kernel
//! * `role_superuser`: a service role is a superuser
//! * `role_creates_roles`: a service role has CREATEROLE
//! * `role_creates_databases`: a service role has CREATEDB
//! * `role_replicates`: a service role has REPLICATION
//! * `role_bypasses_rls`: a role that can reach a tenant's table has BYPASSRLS
//! * `role_is_member`: a service role is a member of another role
//! * `role_owns`: a service role owns something in the database
//! * `role_has_member`: a role that reaches a tenant's table has a member that is no administrator
//! * `definer_has_member`: another role than `rowhouse_owner` or an administrator is a member of `rowhouse_definer`
//! * `administrator_privilege`: an administrator was granted a schema with a tenant's table, as only services are
//! * `kernel_role_logs_in`: `rowhouse_owner`, `rowhouse_definer` or `rowhouse_administrators` can log in
//! * `kernel_role_superuser`: `rowhouse_owner`, `rowhouse_definer` or `rowhouse_administrators` is a superuser
//! * `timeout_missing`: a service role has no statement, idle-in-transaction or lock timeout
//! * `row_security_off`: a session or routine starts with `row_security` off, where queries fail
//! * `tenant_preset`: a session or routine starts with a tenant, which would be a default one
//! * `replication_role_preset`: a session or routine starts with a `session_replication_role`, which can switch foreign keys off
//! * `parameter_privilege`: a service role or PUBLIC may set a parameter that only superusers may set by default
//! * `table_privilege`: more than SELECT, INSERT, UPDATE and DELETE is granted on a table
//! * `public_privilege`: something is granted to PUBLIC
//! * `foreign_schema_privilege`: a service role has a privilege in another service's schema
//! * `queue_privilege`: a service role can enqueue jobs for another service, change a job's payload, or delete jobs
//! * `global_job_exposed`: jobs that belong to no tenant, or the list of their kinds, are granted to another role than `rowhouse_definer`
//! * `global_job_undeclared`: jobs that belong to no tenant may be of kinds that `jobs.global_kinds` does not list
//! * `kernel_write`: a service role may write to a table of the kernel that only other roles write to
//! * `create_privilege`: a service role, `rowhouse_definer` or PUBLIC may create objects
//! * `temporary_privilege`: a service role, `rowhouse_definer` or PUBLIC may create temporary tables
//! * `grant_option`: a privilege is held with the grant option
//! * `default_privileges`: default privileges of `rowhouse_owner` or `rowhouse_definer` grant new objects to PUBLIC
//! * `global_table_missing`: `tenancy.global_tables` names no table
//! * `definer_missing`: `tenancy.definer_functions` names no SECURITY DEFINER function
//! * `list_writable`: a role other than the owner may write to the lists that the audit relies on
//! * `global_table_exposed`: a global table with a `tenant_id` is granted to another role than `rowhouse_definer`
//! * `table_undeclared`: a table has no `tenant_id` and is not declared global
//! * `tenant_id_column`: `tenant_id` is not uuid NOT NULL
//! * `primary_key`: a tenant table's primary key is not `(tenant_id, id)`
//! * `table_unprotected`: a table with a `tenant_id` has neither row-level security nor a policy
//! * `row_security_disabled`: a tenant table has row-level security switched off
//! * `row_security_not_forced`: a tenant table's owner is exempt from its policy
//! * `policy_missing`: a tenant table has no policy
//! * `policy_surplus`: a tenant table has a second policy, which is OR-ed with the first
//! * `policy_restrictive`: a tenant table's policy is restrictive, which Citus propagates as permissive
//! * `policy_command`: a tenant table's policy is not for all commands
//! * `policy_roles`: a tenant table's policy is not for all roles
//! * `policy_using`: a policy's USING is not the one that `tenancy.protect` writes
//! * `policy_check`: a policy's WITH CHECK is not the one that `tenancy.protect` writes
//! * `foreign_key_without_tenant`: a foreign key between tenant tables does not compare their `tenant_id`
//! * `unique_without_tenant`: a unique or exclusion constraint of a tenant table does not begin with `tenant_id`
//! * `index_without_tenant`: an index of a tenant table does not begin with `tenant_id`
//! * `foreign_key_from_global`: a foreign key references a tenant table from a table without a tenant
//! * `foreign_key_disabled`: a foreign key's triggers are switched off
//! * `tenant_reference_missing`: a tenant table does not reference `tenancy.tenants`
//! * `tenant_reference_unvalidated`: a tenant table's reference to `tenancy.tenants` was never validated
//! * `table_owner`: a relation is not owned by `rowhouse_owner`
//! * `schema_owner`: a schema is not owned by `rowhouse_owner`
//! * `view_as_owner`: a view reads with its owner's privileges (no `security_invoker`)
//! * `materialized_view`: there is a materialized view, which holds every tenant's rows
//! * `foreign_table`: there is a foreign table, which has no policy
//! * `sequence_across_tenants`: a tenant table is numbered by a sequence, which reveals other tenants' activity
//! * `rewrite_rule`: a rewrite rule replaces a statement with another
//! * `definer_undeclared`: a SECURITY DEFINER routine is not in `tenancy.definer_functions`
//! * `definer_owner`: a SECURITY DEFINER routine is not owned by `rowhouse_definer`
//! * `definer_search_path`: a SECURITY DEFINER routine has no `search_path` of its own, empty or `pg_catalog, pg_temp`
//! * `routine_search_path`: a routine looks names and operators up by the `search_path` of its caller
//! * `definer_public`: a SECURITY DEFINER routine is executable by PUBLIC
//! * `routine_owner`: a routine is owned by neither `rowhouse_owner` nor `rowhouse_definer`
//! * `immutable_reads_tenant`: an IMMUTABLE routine reads the tenant, which a cached plan would keep
//! * `leakproof_routine`: a routine is LEAKPROOF, so it can run on rows before the policy has filtered them
//! * `current_tenant`: `tenancy.current_tenant()` differs from the definition in the first migration
//! * `set_tenant_context`: `tenancy.set_tenant_context(uuid,uuid,bigint)` differs from the definition in the migrations

mod rules;
mod version;

use std::fmt;

use diesel::pg::Pg;
use diesel::result::Error;
use diesel::sql_types::{Nullable, Text};
use diesel::{QueryResult, QueryableByName, sql_query};
use diesel_async::{AsyncConnectionCore, RunQueryDsl};

pub use rules::{RULES, Rule};
pub use version::server_version_warning;

/// The part of the database that is audited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditScope {
    /// Every schema of the database that is not PostgreSQL's own, and every service role.
    All,
    /// One service: its schema, the schema `tenancy`, and the role that is connected.
    Schema(&'static str),
}

/// A violation of an isolation guarantee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The name of a [`Rule`].
    pub rule: &'static str,
    /// The object that violates the rule: a role, a schema, or an object qualified by its schema.
    pub object: String,
    /// The SQL statement that ends the violation, or a sentence where one statement is not enough.
    pub remedy: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.rule, self.object, self.remedy)
    }
}

/// The query that checks for everything that the other queries read.
const KERNEL: &str = include_str!("sql/kernel.sql");

macro_rules! queries {
    ($($file:literal),+ $(,)?) => {
        &[KERNEL, $(concat!(include_str!("sql/prelude.sql"), include_str!(concat!("sql/", $file)))),+]
    };
}

const QUERIES: &[&str] = queries![
    "roles.sql",
    "settings.sql",
    "privileges.sql",
    "lists.sql",
    "tables.sql",
    "policies.sql",
    "keys.sql",
    "relations.sql",
    "routines.sql",
];

/// Runs the audit and returns the violations, in the order of [`RULES`]. An empty list means that all guarantees hold.
///
/// If the kernel itself is missing or not accessible, only that is reported, because the other rules read it.
///
/// The session's `search_path` is changed while the audit runs, since PostgreSQL qualifies names and expressions
/// by it. If the future is dropped before its end, the connection keeps the changed path.
pub async fn run<C>(conn: &mut C, scope: &AuditScope) -> QueryResult<Vec<Violation>>
where
    C: AsyncConnectionCore<Backend = Pg>,
{
    let before = search_path(conn).await?;
    set_search_path(conn, "pg_catalog, pg_temp").await?;
    let found = run_queries(conn, scope).await;
    // A failed transaction accepts no statement; its rollback restores the old path.
    let restored = set_search_path(conn, &before).await;
    let found = found?;
    restored?;
    sorted(found)
}

async fn run_queries<C>(conn: &mut C, scope: &AuditScope) -> QueryResult<Vec<FoundRow>>
where
    C: AsyncConnectionCore<Backend = Pg>,
{
    let schema = match scope {
        AuditScope::All => None,
        AuditScope::Schema(name) => Some(*name),
    };
    let mut found = Vec::new();
    for sql in QUERIES {
        found.extend(sql_query(*sql).bind::<Nullable<Text>, _>(schema).load::<FoundRow>(conn).await?);
        if *sql == KERNEL && !found.is_empty() {
            break;
        }
    }
    Ok(found)
}

/// Sorts violations by the order of the rules, and removes duplicates.
fn sorted(found: Vec<FoundRow>) -> QueryResult<Vec<Violation>> {
    let mut placed = found.into_iter().map(FoundRow::place).collect::<QueryResult<Vec<_>>>()?;
    placed.sort_by(|(a, x), (b, y)| (a, &x.object, &x.remedy).cmp(&(b, &y.object, &y.remedy)));
    placed.dedup();
    Ok(placed.into_iter().map(|(_, violation)| violation).collect())
}

#[derive(QueryableByName)]
struct FoundRow {
    #[diesel(sql_type = Text)]
    rule: String,
    #[diesel(sql_type = Text)]
    object: String,
    #[diesel(sql_type = Text)]
    remedy: String,
}

impl FoundRow {
    /// Returns the violation and the position of its rule in [`RULES`].
    fn place(self) -> QueryResult<(usize, Violation)> {
        let Self { rule: name, object, remedy } = self;
        RULES
            .iter()
            .enumerate()
            .find(|(_, rule)| rule.name == name)
            .map(|(place, rule)| (place, Violation { rule: rule.name, object, remedy }))
            .ok_or_else(|| Error::DeserializationError(format!("the audit has no rule {name}").into()))
    }
}

#[derive(QueryableByName)]
struct Setting {
    #[diesel(sql_type = Text)]
    value: String,
}

async fn search_path<C>(conn: &mut C) -> QueryResult<String>
where
    C: AsyncConnectionCore<Backend = Pg>,
{
    let query = sql_query("SELECT pg_catalog.current_setting('search_path') AS value");
    let setting: Setting = query.get_result(conn).await?;
    Ok(setting.value)
}

async fn set_search_path<C>(conn: &mut C, path: &str) -> QueryResult<()>
where
    C: AsyncConnectionCore<Backend = Pg>,
{
    let query = sql_query("SELECT pg_catalog.set_config('search_path', $1, false) AS value");
    query.bind::<Text, _>(path).get_result::<Setting>(conn).await.map(drop)
}
