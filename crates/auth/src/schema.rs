//! The tables that this service reads or writes.

use rowhouse_tenancy::tenant_table;

diesel::table! {
    auth.identities (id) {
        id -> Uuid,
        email -> Text,
        password_hash -> Nullable<Text>,
        email_verified_at -> Nullable<Timestamptz>,
        disabled_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    auth.totp (user_id) {
        user_id -> Uuid,
        sealed_secret -> Binary,
        confirmed_at -> Nullable<Timestamptz>,
        last_step -> BigInt,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    auth.recovery_codes (user_id, digest) {
        user_id -> Uuid,
        digest -> Binary,
    }
}

diesel::table! {
    auth.one_time_tokens (digest) {
        digest -> Binary,
        user_id -> Uuid,
        purpose -> Text,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
    }
}

diesel::table! {
    auth.attempts (key) {
        key -> Binary,
        failures -> Integer,
        last_at -> Timestamptz,
        blocked_until -> Timestamptz,
        refused -> Bool,
    }
}

diesel::table! {
    auth.allowances (key) {
        key -> Binary,
        full_at -> Timestamptz,
    }
}

diesel::table! {
    auth.familiar_addresses (key) {
        key -> Binary,
        last_at -> Timestamptz,
    }
}

diesel::table! {
    auth.memberships (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        user_id -> Uuid,
        role -> Text,
        created_at -> Timestamptz,
    }
}
tenant_table!(memberships);

diesel::table! {
    auth.sessions (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        user_id -> Uuid,
        token_digest -> Binary,
        previous_digest -> Nullable<Binary>,
        created_at -> Timestamptz,
        last_used_at -> Timestamptz,
        idle_expires_at -> Timestamptz,
        expires_at -> Timestamptz,
        ended_at -> Nullable<Timestamptz>,
        end_reason -> Nullable<Text>,
        ip_address -> Nullable<Text>,
        user_agent -> Nullable<Text>,
    }
}
tenant_table!(sessions);

diesel::table! {
    auth.invitations (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        email -> Text,
        role -> Text,
        token_digest -> Binary,
        invited_by -> Nullable<Uuid>,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
    }
}
tenant_table!(invitations);

diesel::table! {
    auth.single_letters (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Text,
        created_at -> Timestamptz,
    }
}
tenant_table!(single_letters);

diesel::table! {
    auth.api_keys (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        name -> Text,
        hint -> Text,
        digest -> Binary,
        scopes -> Array<Text>,
        created_by -> Uuid,
        created_at -> Timestamptz,
        expires_at -> Nullable<Timestamptz>,
        last_used_at -> Nullable<Timestamptz>,
        revoked_at -> Nullable<Timestamptz>,
        revoke_reason -> Nullable<Text>,
    }
}
tenant_table!(api_keys);

diesel::table! {
    auth.idempotency_keys (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Text,
        fingerprint -> Binary,
        response -> Binary,
        created_at -> Timestamptz,
    }
}
tenant_table!(idempotency_keys);

diesel::table! {
    auth.audit_log (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        occurred_at -> Timestamptz,
        actor_type -> Text,
        actor_id -> Nullable<Uuid>,
        action -> Text,
        outcome -> Text,
        target_type -> Nullable<Text>,
        target_id -> Nullable<Uuid>,
        ip_address -> Nullable<Text>,
        user_agent -> Nullable<Text>,
        details -> Jsonb,
    }
}
tenant_table!(audit_log);

diesel::table! {
    tenancy.token_revocations (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        issued_until -> Timestamptz,
        created_at -> Timestamptz,
    }
}
tenant_table!(token_revocations);

diesel::table! {
    tenancy.tenants (id) {
        id -> Uuid,
        slug -> Text,
        name -> Text,
        status -> Text,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    api_keys,
    identities,
    memberships,
    sessions,
    tenants,
    token_revocations,
    totp,
);
