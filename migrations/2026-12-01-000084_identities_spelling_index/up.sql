-- The addresses that may not be in canonical form, which every `rowhouse migrate` looks for: most often there is none.
CREATE INDEX CONCURRENTLY IF NOT EXISTS identities_spelling_idx ON auth.identities (id)
    WHERE octet_length(email) <> char_length(email) OR email LIKE '%xn--%';
