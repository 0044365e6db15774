-- Where a tenant wants to hear of what happens to its orders.
CREATE TABLE orders.webhook_endpoints (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    url text NOT NULL CHECK (char_length(url) BETWEEN 1 AND 2048),
    -- Names of events; * is all of them.
    events text[] NOT NULL CHECK (cardinality(events) BETWEEN 1 AND 20),
    enabled boolean NOT NULL DEFAULT true,
    -- Encrypted with a key that the database does not have.
    sealed_secret bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    -- Since then it is nobody's any more. The row goes after its deliveries, of which there may be many.
    deleted_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    CHECK (deleted_at IS NULL OR NOT enabled)
);
CALL tenancy.protect('orders.webhook_endpoints');
GRANT SELECT, DELETE,
    INSERT (tenant_id, id, url, events, sealed_secret),
    UPDATE (url, events, enabled, updated_at, deleted_at)
    ON orders.webhook_endpoints TO rowhouse_orders;

-- What happened to an order. Written only when somebody wants to hear of it.
CREATE TABLE orders.order_events (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    order_id uuid NOT NULL,
    -- The order's version after it.
    order_version bigint NOT NULL,
    type text NOT NULL CHECK (char_length(type) BETWEEN 1 AND 100),
    -- JSON, as text: each attempt sends the same bytes.
    body text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT order_events_order_version_key UNIQUE (tenant_id, order_id, order_version),
    CONSTRAINT order_events_order_fkey FOREIGN KEY (tenant_id, order_id) REFERENCES orders.orders (tenant_id, id)
);
CREATE INDEX order_events_created_at_idx ON orders.order_events (tenant_id, created_at);
CALL tenancy.protect('orders.order_events');
GRANT SELECT, DELETE, INSERT (tenant_id, id, order_id, order_version, type, body)
    ON orders.order_events TO rowhouse_orders;

-- One event on its way to one endpoint.
CREATE TABLE orders.webhook_deliveries (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    webhook_endpoint_id uuid NOT NULL,
    event_id uuid NOT NULL,
    -- The event's: what is pending for an endpoint and an order is sent by rising version.
    order_id uuid NOT NULL,
    order_version bigint NOT NULL,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'failed')),
    attempt_count integer NOT NULL DEFAULT 0,
    -- How often it is tried before it is given up.
    attempts_left integer NOT NULL CHECK (attempts_left >= 0),
    next_attempt_at timestamptz DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT webhook_deliveries_endpoint_fkey
        FOREIGN KEY (tenant_id, webhook_endpoint_id) REFERENCES orders.webhook_endpoints (tenant_id, id),
    CONSTRAINT webhook_deliveries_event_fkey
        FOREIGN KEY (tenant_id, event_id) REFERENCES orders.order_events (tenant_id, id),
    CHECK ((state = 'pending') = (next_attempt_at IS NOT NULL)),
    CHECK ((state = 'pending') = (finished_at IS NULL))
);
CREATE INDEX webhook_deliveries_pending_idx
    ON orders.webhook_deliveries (tenant_id, webhook_endpoint_id, order_id, order_version) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_endpoint_idx ON orders.webhook_deliveries (tenant_id, webhook_endpoint_id, id);
CREATE INDEX webhook_deliveries_state_idx ON orders.webhook_deliveries (tenant_id, state, id);
CREATE INDEX webhook_deliveries_event_idx ON orders.webhook_deliveries (tenant_id, event_id);
CREATE INDEX webhook_deliveries_finished_at_idx
    ON orders.webhook_deliveries (tenant_id, finished_at) WHERE finished_at IS NOT NULL;
CALL tenancy.protect('orders.webhook_deliveries');
GRANT SELECT, DELETE,
    INSERT (tenant_id, id, webhook_endpoint_id, event_id, order_id, order_version, attempts_left),
    UPDATE (state, attempt_count, attempts_left, next_attempt_at, finished_at)
    ON orders.webhook_deliveries TO rowhouse_orders;

-- The log of a delivery.
CREATE TABLE orders.webhook_attempts (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    delivery_id uuid NOT NULL,
    attempted_at timestamptz NOT NULL,
    -- Of the answer; null when there was none.
    http_status integer CHECK (http_status BETWEEN 100 AND 999),
    -- Why it does not count as delivered.
    error text CHECK (char_length(error) BETWEEN 1 AND 500),
    duration_ms bigint NOT NULL CHECK (duration_ms >= 0),
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT webhook_attempts_delivery_fkey
        FOREIGN KEY (tenant_id, delivery_id) REFERENCES orders.webhook_deliveries (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX webhook_attempts_delivery_idx ON orders.webhook_attempts (tenant_id, delivery_id, id);
CALL tenancy.protect('orders.webhook_attempts');
GRANT SELECT, INSERT ON orders.webhook_attempts TO rowhouse_orders;
