-- What is next in one part of an endpoint's orders: those whose ids end alike are sent by one job.
CREATE INDEX CONCURRENTLY IF NOT EXISTS webhook_deliveries_next_idx
    ON orders.webhook_deliveries
        (tenant_id, webhook_endpoint_id, (get_byte(uuid_send(order_id), 15) & 3), next_attempt_at, order_version)
    WHERE state = 'pending';
