-- A validated constraint needs no undoing.
SELECT 1;
