#!lua flags=allow-oom
-- Opens a carrier's breaker for all gateways, or closes it.
-- KEYS  1 the breakers, each `until strikes cause`
-- ARGV  1 carrier; to open it 2 what is kept
-- Gives {done, now}
local now, last = now_ms(), 0
if ARGV[2] then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
else
  redis.call('HDEL', KEYS[1], ARGV[1])
end
local all = redis.call('HGETALL', KEYS[1])
for i = 2, #all, 2 do last = math.max(last, tonumber(string.match(all[i], '^%d+')) or 0) end
redis.call('PEXPIRE', KEYS[1], math.max(last - now, 0) + DAY)
return { 'done', now }
