//! The table that this service reads or writes; its idempotency keys are reached through functions alone.

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
