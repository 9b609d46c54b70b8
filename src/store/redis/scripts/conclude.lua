#!lua flags=allow-oom
-- Keeps what was made of the log of evidence, and drops what nobody needs any more.
-- KEYS  1 the log, 2 the highest batch of each gateway, 3 the state, `place bytes`,
--       4 the same to be read by people
-- ARGV  1 place, 2 state, 3 the first place that stays, then names, each with its text
-- Gives {kept|older, now}
local now = now_ms()
local state = redis.call('GETRANGE', KEYS[3], 0, 20)
local place = tonumber(string.match(state, '^(%d+) '))
if place and place >= tonumber(ARGV[1]) then return { 'older', now } end
redis.call('SET', KEYS[3], ARGV[1] .. ' ' .. ARGV[2])
redis.call('DEL', KEYS[4])
redis.call('HSET', KEYS[4], 'place', ARGV[1])
for i = 4, #ARGV, 2 do redis.call('HSET', KEYS[4], ARGV[i], ARGV[i + 1]) end
redis.call('XTRIM', KEYS[1], 'MINID', ARGV[3] .. '-0')
-- Gateways that are long gone repeat nothing.
local marks = redis.call('HGETALL', KEYS[2])
for i = 1, #marks, 2 do
  local at = tonumber(string.match(marks[i + 1], '(%d+)$'))
  if marks[i] ~= 'place' and at < now - DAY then redis.call('HDEL', KEYS[2], marks[i]) end
end
return { 'kept', now }
