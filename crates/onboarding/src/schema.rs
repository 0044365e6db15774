//! The tables that this service reads or writes. Its idempotency keys are only accessible through functions.

use rowhouse_tenancy::tenant_table;

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

diesel::table! {
    onboarding.onboardings (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        email -> Text,
        owner_id -> Uuid,
        member_proof -> Nullable<Bytea>,
        key_digest -> Nullable<Bytea>,
        created_at -> Timestamptz,
        membership_at -> Nullable<Timestamptz>,
        defaults_at -> Nullable<Timestamptz>,
        welcome_at -> Nullable<Timestamptz>,
        finished_at -> Nullable<Timestamptz>,
        failure -> Nullable<Text>,
    }
}
tenant_table!(onboardings);

diesel::allow_tables_to_appear_in_same_query!(onboardings, tenants);
