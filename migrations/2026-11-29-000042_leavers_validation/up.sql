-- Looks at the old rows for the constraints of the two migrations before; it keeps nobody out.
ALTER TABLE auth.api_keys VALIDATE CONSTRAINT api_keys_revoke_reason_check;
ALTER TABLE auth.sessions VALIDATE CONSTRAINT sessions_end_reason_check;
