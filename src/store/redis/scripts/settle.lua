#!lua flags=allow-oom
-- Writes down what became of a submit, and what comes next.
-- KEYS  1 record, 2 the partition's schedule
-- ARGV  1 MessagePack: i id, n delivery, m attempt, T token, p id of this operation,
--       k submitted|failed|unknown, f the carrier's reference, l whether the lease is kept,
--       w cause, x another|later|never, z wait for later, or until it is looked at again
-- Gives {done, now, record} or {lost}
local a = cmsgpack.unpack(ARGV[1])
local now = now_ms()
local record = load_record(KEYS[1])
local known = record and record.d[a.n]
if known and known.z == a.p then return { 'done', now, pack_record(record) } end
local delivery = held(record, a.n, a.T)
if not delivery then return { 'lost' } end
local state = ({ submitted = TAKEN, failed = FELL, unknown = UNKNOWN })[a.k]
local attempt, overtaken = delivery.x[a.m], false
if attempt then
  -- One that a receipt told first stands where the answer names none.
  if a.k == 'submitted' and a.f then attempt.f = a.f end
  if attempt.s <= TAKEN and state > attempt.s then
    attempt.s, attempt.w, attempt.h = state, a.w, now
  else
    -- A receipt overtook the answer to its own submit: that stands, and the lease stays,
    -- for its holder to choose what follows.
    overtaken = attempt.s == FELL
  end
end
delivery.z = a.p
-- Nobody else covers it, and meanwhile what was sent may have arrived, or failed.
local left, arrived = a.k == 'submitted' and a.m == 0 and not a.z and #delivery.x > 0, false
if left then
  for _, other in ipairs(delivery.x) do arrived = arrived or other.s == ARRIVED end
end
if arrived then
  advance(delivery, DELIVERED, nil, now)
elseif left and is_lost(delivery) then
  advance(delivery, FAILED, delivery.x[#delivery.x].w, now)
elseif a.k == 'submitted' then
  advance(delivery, SUBMITTED, nil, now)
  -- What the person asked for since stands in for a cover.
  local again = a.n == #record.d and a.z and now + a.z < record.e and now + a.z or nil
  if not a.l and not overtaken then unlease(delivery, again) end
elseif a.x == 'later' and now + a.z < record.e then
  unlease(delivery, now + a.z)
  delivery.r = (delivery.r or 0) + 1
elseif a.x ~= 'another' then
  advance(delivery, FAILED, a.w, now)
end
return { 'done', now, save(KEYS[1], KEYS[2], a.i, record) }
