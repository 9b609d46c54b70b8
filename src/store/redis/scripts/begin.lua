#!lua flags=allow-oom
-- Writes down the intent to submit, before the submit.
-- KEYS  1 record, 2 the partition's schedule
-- ARGV  1 id, 2 number of the delivery, 3 token, 4 carrier, 5 reason, 6 id of this operation
-- Gives {attempt, now, m} or {lost} or {ended}
local now = now_ms()
local record, n = load(KEYS[1]), tonumber(ARGV[2])
local delivery = record and record.d[n]
if not delivery or delivery.s >= DELIVERED or status_at(record, now) ~= PENDING then return { 'ended' } end
if not held(record, n, ARGV[3]) then return { 'lost' } end
local last = delivery.x[#delivery.x]
if last and last.o == ARGV[6] then return { 'attempt', now, #delivery.x } end
for _, attempt in ipairs(delivery.x) do
  -- An intent that its owner never settled: that owner died, nobody knows.
  if attempt.s == 0 then attempt.s, attempt.h, attempt.o = 1, now, nil end
end
table.insert(delivery.x, { c = ARGV[4], s = 0, r = ARGV[5], b = now, h = now, o = ARGV[6] })
save(KEYS[1], KEYS[2], ARGV[1], record)
return { 'attempt', now, #delivery.x }
