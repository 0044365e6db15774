//! Violations by granted privileges, and by the lists that the audit relies on.

use crate::case::{Case, admin, owner};

pub(crate) const CASES: &[Case] = &[
    owner("GRANT TRUNCATE ON orders.orders TO rowhouse_orders", &[("table_privilege", "orders.orders")]),
    owner(
        "GRANT REFERENCES (id) ON orders.orders TO rowhouse_orders",
        &[("table_privilege", "orders.orders")],
    ),
    owner("GRANT TRIGGER ON orders.probes TO PUBLIC", &[("table_privilege", "orders.probes")]),
    owner("GRANT SELECT ON orders.probes TO PUBLIC", &[("public_privilege", "orders.probes")]),
    owner("GRANT UPDATE (body) ON orders.probes TO PUBLIC", &[("public_privilege", "orders.probes")]),
    owner(
        "GRANT USAGE ON SCHEMA auth TO rowhouse_orders; GRANT SELECT ON auth.identities TO rowhouse_orders",
        &[("foreign_schema_privilege", "auth"), ("foreign_schema_privilege", "auth.identities")],
    ),
    owner(
        "GRANT UPDATE (status) ON tenancy.tenants TO rowhouse_orders",
        &[("kernel_write", "tenancy.tenants")],
    ),
    owner("GRANT DELETE ON jobs.jobs TO rowhouse_orders", &[("queue_privilege", "jobs.jobs")]),
    owner("GRANT INSERT (queue) ON jobs.jobs TO rowhouse_orders", &[("queue_privilege", "jobs.jobs")]),
    owner("GRANT UPDATE (payload) ON jobs.jobs TO rowhouse_orders", &[("queue_privilege", "jobs.jobs")]),
    owner(
        "GRANT SELECT (payload) ON jobs.global_jobs TO rowhouse_orders",
        &[("global_job_exposed", "jobs.global_jobs")],
    ),
    owner(
        "GRANT INSERT ON jobs.global_kinds TO rowhouse_auth",
        &[("global_job_exposed", "jobs.global_kinds")],
    ),
    owner(
        "ALTER TABLE jobs.global_jobs DROP CONSTRAINT global_jobs_queue_kind_fkey",
        &[("global_job_undeclared", "jobs.global_jobs")],
    ),
    owner("GRANT SELECT ON jobs.lanes TO rowhouse_orders", &[("global_table_exposed", "jobs.lanes")]),
    owner("GRANT USAGE ON SCHEMA orders TO PUBLIC", &[("public_privilege", "orders")]),
    admin("GRANT USAGE ON SCHEMA public TO PUBLIC", &[("public_privilege", "public")]),
    owner(
        "GRANT EXECUTE ON FUNCTION orders.next_number(text) TO PUBLIC",
        &[("public_privilege", "orders.next_number(text)")],
    ),
    owner(
        "CREATE SEQUENCE orders.tickets;
         GRANT USAGE ON SEQUENCE orders.tickets TO PUBLIC",
        &[("public_privilege", "orders.tickets")],
    ),
    owner("GRANT CREATE ON SCHEMA orders TO rowhouse_orders", &[("create_privilege", "orders")]),
    admin("GRANT CREATE ON SCHEMA public TO PUBLIC", &[("create_privilege", "public")]),
    owner("GRANT CREATE ON SCHEMA auth TO rowhouse_definer", &[("create_privilege", "auth")]),
    admin(
        "DO $$ BEGIN
             EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO PUBLIC', current_database());
         END $$",
        &[("temporary_privilege", "current database")],
    ),
    owner(
        "GRANT SELECT ON orders.orders TO rowhouse_orders WITH GRANT OPTION",
        &[("grant_option", "orders.orders")],
    ),
    owner("GRANT USAGE ON SCHEMA orders TO rowhouse_orders WITH GRANT OPTION", &[("grant_option", "orders")]),
    owner(
        "ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO PUBLIC",
        &[("default_privileges", "rowhouse_owner")],
    ),
    owner(
        "ALTER DEFAULT PRIVILEGES IN SCHEMA orders GRANT SELECT ON TABLES TO PUBLIC",
        &[("default_privileges", "rowhouse_owner")],
    ),
    owner(
        "INSERT INTO tenancy.global_tables VALUES ('orders.currencies', 'the same for all')",
        &[("global_table_missing", "orders.currencies")],
    ),
    owner(
        "INSERT INTO tenancy.definer_functions VALUES ('orders.next_number(text)', 'a list must not lie')",
        &[("definer_missing", "orders.next_number(text)")],
    ),
    owner(
        "GRANT INSERT ON tenancy.global_tables TO rowhouse_orders",
        &[("list_writable", "tenancy.global_tables")],
    ),
    owner(
        "GRANT UPDATE (reason) ON tenancy.definer_functions TO rowhouse_auth",
        &[("list_writable", "tenancy.definer_functions")],
    ),
    owner(
        "GRANT SELECT (tenant_id) ON auth.tenants_of_users TO rowhouse_auth",
        &[("global_table_exposed", "auth.tenants_of_users")],
    ),
    // Declaring a tenant table global does not silence the audit.
    owner(
        "INSERT INTO tenancy.global_tables VALUES ('auth.memberships', 'in the way')",
        &[("global_table_exposed", "auth.memberships")],
    ),
];
