#!lua flags=allow-oom
-- Keeps a lease, or hands it back.
-- KEYS  1 record, 2 the partition's schedule
-- ARGV  1 id, 2 renew or release, 3 number of the delivery, 4 token, 5 lease
-- Gives {held|lost|ended, now}
local now = now_ms()
local record, n = load_record(KEYS[1]), tonumber(ARGV[3])
local delivery = record and record.d[n]
if not delivery or delivery.s >= DELIVERED then return { 'ended', now } end
if not held(record, n, ARGV[4]) then return { 'lost', now } end
if ARGV[2] == 'renew' then
  delivery.u = now + tonumber(ARGV[5])
else
  unlease(delivery, now)
end
save(KEYS[1], KEYS[2], ARGV[1], record)
return { 'held', now }
