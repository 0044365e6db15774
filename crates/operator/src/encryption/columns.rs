//! The columns with ciphertexts.

/// A column, or part of one, with ciphertexts.
#[derive(Clone, Copy)]
pub(super) struct EncryptedColumn {
    /// The service whose keys encrypt it.
    pub(super) service: &'static str,
    /// The name for people: the table and the column.
    pub(super) name: &'static str,
    pub(super) table: &'static str,
    /// True if the rows belong to tenants.
    pub(super) of_tenant: bool,
    /// The condition for the rows that are meant: those that are still decrypted.
    pub(super) rows: &'static str,
    /// The ciphertext of a row `t`.
    pub(super) value: &'static str,
    /// The way in which the ciphertext `$1` is written; none if the rows are used up within hours and are not changed.
    pub(super) write: Option<Rewriting>,
}

#[derive(Clone, Copy)]
pub(super) struct Rewriting {
    /// The column that is set to `$1`.
    pub(super) column: &'static str,
    /// The purpose with which the service encrypts it.
    pub(super) purpose: &'static str,
    /// The owner to which the service binds it, as bytes.
    pub(super) owner: &'static str,
}

/// The services that encrypt something in the database.
pub const SERVICES: [&str; 2] = ["auth", "orders"];

const COLUMNS: &[EncryptedColumn] = &[
    EncryptedColumn {
        service: "auth",
        name: "auth.totp.sealed_secret",
        table: "auth.totp",
        of_tenant: false,
        rows: "true",
        value: "t.sealed_secret",
        write: Some(Rewriting {
            column: "sealed_secret",
            purpose: "totp",
            owner: "pg_catalog.uuid_send(t.user_id)",
        }),
    },
    answers("auth", "auth.idempotency_keys.response", "auth.idempotency_keys"),
    EncryptedColumn {
        service: "auth",
        name: "onboarding.onboardings.member_proof",
        table: "onboarding.onboardings",
        of_tenant: true,
        rows: "t.finished_at IS NULL",
        value: "t.member_proof",
        write: None,
    },
    EncryptedColumn {
        service: "auth",
        name: "jobs.jobs.payload, emails",
        table: "jobs.jobs",
        of_tenant: true,
        rows: "t.kind = 'letter.send' AND t.status IN ('queued', 'running')",
        value: "pg_catalog.decode(pg_catalog.rpad(t.payload ->> 'sealed', \
                (pg_catalog.length(t.payload ->> 'sealed') + 3) / 4 * 4, '='), 'base64')",
        write: None,
    },
    EncryptedColumn {
        service: "auth",
        name: "jobs.global_jobs.payload",
        table: "jobs.global_jobs",
        of_tenant: false,
        rows: "t.queue = 'rowhouse_auth'",
        value: "t.payload",
        write: None,
    },
    secrets("orders.webhook_endpoints.sealed_secret", "t.sealed_secret", "sealed_secret"),
    secrets(
        "orders.webhook_endpoints.previous_sealed_secret",
        "t.previous_sealed_secret",
        "previous_sealed_secret",
    ),
    answers("orders", "orders.idempotency_keys.response", "orders.idempotency_keys"),
];

/// The answers to calls with an idempotency key. The key of a call whose answer the database composes, and which is not encrypted, is
/// stored as it was sent, without a blank.
const fn answers(service: &'static str, name: &'static str, table: &'static str) -> EncryptedColumn {
    EncryptedColumn {
        service,
        name,
        table,
        of_tenant: true,
        rows: "pg_catalog.strpos(t.id, ' ') > 0",
        value: "t.response",
        write: Some(Rewriting {
            column: "response",
            purpose: "answers to repeated calls",
            owner: "pg_catalog.uuid_send(t.tenant_id) || pg_catalog.convert_to(t.id, 'UTF8')",
        }),
    }
}

/// The secrets of webhook endpoints.
const fn secrets(name: &'static str, value: &'static str, column: &'static str) -> EncryptedColumn {
    EncryptedColumn {
        service: "orders",
        name,
        table: "orders.webhook_endpoints",
        of_tenant: true,
        rows: "t.deleted_at IS NULL",
        value,
        write: Some(Rewriting { column, purpose: "webhook endpoint", owner: "pg_catalog.uuid_send(t.id)" }),
    }
}

pub(super) fn of(service: &str) -> impl Iterator<Item = &'static EncryptedColumn> {
    COLUMNS.iter().filter(move |column| column.service == service)
}
