//! Violations in the kernel, by roles, and by preset settings.

use crate::case::{Case, admin, owner};

pub(crate) const CASES: &[Case] = &[
    admin("", &[("schema_missing", "billing")]).seen_from("billing"),
    owner("DROP PROCEDURE tenancy.protect(regclass)", &[("kernel_missing", "tenancy.protect(regclass)")]),
    owner(
        "REVOKE EXECUTE ON FUNCTION tenancy.set_tenant_context(uuid,uuid,bigint) FROM rowhouse_auth",
        &[("kernel_closed", "rowhouse_auth")],
    ),
    admin(
        "REVOKE SELECT ON tenancy.global_tables FROM rowhouse_orders;
         SET LOCAL ROLE rowhouse_orders",
        &[("kernel_closed", "rowhouse_orders")],
    )
    .seen_from("orders"),
    admin("ALTER ROLE rowhouse_orders SUPERUSER", &[("role_superuser", "rowhouse_orders")]),
    admin("ALTER ROLE rowhouse_orders CREATEROLE", &[("role_creates_roles", "rowhouse_orders")]),
    admin("ALTER ROLE rowhouse_orders CREATEDB", &[("role_creates_databases", "rowhouse_orders")]),
    admin("ALTER ROLE rowhouse_orders REPLICATION", &[("role_replicates", "rowhouse_orders")]),
    admin("ALTER ROLE rowhouse_orders BYPASSRLS", &[("role_bypasses_rls", "rowhouse_orders")]),
    admin(
        "CREATE ROLE audit_reports BYPASSRLS;
         GRANT USAGE ON SCHEMA orders TO audit_reports",
        &[("role_bypasses_rls", "audit_reports")],
    ),
    // A service role by its privileges, not by its name.
    admin(
        "CREATE ROLE audit_billing LOGIN;
         GRANT USAGE ON SCHEMA orders TO audit_billing",
        &[("kernel_closed", "audit_billing"), ("timeout_missing", "audit_billing")],
    ),
    admin("GRANT rowhouse_definer TO rowhouse_orders", &[("role_is_member", "rowhouse_orders")]),
    admin("GRANT pg_read_all_data TO rowhouse_auth", &[("role_is_member", "rowhouse_auth")]),
    admin(
        "ALTER TABLE orders.probes OWNER TO rowhouse_orders",
        &[("role_owns", "orders.probes"), ("table_owner", "orders.probes")],
    ),
    admin(
        "CREATE TYPE orders.mood AS ENUM ('calm');
         ALTER TYPE orders.mood OWNER TO rowhouse_orders",
        &[("role_owns", "orders.mood")],
    ),
    admin(
        "SELECT lo_create(424242);
         ALTER LARGE OBJECT 424242 OWNER TO rowhouse_orders",
        &[("role_owns", "424242")],
    ),
    admin(
        "CREATE ROLE audit_helper;
         GRANT rowhouse_definer TO audit_helper",
        &[("definer_has_member", "audit_helper")],
    ),
    admin("ALTER ROLE rowhouse_owner LOGIN", &[("kernel_role_logs_in", "rowhouse_owner")]),
    admin("ALTER ROLE rowhouse_definer SUPERUSER", &[("kernel_role_superuser", "rowhouse_definer")]),
    admin(
        "ALTER ROLE rowhouse_orders RESET lock_timeout;
         DO $$ BEGIN
             EXECUTE format('ALTER ROLE rowhouse_orders IN DATABASE %I RESET lock_timeout', current_database());
         END $$",
        &[("timeout_missing", "rowhouse_orders")],
    ),
    admin(
        "DO $$ BEGIN
             EXECUTE format('ALTER ROLE rowhouse_auth IN DATABASE %I SET statement_timeout = 0', current_database());
         END $$",
        &[("timeout_missing", "rowhouse_auth")],
    ),
    admin("ALTER ROLE rowhouse_orders SET row_security = off", &[("row_security_off", "rowhouse_orders")]),
    owner(
        "ALTER FUNCTION orders.next_number(text) SET row_security = off",
        &[("row_security_off", "orders.next_number(text)")],
    ),
    admin(
        "ALTER ROLE rowhouse_orders SET app.tenant_id = '01890a5d-ac96-774b-bcce-b302099a8057'",
        &[("tenant_preset", "rowhouse_orders")],
    ),
    admin(
        "ALTER FUNCTION orders.next_number(text) SET app.tenant_id = '01890a5d-ac96-774b-bcce-b302099a8057'",
        &[("tenant_preset", "orders.next_number(text)")],
    ),
    admin(
        "ALTER ROLE rowhouse_orders SET session_replication_role = replica",
        &[("replication_role_preset", "rowhouse_orders")],
    ),
    admin(
        "GRANT SET ON PARAMETER session_replication_role TO rowhouse_orders",
        &[("parameter_privilege", "session_replication_role")],
    ),
];
