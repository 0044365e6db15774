CREATE SCHEMA orders;
GRANT USAGE ON SCHEMA orders TO rowhouse_orders;

-- One counter a tenant: numbers have no gaps, since the row's lock is held until the order is committed, and say
-- nothing about other tenants, as a sequence would.
CREATE TABLE orders.number_series (
    tenant_id uuid NOT NULL,
    -- What is counted.
    id text NOT NULL CHECK (id IN ('orders')),
    last_number bigint NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CALL tenancy.protect('orders.number_series');
GRANT SELECT, INSERT, UPDATE (last_number) ON orders.number_series TO rowhouse_orders;

CREATE FUNCTION orders.next_number(series text) RETURNS bigint
LANGUAGE sql VOLATILE
BEGIN ATOMIC
    INSERT INTO orders.number_series AS s (tenant_id, id, last_number)
    VALUES (tenancy.current_tenant(), series, 1)
    ON CONFLICT (tenant_id, id) DO UPDATE SET last_number = s.last_number + 1
    RETURNING s.last_number;
END;
GRANT EXECUTE ON FUNCTION orders.next_number(text) TO rowhouse_orders;

CREATE TABLE orders.orders (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    number bigint NOT NULL DEFAULT orders.next_number('orders'),
    customer text NOT NULL CHECK (char_length(customer) BETWEEN 1 AND 200),
    -- ISO 4217.
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    status text NOT NULL DEFAULT 'placed' CHECK (status IN ('placed', 'paid', 'fulfilled', 'cancelled')),
    -- Minor units of the currency.
    total_minor bigint NOT NULL CHECK (total_minor >= 0),
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT orders_number_key UNIQUE (tenant_id, number)
);
CREATE INDEX orders_by_status ON orders.orders (tenant_id, status, number);
CALL tenancy.protect('orders.orders');
GRANT SELECT, INSERT, UPDATE (status, version, updated_at) ON orders.orders TO rowhouse_orders;

CREATE TABLE orders.order_lines (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    order_id uuid NOT NULL,
    -- Counts from 1, in the order in which the caller gave the lines.
    position integer NOT NULL,
    sku text NOT NULL CHECK (char_length(sku) BETWEEN 1 AND 64),
    quantity bigint NOT NULL CHECK (quantity > 0),
    unit_price_minor bigint NOT NULL CHECK (unit_price_minor >= 0),
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT order_lines_position_key UNIQUE (tenant_id, order_id, position),
    -- Composite: a foreign key is checked outside row-level security, so it has to name the tenant itself.
    CONSTRAINT order_lines_order_fkey FOREIGN KEY (tenant_id, order_id) REFERENCES orders.orders (tenant_id, id)
);
CALL tenancy.protect('orders.order_lines');
GRANT SELECT, INSERT ON orders.order_lines TO rowhouse_orders;

-- The first answer to a request, for its repeats.
CREATE TABLE orders.idempotency_keys (
    tenant_id uuid NOT NULL,
    -- The caller's key.
    id text NOT NULL CHECK (char_length(id) BETWEEN 1 AND 255),
    -- SHA-256 over the request.
    fingerprint bytea NOT NULL CHECK (octet_length(fingerprint) = 32),
    -- The encoded orders.v1.CreateOrderResponse.
    response bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (tenant_id, id)
);
CALL tenancy.protect('orders.idempotency_keys');
GRANT SELECT, INSERT ON orders.idempotency_keys TO rowhouse_orders;
