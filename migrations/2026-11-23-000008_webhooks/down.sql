DROP TABLE orders.webhook_attempts, orders.webhook_deliveries, orders.order_events, orders.webhook_endpoints;
