#!lua flags=allow-oom
-- Whether the store may be written.
-- KEYS  1 anything
-- Gives {pong, now}
local now = now_ms()
redis.call('SET', KEYS[1], now, 'PX', 60000)
return { 'pong', now }
