//! [`Opening`], the beginning of a transaction.

use rowhouse_tokens::TokenSession;

use crate::{TenantContext, TenantId};

/// The settings of every transaction. The session's settings are not enough: a pooler in transaction mode can run each transaction in another
/// session. It costs no round trip, since it travels with the first statement.
const SETTINGS: &str =
    "SET LOCAL search_path = pg_catalog, pg_temp; SET LOCAL row_security = on; SET LOCAL app.tenant_id = ''";

/// `BEGIN` and the entry into the tenant.
pub(super) struct Opening {
    pub(super) sql: String,
    /// The body reads, with one statement, so that COMMIT may travel with it.
    pub(super) single_read: bool,
}

impl Opening {
    /// A transaction in the context's tenant.
    pub(super) fn of(cx: &TenantContext) -> Self {
        Self::begin(false, [entry(cx)])
    }

    /// A transaction for several callers, each of whom may be refused. The database refuses those of different tenants.
    pub(super) fn of_all<'cx>(callers: impl IntoIterator<Item = &'cx TenantContext>) -> Self {
        let mut entries: Vec<String> = Vec::new();
        for entry in callers.into_iter().map(entry) {
            // Calls of one session are checked once.
            if !entries.contains(&entry) {
                entries.push(entry);
            }
        }
        Self::begin(false, entries)
    }

    /// The same for a body that reads, with one statement.
    pub(super) fn single_read(cx: &TenantContext) -> Self {
        Self::begin(true, [entry(cx)])
    }

    /// A transaction for a tenant that does not exist yet.
    pub(super) fn new_tenant(tenant: TenantId) -> Self {
        Self::begin(false, [format!("enter_new_tenant('{tenant}')")])
    }

    /// A transaction in no tenant.
    pub(super) fn global() -> Self {
        Self::begin(false, [])
    }

    /// A read is declared as such, so that the server refuses what writes. Nothing overrides a read-only default, which the server's
    /// administrator sets for a reason.
    fn begin(single_read: bool, entries: impl IntoIterator<Item = String>) -> Self {
        let access = if single_read { " READ ONLY" } else { "" };
        let mut sql = format!("BEGIN ISOLATION LEVEL READ COMMITTED{access}; {SETTINGS}");
        for entry in entries {
            sql.push_str("; SELECT tenancy.");
            sql.push_str(&entry);
        }
        Self { sql, single_read }
    }
}

fn entry(cx: &TenantContext) -> String {
    let tenant = cx.tenant();
    // UUIDs and a number cannot contain a quote.
    match cx.session() {
        Some(TokenSession { id, issued_at }) => {
            format!("set_tenant_context('{tenant}', '{id}', {issued_at})")
        }
        None => format!("set_tenant_context('{tenant}')"),
    }
}
