DROP INDEX CONCURRENTLY IF EXISTS orders.webhook_deliveries_next_idx;
