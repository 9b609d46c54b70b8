#!lua
-- Takes one from each of some sliding windows, or none at all. A window is a hash
-- {slice: count}; its span is twelve slices.
-- KEYS  the windows
-- ARGV  for each: most, span, length of a slice
-- Gives {taken, now, slice…} or {refused, now, index, until} of the one that refuses longest
local now = now_ms()
local slices, index, ends = {}, nil, 0
for i, key in ipairs(KEYS) do
  local most, slice_ms = tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i])
  local current = math.floor(now / slice_ms)
  local counts, kept, used = redis.call('HGETALL', key), {}, 0
  for j = 1, #counts, 2 do
    local slice, count = tonumber(counts[j]), tonumber(counts[j + 1])
    if slice + 12 >= current then
      table.insert(kept, { slice, count })
      used = used + count
    end
  end
  slices[i] = current
  table.sort(kept, function(x, y) return x[1] < y[1] end)
  for _, entry in ipairs(kept) do
    if used < most then break end
    used = used - entry[2]
    local free = (entry[1] + 13) * slice_ms
    if used < most and free > ends then index, ends = i, free end
  end
end
if index then return { 'refused', now, index, ends } end
local answer = { 'taken', now }
for i, key in ipairs(KEYS) do
  if redis.call('HINCRBY', key, slices[i], 1) == 1 then
    -- The first of a slice: those that no span reaches any more go, and the window lives
    -- for as long as any of this slice may count.
    for _, slice in ipairs(redis.call('HKEYS', key)) do
      if tonumber(slice) + 12 < slices[i] then redis.call('HDEL', key, slice) end
    end
    redis.call('PEXPIRE', key, ARGV[3 * i - 1] + 2 * ARGV[3 * i])
  end
  answer[i + 2] = slices[i]
end
return answer
