-- How urgent an order is. The first of expand, backfill, contract: nothing is rewritten, and programs that do not know the column
-- go on. The backfill is `rowhouse backfill orders-priority`.
--
-- In this order: a default that comes with the column would be every old row's value as well. One that is the same for all rows may be; this
-- is how it is done with one that is not.
ALTER TABLE orders.orders ADD COLUMN priority text;
ALTER TABLE orders.orders ALTER COLUMN priority SET DEFAULT 'normal';

-- From now on no row is written without one, also when an older program changes an old row.
CREATE FUNCTION orders.set_priority() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    NEW.priority := 'normal';
    RETURN NEW;
END
$$;
CREATE TRIGGER set_priority
    BEFORE INSERT OR UPDATE ON orders.orders
    FOR EACH ROW WHEN (NEW.priority IS NULL) EXECUTE FUNCTION orders.set_priority();

-- Checked for what is written. The old rows are looked at when the backfill is done.
ALTER TABLE orders.orders
    ADD CONSTRAINT orders_priority_check CHECK (priority IN ('low', 'normal', 'high')) NOT VALID,
    ADD CONSTRAINT orders_priority_set CHECK (priority IS NOT NULL) NOT VALID;

GRANT UPDATE (priority) ON orders.orders TO rowhouse_orders;
