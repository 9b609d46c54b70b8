#!lua flags=allow-oom
-- A carrier's report about an attempt.
-- KEYS  1 record, 2 the partition's schedule, 3 number if the report may pause it
-- ARGV  1 MessagePack: i id, n delivery, m attempt, o id of this operation, p ringing|
--       answered|delivered|failed, w cause, t network or nil, z how long the number is
--       paused after "I did not ask for this", f the carrier's reference or nil, x whether
--       another carrier may take a failed delivery, y whether success is doubted
-- Gives {moved, now, record} or {same} or {unknown}
local a = cmsgpack.unpack(ARGV[1])
local now = now_ms()
local record = load_record(KEYS[1])
local delivery = record and record.d[a.n]
local attempt = delivery and delivery.x[a.m]
if not attempt then return { 'unknown' } end
if delivery.z == a.o then return { 'moved', now, pack_record(record) } end
-- A carrier has the text, and another one is to send it too.
local covered = delivery.c == SMS and delivery.s < DELIVERED and delivery.q and not delivery.u
  and is_with_carrier(delivery)
local another_has_it = is_with_carrier(delivery, a.m)
-- The first of a covered text may fail after those that covered it.
local is_last = a.m == #delivery.x
local decides = is_last or delivery.s == SUBMITTED and not delivery.u and is_lost(delivery, a.m)
local attempt_state = ({ ringing = TAKEN, answered = TAKEN, delivered = ARRIVED, failed = FELL })[a.p]
local state = ({ ringing = RINGING, answered = ANSWERED, delivered = DELIVERED, failed = FAILED })[a.p]
local moved, was = false, attempt.s
if attempt.s < ARRIVED and attempt_state > attempt.s then
  attempt.s, attempt.w, attempt.h = attempt_state, a.w, now
  moved = true
end
if a.f and not attempt.f then
  attempt.f = a.f
  moved = true
end
if a.y and covered and state == DELIVERED then
  -- Its attempt has it; the delivery waits for what is more certain.
elseif state == DELIVERED or is_last and state ~= FAILED then
  -- A message that arrived has arrived, whichever attempt brought it.
  if advance(delivery, state, a.w, now) then moved = true end
elseif decides and was < ARRIVED and state == FAILED then
  -- What an earlier attempt failed at says nothing about the one that runs now, and one
  -- whose end is known has nothing to add: whoever noted it chose what follows. While a
  -- worker is submitting, a failure is the worker's to judge. A call that a carrier has is
  -- held by one that only looks after it, who notices that the lease is gone.
  local in_hands = delivery.u and was ~= TAKEN
  if a.x and status_at(record, now) == PENDING and not in_hands and delivery.s < ANSWERED then
    unlease(delivery, now)
    delivery.r = (delivery.r or 0) + 1
  elseif not in_hands and not another_has_it then
    advance(delivery, FAILED, a.w, now)
  end
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
