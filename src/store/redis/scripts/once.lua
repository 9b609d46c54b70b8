#!lua flags=allow-oom
-- Gives something to one of all who ask.
-- KEYS  1 what it is
-- ARGV  1 who asks, 2 id of this operation, 3 how long nobody else gets it
-- Gives {yes|no, now}
local now, mine = now_ms(), ARGV[1] .. ARGV[2]
local given = redis.call('GET', KEYS[1])
-- Ours already: the first answer to this call was lost.
if given then return { given == mine and 'yes' or 'no', now } end
redis.call('SET', KEYS[1], mine, 'PX', ARGV[3])
return { 'yes', now }
