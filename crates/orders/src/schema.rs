//! The tables that this service reads or writes.

use rowhouse_tenancy::tenant_table;

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
        total_minor -> Int8,
        version -> Int8,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}
tenant_table!(orders);

diesel::allow_tables_to_appear_in_same_query!(idempotency_keys, order_lines, orders);
