-- How an endpoint does, and a secret that is being replaced.
ALTER TABLE orders.webhook_endpoints
    -- Attempts that have failed since the last one that did not, and when the first of them did.
    ADD COLUMN failure_count integer NOT NULL DEFAULT 0,
    ADD COLUMN failing_since timestamptz,
    -- Until then it is sent nothing, and then one delivery, alone. It ends with the first that is taken.
    ADD COLUMN paused_until timestamptz,
    -- Why the system has disabled it.
    ADD COLUMN disabled_reason text,
    -- Signs beside the present one for a while.
    ADD COLUMN previous_sealed_secret bytea,
    ADD COLUMN previous_secret_expires_at timestamptz;
ALTER TABLE orders.webhook_endpoints
    ADD CONSTRAINT webhook_endpoints_disabled_reason_check
        CHECK (disabled_reason IS NULL OR (disabled_reason IN ('failing', 'gone') AND NOT enabled)) NOT VALID,
    ADD CONSTRAINT webhook_endpoints_previous_secret_check
        CHECK ((previous_sealed_secret IS NULL) = (previous_secret_expires_at IS NULL)) NOT VALID;
GRANT UPDATE (
    failure_count, failing_since, paused_until, disabled_reason,
    sealed_secret, previous_sealed_secret, previous_secret_expires_at
) ON orders.webhook_endpoints TO rowhouse_orders;

-- Deliveries of one part are sent one after the other, by one job. Those from before are of the first; one that follows another of its
-- order waits for it in whichever part that is.
ALTER TABLE orders.webhook_deliveries ADD COLUMN part integer NOT NULL DEFAULT 0;
GRANT INSERT (part) ON orders.webhook_deliveries TO rowhouse_orders;

-- A test event is about no order. Its delivery has the event's own id in place of the order's: it waits for no other.
-- No earlier program reads this column.
-- safety-assured:start
ALTER TABLE orders.order_events ALTER COLUMN order_id DROP NOT NULL;
-- safety-assured:end
