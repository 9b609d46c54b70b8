#!lua flags=no-writes
-- What a number has had, and a record of it, at one instant.
-- KEYS  1 number, 2 record, or only the number
-- ARGV  1 the record's id, if there is one
-- Gives {view, now, id, record, number}, '' for what is not there
return { 'view', now_ms(), ARGV[1] or '', KEYS[2] and redis.call('GET', KEYS[2]) or '', redis.call('GET', KEYS[1]) or '' }
