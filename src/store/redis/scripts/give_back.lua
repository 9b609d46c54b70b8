#!lua flags=allow-oom
-- Gives one back to the slices that counted it, once, if they are still kept.
-- KEYS  1 mark of this operation, 2… the windows
-- ARGV  the slices
-- Gives {done}
if not redis.call('SET', KEYS[1], '', 'NX', 'PX', 10000) then return { 'done' } end
for i, slice in ipairs(ARGV) do
  local key = KEYS[i + 1]
  local count = tonumber(redis.call('HGET', key, slice) or '0')
  if count > 1 then
    redis.call('HINCRBY', key, slice, -1)
  elseif count == 1 then
    redis.call('HDEL', key, slice)
  end
end
return { 'done' }
