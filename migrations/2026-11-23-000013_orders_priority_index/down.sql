DROP INDEX CONCURRENTLY IF EXISTS orders.orders_by_priority;
