ALTER TABLE auth.sessions DROP CONSTRAINT sessions_end_reason_check;
ALTER TABLE auth.sessions ADD CONSTRAINT sessions_end_reason_check CHECK (end_reason IN (
    'logout', 'switched', 'revoked', 'token_reused', 'removed', 'password_changed', 'disabled'
)) NOT VALID;
