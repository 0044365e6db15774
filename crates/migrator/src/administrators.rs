//! The administrators of the databases in a cluster.
//!
//! They are members of the role `rowhouse_administrators`, which may become the owner, act as the services' roles,
//! and change and grant all of them. By this role the audit distinguishes them from services and other roles.
//! Superusers do not need it.

use tokio_postgres::Client;

use super::MigrateError;
use super::role_names::{self, DEFINER, GROUP, OWNER};

/// Grants the missing memberships: the owner's, which assigns functions to the definer, the group's, and the
/// connected administrator's.
pub(super) async fn ensure_memberships(admin: &Client) -> Result<(), tokio_postgres::Error> {
    // From 16 on each membership has its own options; before, the member's INHERIT decides.
    let row = admin
        .query_one(
            "SELECT v.is_16, pg_catalog.pg_has_role('rowhouse_owner', 'rowhouse_definer', 'MEMBER'),
                 r.rolsuper OR CASE
                     WHEN v.is_16 THEN pg_catalog.pg_has_role($1, 'USAGE') AND pg_catalog.pg_has_role($1, 'SET')
                     ELSE pg_catalog.pg_has_role($1, 'MEMBER')
                 END
             FROM (SELECT pg_catalog.current_setting('server_version_num')::integer >= 160000 AS is_16) v,
                 pg_catalog.pg_roles r
             WHERE r.rolname = current_user",
            &[&GROUP],
        )
        .await?;
    let (is_16, owner_defines, is_administrator): (bool, bool, bool) = (row.get(0), row.get(1), row.get(2));
    if !owner_defines {
        admin.batch_execute(&format!("GRANT {DEFINER} TO {OWNER}")).await?;
    }
    for role in not_the_groups(admin).await? {
        let options = match (is_16, role == DEFINER) {
            (true, false) => "WITH ADMIN TRUE, INHERIT TRUE, SET TRUE",
            (true, true) => "WITH ADMIN TRUE, INHERIT FALSE, SET FALSE",
            (false, false) => "WITH ADMIN OPTION",
            // Version 15 has no separate right to act; CREATEROLE is enough there.
            (false, true) => continue,
        };
        admin.batch_execute(&format!("GRANT {role} TO {GROUP} {options}")).await?;
    }
    if !is_administrator {
        let options = if is_16 { "WITH INHERIT TRUE, SET TRUE" } else { "" };
        admin.batch_execute(&format!("GRANT {GROUP} TO CURRENT_USER {options}")).await?;
    }
    Ok(())
}

/// Checks that the administrator inherits the group's privileges. Before 16, a NOINHERIT role does not.
pub(super) async fn check_inherits(admin: &Client) -> Result<(), MigrateError> {
    let row = admin
        .query_one(
            "SELECT pg_catalog.pg_has_role($1, 'USAGE'), pg_catalog.quote_ident(current_user)",
            &[&GROUP],
        )
        .await?;
    if row.get(0) { Ok(()) } else { Err(MigrateError::NoInherit(row.get(1))) }
}

/// Returns the roles that the group does not have in the required way.
async fn not_the_groups(admin: &Client) -> Result<Vec<String>, tokio_postgres::Error> {
    let wanted: Vec<&str> = role_names::all().filter(|role| *role != GROUP).collect();
    let rows = admin
        .query(
            "SELECT r.rolname::text FROM pg_catalog.pg_roles r
             WHERE r.rolname = ANY ($1) AND NOT EXISTS (
                 SELECT FROM pg_catalog.pg_auth_members m
                 JOIN pg_catalog.pg_roles g ON g.oid = m.member AND g.rolname = $2
                 CROSS JOIN LATERAL (SELECT pg_catalog.to_jsonb(m) AS fields) f
                 WHERE m.roleid = r.oid AND m.admin_option AND (
                     r.rolname = $3
                     OR coalesce((f.fields ->> 'inherit_option')::boolean, true)
                         AND coalesce((f.fields ->> 'set_option')::boolean, true)
                 )
             )",
            &[&wanted, &GROUP, &DEFINER],
        )
        .await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Returns what an administrator lacks whom PostgreSQL refused to manage the roles, and who can help; or the error
/// itself if it is about something else.
pub(super) async fn refusal(admin: &Client, error: tokio_postgres::Error) -> MigrateError {
    match missing(admin).await {
        Ok(Some(Missing { role, statements, by })) => {
            MigrateError::RolesShared { role, reason: MigrateError::from(error).to_string(), statements, by }
        }
        Ok(None) | Err(_) => error.into(),
    }
}

struct Missing {
    role: String,
    statements: String,
    by: String,
}

async fn missing(admin: &Client) -> Result<Option<Missing>, tokio_postgres::Error> {
    let ours: Vec<&str> = role_names::all().collect();
    let row = admin
        .query_one(
            "SELECT quote_ident(u.rolname), u.rolcreaterole, g.oid IS NOT NULL,
                 ARRAY(
                     SELECT r.rolname::text FROM pg_catalog.pg_roles r
                     WHERE r.rolname = ANY ($1) AND NOT pg_catalog.pg_has_role(r.oid, 'MEMBER WITH ADMIN OPTION')
                         -- A member of the group needs no more than that.
                         AND NOT (r.rolname = $2 AND pg_catalog.pg_has_role(r.oid, 'MEMBER'))
                         -- Before 16 a role with CREATEROLE manages all.
                         AND NOT (u.rolcreaterole AND pg_catalog.current_setting('server_version_num')::integer < 160000)
                     ORDER BY r.rolname
                 ),
                 ARRAY(
                     SELECT DISTINCT quote_ident(a.rolname) FROM pg_catalog.pg_auth_members m
                     JOIN pg_catalog.pg_roles a ON a.oid = m.member AND a.rolcanlogin AND NOT a.rolsuper
                     WHERE m.admin_option AND m.roleid = coalesce(g.oid, o.oid)
                     ORDER BY 1
                 )
             FROM pg_catalog.pg_roles u
             LEFT JOIN pg_catalog.pg_roles g ON g.rolname = $2
             LEFT JOIN pg_catalog.pg_roles o ON o.rolname = $3
             WHERE u.rolname = current_user",
            &[&ours, &GROUP, &OWNER],
        )
        .await?;
    let (role, makes_roles, group): (String, bool, bool) = (row.get(0), row.get(1), row.get(2));
    let (unmanaged, mut by): (Vec<String>, Vec<String>) = (row.get(3), row.get(4));
    let mut statements = Vec::new();
    if !makes_roles {
        statements.push(format!("`ALTER ROLE {role} CREATEROLE`"));
        by.clear();
    }
    if unmanaged.iter().any(|unmanaged| unmanaged == GROUP) {
        statements.push(format!("`GRANT {GROUP} TO {role}`"));
    } else if !group && !unmanaged.is_empty() {
        // The roles were created by a version without the group.
        statements.push("`rowhouse migrate` of this version on a database of this cluster".to_owned());
        statements.push(format!("`GRANT {GROUP} TO {role}`"));
    } else if !unmanaged.is_empty() {
        statements.push(format!("`GRANT {} TO {role} WITH ADMIN OPTION`", unmanaged.join(", ")));
    }
    by.push("a superuser".to_owned());
    let missing = Missing { role, statements: statements.join(" and "), by: by.join(" or ") };
    Ok((!statements.is_empty()).then_some(missing))
}
