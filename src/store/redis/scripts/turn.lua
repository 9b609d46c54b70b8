#!lua flags=allow-oom
-- Takes the next free turn of a carrier's pace, for all gateways together (GCRA, ITU-T I.371).
-- KEYS  1 the pace: when the next turn would be if none came early
-- ARGV  1 microseconds between turns, 2 how early one may come
-- Gives {turn, now, wait in microseconds}
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local each, early = tonumber(ARGV[1]), tonumber(ARGV[2])
local next = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
-- No honest queue is that long: after a fail-over to a server whose clock is behind.
if next - now > 10000000 + 100 * each then next = now end
redis.call('SET', KEYS[1], string.format('%.0f', next + each), 'PX', math.ceil((next + each - now) / 1000) + 1000)
return { 'turn', math.floor(now / 1000), math.max(0, next - early - now) }
