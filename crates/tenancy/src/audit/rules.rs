//! The audit's rules and what each violation means.

/// A rule of the audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The rule's name. Names are stable, so scripts can match on them.
    pub name: &'static str,
    /// The meaning of a violation, as part of a sentence.
    pub what: &'static str,
}

/// Every rule, in the order in which violations are listed and their remedies can be applied.
pub const RULES: &[Rule] = &[
    Rule { name: "schema_missing", what: "a required schema does not exist" },
    Rule { name: "kernel_missing", what: "a role, table or routine of the kernel does not exist" },
    Rule { name: "kernel_closed", what: "a service role lacks a privilege that it needs on the kernel" },
    Rule { name: "role_superuser", what: "a service role is a superuser" },
    Rule { name: "role_creates_roles", what: "a service role has CREATEROLE" },
    Rule { name: "role_creates_databases", what: "a service role has CREATEDB" },
    Rule { name: "role_replicates", what: "a service role has REPLICATION" },
    Rule { name: "role_bypasses_rls", what: "a role that can reach a tenant's table has BYPASSRLS" },
    Rule { name: "role_is_member", what: "a service role is a member of another role" },
    Rule { name: "role_owns", what: "a service role owns something in the database" },
    Rule {
        name: "role_has_member",
        what: "a role that reaches a tenant's table has a member that is no administrator",
    },
    Rule {
        name: "definer_has_member",
        what: "another role than rowhouse_owner or an administrator is a member of rowhouse_definer",
    },
    Rule {
        name: "administrator_privilege",
        what: "an administrator was granted a schema with a tenant's table, as only services are",
    },
    Rule {
        name: "kernel_role_logs_in",
        what: "rowhouse_owner, rowhouse_definer or rowhouse_administrators can log in",
    },
    Rule {
        name: "kernel_role_superuser",
        what: "rowhouse_owner, rowhouse_definer or rowhouse_administrators is a superuser",
    },
    Rule {
        name: "timeout_missing",
        what: "a service role has no statement, idle-in-transaction or lock timeout",
    },
    Rule {
        name: "row_security_off",
        what: "a session or routine starts with row_security off, where queries fail",
    },
    Rule {
        name: "tenant_preset",
        what: "a session or routine starts with a tenant, which would be a default one",
    },
    Rule {
        name: "replication_role_preset",
        what: "a session or routine starts with a session_replication_role, which can switch foreign keys off",
    },
    Rule {
        name: "parameter_privilege",
        what: "a service role or PUBLIC may set a parameter that only superusers may set by default",
    },
    Rule {
        name: "table_privilege",
        what: "more than SELECT, INSERT, UPDATE and DELETE is granted on a table",
    },
    Rule { name: "public_privilege", what: "something is granted to PUBLIC" },
    Rule {
        name: "foreign_schema_privilege",
        what: "a service role has a privilege in another service's schema",
    },
    Rule {
        name: "queue_privilege",
        what: "a service role can enqueue jobs for another service, change a job's payload, or delete jobs",
    },
    Rule {
        name: "global_job_exposed",
        what: "jobs that belong to no tenant, or the list of their kinds, are granted to another role than rowhouse_definer",
    },
    Rule {
        name: "global_job_undeclared",
        what: "jobs that belong to no tenant may be of kinds that jobs.global_kinds does not list",
    },
    Rule {
        name: "kernel_write",
        what: "a service role may write to a table of the kernel that only other roles write to",
    },
    Rule { name: "create_privilege", what: "a service role, rowhouse_definer or PUBLIC may create objects" },
    Rule {
        name: "temporary_privilege",
        what: "a service role, rowhouse_definer or PUBLIC may create temporary tables",
    },
    Rule { name: "grant_option", what: "a privilege is held with the grant option" },
    Rule {
        name: "default_privileges",
        what: "default privileges of rowhouse_owner or rowhouse_definer grant new objects to PUBLIC",
    },
    Rule { name: "global_table_missing", what: "tenancy.global_tables names no table" },
    Rule { name: "definer_missing", what: "tenancy.definer_functions names no SECURITY DEFINER function" },
    Rule {
        name: "list_writable",
        what: "a role other than the owner may write to the lists that the audit relies on",
    },
    Rule {
        name: "global_table_exposed",
        what: "a global table with a tenant_id is granted to another role than rowhouse_definer",
    },
    Rule { name: "table_undeclared", what: "a table has no tenant_id and is not declared global" },
    Rule { name: "tenant_id_column", what: "tenant_id is not uuid NOT NULL" },
    Rule { name: "primary_key", what: "a tenant table's primary key is not (tenant_id, id)" },
    Rule {
        name: "table_unprotected",
        what: "a table with a tenant_id has neither row-level security nor a policy",
    },
    Rule { name: "row_security_disabled", what: "a tenant table has row-level security switched off" },
    Rule { name: "row_security_not_forced", what: "a tenant table's owner is exempt from its policy" },
    Rule { name: "policy_missing", what: "a tenant table has no policy" },
    Rule {
        name: "policy_surplus",
        what: "a tenant table has a second policy, which is OR-ed with the first",
    },
    Rule {
        name: "policy_restrictive",
        what: "a tenant table's policy is restrictive, which Citus propagates as permissive",
    },
    Rule { name: "policy_command", what: "a tenant table's policy is not for all commands" },
    Rule { name: "policy_roles", what: "a tenant table's policy is not for all roles" },
    Rule { name: "policy_using", what: "a policy's USING is not the one that tenancy.protect writes" },
    Rule { name: "policy_check", what: "a policy's WITH CHECK is not the one that tenancy.protect writes" },
    Rule {
        name: "foreign_key_without_tenant",
        what: "a foreign key between tenant tables does not compare their tenant_id",
    },
    Rule {
        name: "unique_without_tenant",
        what: "a unique or exclusion constraint of a tenant table does not begin with tenant_id",
    },
    Rule { name: "index_without_tenant", what: "an index of a tenant table does not begin with tenant_id" },
    Rule {
        name: "foreign_key_from_global",
        what: "a foreign key references a tenant table from a table without a tenant",
    },
    Rule { name: "foreign_key_disabled", what: "a foreign key's triggers are switched off" },
    Rule { name: "tenant_reference_missing", what: "a tenant table does not reference tenancy.tenants" },
    Rule {
        name: "tenant_reference_unvalidated",
        what: "a tenant table's reference to tenancy.tenants was never validated",
    },
    Rule { name: "table_owner", what: "a relation is not owned by rowhouse_owner" },
    Rule { name: "schema_owner", what: "a schema is not owned by rowhouse_owner" },
    Rule { name: "view_as_owner", what: "a view reads with its owner's privileges (no security_invoker)" },
    Rule { name: "materialized_view", what: "there is a materialized view, which holds every tenant's rows" },
    Rule { name: "foreign_table", what: "there is a foreign table, which has no policy" },
    Rule {
        name: "sequence_across_tenants",
        what: "a tenant table is numbered by a sequence, which reveals other tenants' activity",
    },
    Rule { name: "rewrite_rule", what: "a rewrite rule replaces a statement with another" },
    Rule {
        name: "definer_undeclared",
        what: "a SECURITY DEFINER routine is not in tenancy.definer_functions",
    },
    Rule { name: "definer_owner", what: "a SECURITY DEFINER routine is not owned by rowhouse_definer" },
    Rule {
        name: "definer_search_path",
        what: "a SECURITY DEFINER routine has no search_path of its own, empty or pg_catalog, pg_temp",
    },
    Rule {
        name: "routine_search_path",
        what: "a routine looks names and operators up by the search_path of its caller",
    },
    Rule { name: "definer_public", what: "a SECURITY DEFINER routine is executable by PUBLIC" },
    Rule { name: "routine_owner", what: "a routine is owned by neither rowhouse_owner nor rowhouse_definer" },
    Rule {
        name: "immutable_reads_tenant",
        what: "an IMMUTABLE routine reads the tenant, which a cached plan would keep",
    },
    Rule {
        name: "leakproof_routine",
        what: "a routine is LEAKPROOF, so it can run on rows before the policy has filtered them",
    },
    Rule {
        name: "current_tenant",
        what: "tenancy.current_tenant() differs from the definition in the first migration",
    },
    Rule {
        name: "set_tenant_context",
        what: "tenancy.set_tenant_context(uuid,uuid,bigint) differs from the definition in the migrations",
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::audit::QUERIES;

    #[test]
    fn the_documentation_lists_the_rules() {
        let lines = include_str!("mod.rs").lines().filter_map(|line| line.strip_prefix("//! * "));
        let documented: Vec<String> = lines.map(|line| line.replace('`', "")).collect();
        let expected: Vec<String> =
            RULES.iter().map(|rule| format!("{}: {}", rule.name, rule.what)).collect();
        assert_eq!(documented, expected);
    }

    #[test]
    fn the_queries_find_these_rules_and_no_others() {
        let asked: BTreeSet<&str> = QUERIES
            .iter()
            .flat_map(|sql| sql.split("' AS rule,").filter_map(|before| before.rsplit('\'').next()))
            .filter(|name| !name.is_empty() && name.chars().all(|c| c == '_' || c.is_ascii_lowercase()))
            .collect();
        let listed: BTreeSet<&str> = RULES.iter().map(|rule| rule.name).collect();
        assert_eq!(asked, listed);
    }
}
