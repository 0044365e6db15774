-- What operators do by the command line: who, what, to which tenant or person, and why. Written in the transaction of the action,
-- as the owner. No service reads or writes it; a tenant sees what concerns it in its own audit log.
CREATE TABLE tenancy.operator_actions (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    acted_at timestamptz NOT NULL DEFAULT now(),
    -- As the operator says.
    actor text NOT NULL CHECK (char_length(actor) BETWEEN 1 AND 100),
    -- As PostgreSQL knows.
    database_role text NOT NULL DEFAULT session_user,
    -- Such as tenant.suspend.
    action text NOT NULL CHECK (char_length(action) BETWEEN 1 AND 100),
    target_type text CHECK (target_type IN ('tenant', 'user')),
    target_id text CHECK (char_length(target_id) BETWEEN 1 AND 100),
    -- The slug or the address at that time.
    target_name text CHECK (char_length(target_name) BETWEEN 1 AND 254),
    reason text CHECK (char_length(reason) BETWEEN 1 AND 500),
    -- Texts and numbers by name.
    details jsonb NOT NULL DEFAULT '{}',
    CHECK ((target_type IS NULL) = (target_id IS NULL) AND (target_type IS NULL) = (target_name IS NULL))
);
CREATE INDEX operator_actions_acted_at_idx ON tenancy.operator_actions (acted_at);
-- Append-only, also for the owner, as whom the commands work.
REVOKE UPDATE, DELETE, TRUNCATE ON tenancy.operator_actions FROM rowhouse_owner;
INSERT INTO tenancy.global_tables VALUES
    ('tenancy.operator_actions', 'what operators did, also to people, who belong to no tenant; no service reads it');
