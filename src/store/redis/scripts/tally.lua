#!lua
-- Adds to the counters of a span.
-- KEYS  1 the span's counters
-- ARGV  1 when they go, then names, each with what is added
-- Gives {counted, now}
local now = now_ms()
for i = 2, #ARGV, 2 do redis.call('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('PEXPIRE', KEYS[1], math.max(tonumber(ARGV[1]) - now, 1))
return { 'counted', now }
