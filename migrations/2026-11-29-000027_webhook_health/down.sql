DELETE FROM orders.webhook_deliveries d USING orders.order_events e
WHERE e.tenant_id = d.tenant_id AND e.id = d.event_id AND e.order_id IS NULL;
DELETE FROM orders.order_events WHERE order_id IS NULL;
ALTER TABLE orders.order_events ALTER COLUMN order_id SET NOT NULL;
ALTER TABLE orders.webhook_deliveries DROP COLUMN part;
ALTER TABLE orders.webhook_endpoints
    DROP COLUMN failure_count,
    DROP COLUMN failing_since,
    DROP COLUMN paused_until,
    DROP COLUMN disabled_reason,
    DROP COLUMN previous_sealed_secret,
    DROP COLUMN previous_secret_expires_at;
REVOKE UPDATE (sealed_secret) ON orders.webhook_endpoints FROM rowhouse_orders;
