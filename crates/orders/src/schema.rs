//! The tables that this service reads or writes. The status of exports and deliveries is in columns called
//! `state`: another name would break the programs of the release before.

use rowhouse_tenancy::tenant_table;

diesel::table! {
    orders.export_chunks (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        export_id -> Uuid,
        position -> Int4,
        data -> Bytea,
    }
}
tenant_table!(export_chunks);

diesel::table! {
    orders.exports (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        resource -> Text,
        format -> Text,
        order_status -> Nullable<Text>,
        state -> Text,
        orders_done -> Int8,
        orders_total -> Int8,
        chunk_count -> Int4,
        size_bytes -> Int8,
        done_number -> Int8,
        last_number -> Nullable<Int8>,
        job_id -> Uuid,
        created_by -> Uuid,
        created_at -> Timestamptz,
        finished_at -> Nullable<Timestamptz>,
        expires_at -> Nullable<Timestamptz>,
        failure -> Nullable<Text>,
    }
}
tenant_table!(exports);

diesel::table! {
    orders.idempotency_keys (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Text,
        fingerprint -> Bytea,
        response -> Bytea,
        created_at -> Timestamptz,
    }
}
tenant_table!(idempotency_keys);

diesel::table! {
    orders.number_series (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Text,
        last_number -> Int8,
    }
}
tenant_table!(number_series);

diesel::table! {
    tenancy.tenants (id) {
        id -> Uuid,
        status -> Text,
    }
}

diesel::table! {
    orders.order_lines (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        order_id -> Uuid,
        position -> Int4,
        sku -> Text,
        quantity -> Int8,
        unit_price_minor -> Int8,
    }
}
tenant_table!(order_lines);

diesel::table! {
    orders.orders (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        number -> Int8,
        customer -> Text,
        currency -> Text,
        status -> Text,
        priority -> Nullable<Text>,
        total_minor -> Int8,
        version -> Int8,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}
tenant_table!(orders);

diesel::table! {
    orders.order_events (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        order_id -> Nullable<Uuid>,
        order_version -> Int8,
        #[sql_name = "type"]
        type_ -> Text,
        body -> Text,
        created_at -> Timestamptz,
    }
}
tenant_table!(order_events);

diesel::table! {
    orders.webhook_attempts (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        delivery_id -> Uuid,
        attempted_at -> Timestamptz,
        http_status -> Nullable<Int4>,
        error -> Nullable<Text>,
        duration_ms -> Int8,
    }
}
tenant_table!(webhook_attempts);

diesel::table! {
    orders.webhook_deliveries (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        webhook_endpoint_id -> Uuid,
        event_id -> Uuid,
        order_id -> Uuid,
        order_version -> Int8,
        state -> Text,
        attempt_count -> Int4,
        attempts_left -> Int4,
        next_attempt_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        finished_at -> Nullable<Timestamptz>,
    }
}
tenant_table!(webhook_deliveries);

diesel::table! {
    orders.webhook_endpoints (tenant_id, id) {
        tenant_id -> Uuid,
        id -> Uuid,
        url -> Text,
        events -> Array<Text>,
        enabled -> Bool,
        sealed_secret -> Bytea,
        failure_count -> Int4,
        failing_since -> Nullable<Timestamptz>,
        paused_until -> Nullable<Timestamptz>,
        disabled_reason -> Nullable<Text>,
        previous_sealed_secret -> Nullable<Bytea>,
        previous_secret_expires_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        deleted_at -> Nullable<Timestamptz>,
    }
}
tenant_table!(webhook_endpoints);

diesel::allow_tables_to_appear_in_same_query!(
    export_chunks,
    exports,
    idempotency_keys,
    order_events,
    order_lines,
    orders,
    webhook_attempts,
    webhook_deliveries,
    webhook_endpoints
);
