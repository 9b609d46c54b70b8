#!lua flags=allow-oom
-- Says that a gateway lives, and who else does.
-- KEYS  1 the fleet: gateways by the last instant at which each was heard of
-- ARGV  1 id, 2 how long without a word counts as dead, 3 beat or leave
-- Gives {alive, now, whether this one was not known, id…}
local now = now_ms()
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[2]))
-- Heard of in the future: by a server whose clock was ahead. Who lives comes back.
redis.call('ZREMRANGEBYSCORE', KEYS[1], '(' .. now, '+inf')
local new = 0
if ARGV[3] == 'leave' then
  redis.call('ZREM', KEYS[1], ARGV[1])
else
  new = redis.call('ZADD', KEYS[1], now, ARGV[1])
end
local answer = { 'alive', now, new }
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do table.insert(answer, id) end
return answer
