//! Violations by keys and indexes that compare rows across tenants.

use crate::case::{Case, admin, owner};

pub(crate) const CASES: &[Case] = &[
    owner(
        "ALTER TABLE orders.probes ADD CONSTRAINT probes_body_key UNIQUE (body)",
        &[("unique_without_tenant", "orders.probes_body_key")],
    ),
    owner(
        "CREATE UNIQUE INDEX probes_by_body ON orders.probes (lower(body)) WHERE body <> ''",
        &[("unique_without_tenant", "orders.probes_by_body")],
    ),
    owner(
        "ALTER TABLE orders.probes ADD CONSTRAINT probes_body_excl EXCLUDE (body WITH =)",
        &[("unique_without_tenant", "orders.probes_body_excl")],
    ),
    owner("CREATE INDEX probes_by_body ON orders.probes (body)", &[("index_without_tenant", "orders.probes_by_body")]),
    owner(
        "ALTER TABLE orders.probes ADD CONSTRAINT probes_only_id UNIQUE (tenant_id, id, body);
         CREATE UNIQUE INDEX probes_by_id ON orders.probes (id);
         ALTER TABLE orders.probes ADD CONSTRAINT probes_parent_fkey
             FOREIGN KEY (parent_id) REFERENCES orders.probes (id) ON DELETE CASCADE",
        &[
            ("unique_without_tenant", "orders.probes_by_id"),
            ("foreign_key_without_tenant", "orders.probes.probes_parent_fkey"),
        ],
    ),
    // tenant_id on both sides is not enough: the two columns have to be compared with each other.
    owner(
        "ALTER TABLE orders.probes ADD CONSTRAINT probes_parent_fkey
             FOREIGN KEY (parent_id, tenant_id) REFERENCES orders.probes (tenant_id, id)",
        &[("foreign_key_without_tenant", "orders.probes.probes_parent_fkey")],
    ),
    owner(
        "ALTER TABLE orders.probes ADD FOREIGN KEY (tenant_id, parent_id) REFERENCES orders.probes (tenant_id, id)
             ON DELETE CASCADE",
        &[],
    ),
    owner("ALTER TABLE orders.probes ADD FOREIGN KEY (parent_id) REFERENCES auth.identities (id)", &[]),
    owner(
        "ALTER TABLE auth.tenants_of_users ADD CONSTRAINT tenants_of_users_fkey
             FOREIGN KEY (tenant_id, user_id) REFERENCES auth.memberships (tenant_id, user_id)",
        &[("foreign_key_from_global", "auth.tenants_of_users.tenants_of_users_fkey")],
    ),
    admin("ALTER TABLE orders.probes DISABLE TRIGGER ALL", &[("foreign_key_disabled", "orders.probes")]),
    owner(
        "ALTER TABLE orders.probes DROP CONSTRAINT probes_tenant_id_fkey",
        &[("tenant_reference_missing", "orders.probes")],
    ),
    owner(
        "ALTER TABLE orders.probes DROP CONSTRAINT probes_tenant_id_fkey,
             ADD FOREIGN KEY (tenant_id) REFERENCES tenancy.tenants (id) NOT VALID",
        &[("tenant_reference_unvalidated", "orders.probes")],
    ),
];
