#!lua flags=allow-oom
-- The attempt of a name; if there is none, parks a report under it.
-- KEYS  1 the name, 2 what is parked: p reports, m who took them
-- ARGV  none, or 1 the report, 2 how long it is parked, 3 most that are parked
-- Gives {found, now, attempt} or {unknown, now}
local now = now_ms()
local attempt = redis.call('GET', KEYS[1])
if attempt then return { 'found', now, attempt } end
if not ARGV[1] then return { 'unknown', now } end
local parked = load(KEYS[2])
-- What was taken belongs to the name's last owner.
if not parked or parked.m then parked = { v = PLAIN, p = {} } end
for _, other in ipairs(parked.p) do
  if other == ARGV[1] then return { 'unknown', now } end
end
if #parked.p < tonumber(ARGV[3]) then
  table.insert(parked.p, ARGV[1])
  redis.call('SET', KEYS[2], cmsgpack.pack(parked), 'PX', ARGV[2])
end
return { 'unknown', now }
