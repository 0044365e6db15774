-- For lists of what is urgent. Built while orders are placed.
CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_by_priority ON orders.orders (tenant_id, priority, number);
