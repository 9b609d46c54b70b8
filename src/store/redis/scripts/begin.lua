#!lua flags=allow-oom
-- Writes down the intent to submit, before the submit.
-- KEYS  1 record
-- ARGV  1 number of the delivery, 2 token, 3 carrier, 4 reason, 5 id of this operation, 6 sender
--       or ''
-- Gives {attempt, now, m} or {lost} or {ended}
local now = now_ms()
local record, n = load_record(KEYS[1]), tonumber(ARGV[1])
local delivery = record and record.d[n]
if not delivery or delivery.s >= DELIVERED or status_at(record, now) ~= PENDING then return { 'ended' } end
-- What the person asked for since stands in for a cover.
if delivery.c == SMS and n < #record.d and is_with_carrier(delivery) then return { 'ended' } end
if not held(record, n, ARGV[2]) then return { 'lost' } end
if delivery.z == ARGV[5] then return { 'attempt', now, #delivery.x } end
for _, attempt in ipairs(delivery.x) do
  -- An intent that its owner never settled: that owner died, nobody knows.
  if attempt.s == 0 then attempt.s, attempt.h = UNKNOWN, now end
end
local attempt = { c = ARGV[3], s = 0, r = ARGV[4], b = now, h = now }
if ARGV[6] ~= '' then
  attempt.y = ARGV[6]
  record.v = math.max(record.v, WITH_SENDERS)
end
table.insert(delivery.x, attempt)
delivery.z = ARGV[5]
save_only(KEYS[1], record)
return { 'attempt', now, #delivery.x }
