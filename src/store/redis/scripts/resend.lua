#!lua
-- One more delivery of an open record.
-- KEYS  1 number, 2 record, 3 the partition's schedule, 4 memo if there is one
-- ARGV  1 MessagePack: i id, n tenant, c channel, k asked by, L limits, T token, M lease,
--       N {sealed, hash} of a new code or nil, f fingerprint of the memo, x how long its
--       answer is kept
-- Gives {queued|refused|ended|not_found|other_body, now, id, record, number, limit or
--       status, until}
local a = cmsgpack.unpack(ARGV[1])
local now = now_ms()
local record = load_record(KEYS[2])
local number, own = load_number(KEYS[1], a.n, now)
if record and has_token(record, a.T) then
  return { 'queued', now, a.i, pack_record(record), pack_number(number) }
end
local kept = recall(KEYS[4], a.f)
if kept then return kept end
if not record or record.n ~= a.n then return { 'not_found' } end
local status = status_at(record, now)
if status ~= PENDING then return { 'ended', now, a.i, '', '', status } end
local limit, ends = refusal(number, own, a.L, a.c, false, now)
if limit then
  return { 'refused', now, a.i, pack_record(record), pack_number(number), limit, ends }
end
if a.N then
  record.o = record.o or {}
  if record.c then table.insert(record.o, record.c) end
  record.k, record.c = a.N[1], a.N[2]
end
deliver(record, a.c, a.k, a.T, a.M, now)
count(number, own, a.L, a.c, now)
local answer = { 'queued', now, a.i, save(KEYS[2], KEYS[3], a.i, record), save_number(KEYS[1], number, now) }
keep(KEYS[4], a.f, a.x, answer)
return answer
