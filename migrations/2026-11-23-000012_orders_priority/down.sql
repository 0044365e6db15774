DROP TRIGGER set_priority ON orders.orders;
DROP FUNCTION orders.set_priority();
ALTER TABLE orders.orders DROP COLUMN priority;
