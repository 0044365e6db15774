//! The table `jobs.jobs`, for diesel.

use rowhouse_tenancy::tenant_table;

diesel::table! {
    jobs.jobs (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        queue -> Text,
        kind -> Text,
        unique_key -> Nullable<Text>,
        status -> Text,
        due_at -> Timestamptz,
        lease -> Nullable<Uuid>,
        attempts -> Int4,
        max_attempts -> Int4,
        every_seconds -> Nullable<Int8>,
        again -> Bool,
        cancellable -> Bool,
        cancel_requested -> Bool,
        progress_done -> Nullable<Int8>,
        progress_total -> Nullable<Int8>,
        last_error -> Nullable<Text>,
        created_at -> Timestamptz,
        started_at -> Nullable<Timestamptz>,
        finished_at -> Nullable<Timestamptz>,
    }
}
tenant_table!(jobs);
