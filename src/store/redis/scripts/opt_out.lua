#!lua flags=allow-oom
-- A number wants nothing more: what stands already keeps its time.
-- KEYS  1 the number's opt-outs
-- ARGV  channel and tenant, as one, for each
-- Gives {done, now}
local now = now_ms()
for _, name in ipairs(ARGV) do
  if not redis.call('HGET', KEYS[1], name) then redis.call('HSET', KEYS[1], name, now) end
end
return { 'done', now }
