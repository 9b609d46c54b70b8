#!lua flags=allow-oom
-- Ends an open record.
-- KEYS  1 number, 2 record, 3 the partition's schedule
-- ARGV  1 id, 2 tenant
-- Gives {done|ended|not_found, now, id, record, number, status}
local now = now_ms()
local record = load_record(KEYS[2])
if not record or record.n ~= ARGV[2] then return { 'not_found' } end
local status = status_at(record, now)
if status ~= PENDING and status ~= CANCELED_RECORD then return { 'ended', now, ARGV[1], '', '', status } end
local number, own = load_number(KEYS[1], ARGV[2], now)
if status == PENDING then
  finish(record, CANCELED_RECORD, now)
  close(own, ARGV[1])
  save(KEYS[2], KEYS[3], ARGV[1], record)
  save_number(KEYS[1], number, now)
end
return { 'done', now, ARGV[1], pack_record(record), pack_number(number) }
