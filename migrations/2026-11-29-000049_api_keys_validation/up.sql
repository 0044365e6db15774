-- Looks at the old rows for the constraint of 2026-11-29-000045. It keeps nobody out.
ALTER TABLE auth.api_keys VALIDATE CONSTRAINT api_keys_revoke_reason_check;
