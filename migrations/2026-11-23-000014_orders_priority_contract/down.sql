UPDATE tenancy.schema_compatibility SET oldest_supported = '20261123000011';
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
ALTER TABLE orders.orders
    ALTER COLUMN priority DROP NOT NULL,
    ADD CONSTRAINT orders_priority_set CHECK (priority IS NOT NULL) NOT VALID;
