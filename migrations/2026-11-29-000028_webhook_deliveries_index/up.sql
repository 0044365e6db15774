-- What is next in one part of an endpoint's deliveries.
CREATE INDEX CONCURRENTLY IF NOT EXISTS webhook_deliveries_next_idx
    ON orders.webhook_deliveries
        (tenant_id, webhook_endpoint_id, part, next_attempt_at, order_version)
    WHERE state = 'pending';
