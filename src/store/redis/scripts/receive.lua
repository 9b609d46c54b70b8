#!lua flags=allow-oom
-- A carrier's report about an attempt.
-- KEYS  1 record, 2 the partition's schedule, 3 number if the report may pause it
-- ARGV  1 MessagePack: i id, n delivery, m attempt, o id of this operation, p ringing|
--       answered|delivered|failed, w cause, t network or nil, z how long the number is
--       paused after "I did not ask for this"
-- Gives {moved, now, record} or {same} or {unknown}
local a = cmsgpack.unpack(ARGV[1])
local now = now_ms()
local record = load_record(KEYS[1])
local delivery = record and record.d[a.n]
local attempt = delivery and delivery.x[a.m]
if not attempt then return { 'unknown' } end
if delivery.z == a.o then return { 'moved', now, pack_record(record) } end
local attempt_state = ({ ringing = 2, answered = 2, delivered = 3, failed = 4 })[a.p]
local state = ({ ringing = RINGING, answered = ANSWERED, delivered = DELIVERED, failed = FAILED })[a.p]
local moved = false
if attempt.s < 3 and attempt_state > attempt.s then
  attempt.s, attempt.w, attempt.h = attempt_state, a.w, now
  moved = true
end
-- What an earlier attempt failed at says nothing about the one that runs now, but a
-- message that arrived has arrived, whoever brought it.
if a.m == #delivery.x or state == DELIVERED then
  -- While a worker holds a queued SMS, a failure is the worker's to judge.
  local in_hands = delivery.c == SMS and delivery.s == QUEUED and delivery.u and state == FAILED
  if not in_hands and advance(delivery, state, a.w, now) then moved = true end
end
if a.t and record.t ~= a.t then
  record.t = a.t
  moved = true
end
if not moved then return { 'same' } end
if KEYS[3] then
  local number, own = load_number(KEYS[3], record.n, now)
  own.p = math.max(own.p, now + a.z)
  save_number(KEYS[3], number, now)
end
delivery.z = a.o
return { 'moved', now, save(KEYS[1], KEYS[2], a.i, record) }
