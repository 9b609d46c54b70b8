#!lua flags=allow-oom
-- Lifts opt-outs.
-- KEYS  1 the number's opt-outs
-- ARGV  1 all or these; then the head that all names to be lifted have, or the names
-- Gives {done, now, how many}
local now, lifted = now_ms(), 0
if ARGV[1] == 'these' then
  for i = 2, #ARGV do lifted = lifted + redis.call('HDEL', KEYS[1], ARGV[i]) end
else
  for _, name in ipairs(redis.call('HKEYS', KEYS[1])) do
    if string.sub(name, 1, #ARGV[2]) == ARGV[2] then lifted = lifted + redis.call('HDEL', KEYS[1], name) end
  end
end
return { 'done', now, lifted }
