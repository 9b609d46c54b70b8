#!lua flags=allow-oom
-- Forgets evidence.
-- KEYS  1 the log, 2 the highest batch of each gateway, 3 the state, 4 the same to be read
-- Gives {done, now}
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3], KEYS[4])
return { 'done', now_ms() }
