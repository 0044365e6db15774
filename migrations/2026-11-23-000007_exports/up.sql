-- Files with all of a tenant's orders.
CREATE TABLE orders.exports (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    -- What is exported.
    resource text NOT NULL CHECK (resource IN ('orders')),
    format text NOT NULL CHECK (format IN ('csv', 'jsonl')),
    -- Only orders in this status; null is all.
    order_status text CHECK (order_status IN ('placed', 'paid', 'fulfilled', 'cancelled')),
    state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    orders_done bigint NOT NULL DEFAULT 0,
    orders_total bigint NOT NULL DEFAULT 0,
    -- The file so far.
    chunk_count integer NOT NULL DEFAULT 0,
    size_bytes bigint NOT NULL DEFAULT 0,
    -- Orders up to this number are in it.
    done_number bigint NOT NULL DEFAULT 0,
    -- Orders with a higher number were placed after it was begun; null until then.
    last_number bigint,
    -- The job that writes it.
    job_id uuid NOT NULL,
    -- A person or an API key.
    created_by uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    -- It is removed then.
    expires_at timestamptz,
    failure text,
    PRIMARY KEY (tenant_id, id),
    CHECK (state <> 'queued' OR last_number IS NULL),
    CHECK ((state IN ('queued', 'running')) = (finished_at IS NULL)),
    CHECK ((finished_at IS NULL) = (expires_at IS NULL)),
    CHECK ((state = 'failed') = (failure IS NOT NULL))
);
CREATE INDEX exports_unfinished_idx ON orders.exports (tenant_id) WHERE state IN ('queued', 'running');
CALL tenancy.protect('orders.exports');
GRANT SELECT, DELETE,
    INSERT (tenant_id, id, resource, format, order_status, job_id, created_by),
    UPDATE (state, orders_done, orders_total, chunk_count, size_bytes, done_number, last_number, finished_at, expires_at, failure)
    ON orders.exports TO rowhouse_orders;

-- The files, piece by piece.
CREATE TABLE orders.export_chunks (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    export_id uuid NOT NULL,
    -- Counts from 0, without gaps.
    position integer NOT NULL CHECK (position >= 0),
    data bytea NOT NULL CHECK (octet_length(data) BETWEEN 1 AND 1048576),
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT export_chunks_position_key UNIQUE (tenant_id, export_id, position),
    CONSTRAINT export_chunks_export_fkey
        FOREIGN KEY (tenant_id, export_id) REFERENCES orders.exports (tenant_id, id) ON DELETE CASCADE
);
CALL tenancy.protect('orders.export_chunks');
GRANT SELECT, INSERT, DELETE ON orders.export_chunks TO rowhouse_orders;
