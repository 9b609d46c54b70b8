#!lua
-- Adds a gateway's batch to the log of evidence, once.
-- KEYS  1 the log, a stream of ids `place-0`; 2 the highest batch of each gateway,
--       `epoch sequence when`, and under `place` the log's last place and when
-- ARGV  1 gateway, 2 epoch, 3 sequence, 4 events, 5 most batches in the log
-- Gives {added|known, now}
local now, epoch, sequence = now_ms(), tonumber(ARGV[2]), tonumber(ARGV[3])
local mark = redis.call('HGET', KEYS[2], 'g:' .. ARGV[1])
if mark then
  local e, s = string.match(mark, '^(%d+) (%d+)')
  e, s = tonumber(e), tonumber(s)
  if epoch < e or epoch == e and sequence <= s then return { 'known', now } end
end
local place, at = string.match(redis.call('HGET', KEYS[2], 'place') or '0 0', '^(%d+) (%d+)')
place, at = string.format('%.0f', tonumber(place) + 1), string.format('%.0f', math.max(now, tonumber(at)))
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[5], place .. '-0', 'at', at, 'replica', ARGV[1],
  'epoch', ARGV[2], 'sequence', ARGV[3], 'events', ARGV[4])
redis.call('HSET', KEYS[2], 'place', place .. ' ' .. at, 'g:' .. ARGV[1],
  ARGV[2] .. ' ' .. ARGV[3] .. ' ' .. at)
return { 'added', now }
