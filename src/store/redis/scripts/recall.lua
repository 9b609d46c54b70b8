#!lua flags=no-writes
-- The answer that is kept under an idempotency key.
-- KEYS  1 memo
-- ARGV  1 fingerprint
-- Gives {nothing} or {other_body} or the kept answer, its word marked as kept
return recall(KEYS[1], ARGV[1]) or { 'nothing' }
