#!lua flags=allow-oom
-- Names an attempt, and takes what was parked under the name.
-- KEYS  1 the name, 2 what is parked: p reports, m who took them
-- ARGV  1 the attempt, 2 how long it is kept, 3 id of this operation
-- Gives {indexed, now, report…}
local answer = { 'indexed', now_ms() }
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
local parked = load(KEYS[2])
if not parked or parked.m and parked.m ~= ARGV[3] then return answer end
if not parked.m then
  -- They go a little later, for a retry whose first answer was lost.
  parked.m = ARGV[3]
  redis.call('SET', KEYS[2], cmsgpack.pack(parked), 'PX', 10000)
end
for _, report in ipairs(parked.p) do table.insert(answer, report) end
return answer
