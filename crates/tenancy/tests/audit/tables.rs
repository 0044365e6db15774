//! Violations by tables and their policies.

use crate::case::{Case, admin, owner};

pub(crate) const CASES: &[Case] = &[
    owner("CREATE TABLE orders.currencies (code text PRIMARY KEY)", &[("table_undeclared", "orders.currencies")]),
    owner(
        "CREATE TABLE orders.bare (tenant_id uuid NOT NULL, id uuid NOT NULL, PRIMARY KEY (tenant_id, id))",
        &[("table_unprotected", "orders.bare")],
    ),
    owner(
        "CREATE TABLE orders.bare (tenant_id uuid, id uuid NOT NULL)",
        &[
            ("table_unprotected", "orders.bare"),
            ("tenant_id_column", "orders.bare"),
            ("primary_key", "orders.bare"),
        ],
    ),
    owner(
        "CREATE TABLE orders.bare (tenant_id text NOT NULL, id uuid NOT NULL, PRIMARY KEY (tenant_id, id))",
        &[("table_unprotected", "orders.bare"), ("tenant_id_column", "orders.bare")],
    ),
    owner(
        "ALTER TABLE orders.probes DROP CONSTRAINT probes_pkey, ADD PRIMARY KEY (id, tenant_id)",
        &[("primary_key", "orders.probes")],
    ),
    // A partition can be read directly.
    owner(
        "CREATE TABLE orders.events (tenant_id uuid NOT NULL, id uuid NOT NULL, PRIMARY KEY (tenant_id, id))
             PARTITION BY HASH (tenant_id);
         CALL tenancy.protect('orders.events');
         CREATE TABLE orders.events_0 PARTITION OF orders.events FOR VALUES WITH (MODULUS 1, REMAINDER 0)",
        &[("table_unprotected", "orders.events_0")],
    ),
    owner("ALTER TABLE orders.orders DISABLE ROW LEVEL SECURITY", &[("row_security_disabled", "orders.orders")]),
    owner("ALTER TABLE tenancy.tenants DISABLE ROW LEVEL SECURITY", &[("row_security_disabled", "tenancy.tenants")]),
    owner("ALTER TABLE orders.orders NO FORCE ROW LEVEL SECURITY", &[("row_security_not_forced", "orders.orders")]),
    owner("DROP POLICY tenant_isolation ON orders.orders", &[("policy_missing", "orders.orders")]),
    owner("DROP POLICY tenant_isolation ON tenancy.tenants", &[("policy_missing", "tenancy.tenants")]),
    owner("CREATE POLICY everyone ON orders.orders USING (true)", &[("policy_surplus", "orders.orders")]),
    owner(
        "DROP POLICY tenant_isolation ON orders.probes;
         CREATE POLICY tenant_isolation ON orders.probes AS RESTRICTIVE
             USING (tenant_id = (SELECT tenancy.current_tenant()))
             WITH CHECK (tenant_id = (SELECT tenancy.current_tenant()))",
        &[("policy_restrictive", "orders.probes")],
    ),
    owner(
        "DROP POLICY tenant_isolation ON orders.probes;
         CREATE POLICY reading ON orders.probes FOR SELECT
             USING (tenant_id = (SELECT tenancy.current_tenant()))",
        &[("policy_command", "orders.probes")],
    ),
    owner(
        "ALTER POLICY tenant_isolation ON orders.probes TO rowhouse_orders",
        &[("policy_roles", "orders.probes")],
    ),
    owner(
        "ALTER POLICY tenant_isolation ON orders.probes
             USING (tenant_id = current_setting('app.tenant_id')::uuid)",
        &[("policy_using", "orders.probes")],
    ),
    owner(
        "ALTER POLICY tenant_isolation ON tenancy.tenants USING (true)",
        &[("policy_using", "tenancy.tenants")],
    ),
    // Citus accepts no sub-select in a policy.
    owner(
        "ALTER POLICY tenant_isolation ON orders.probes
             USING (tenant_id = tenancy.current_tenant()) WITH CHECK (tenant_id = tenancy.current_tenant())",
        &[],
    ),
    owner(
        "ALTER POLICY tenant_isolation ON orders.probes WITH CHECK (true)",
        &[("policy_check", "orders.probes")],
    ),
    owner(
        "DROP POLICY tenant_isolation ON orders.probes;
         CREATE POLICY tenant_isolation ON orders.probes USING (tenant_id = (SELECT tenancy.current_tenant()))",
        &[("policy_check", "orders.probes")],
    ),
    admin("ALTER TABLE orders.probes OWNER TO CURRENT_USER", &[("table_owner", "orders.probes")]),
    admin("ALTER SCHEMA orders OWNER TO CURRENT_USER", &[("schema_owner", "orders")]),
];
