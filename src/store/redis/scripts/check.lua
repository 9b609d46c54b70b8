#!lua flags=allow-oom
-- Compares a code, counts a wrong one, approves a right one once.
-- KEYS  1 number, 2 record, 3 the partition's schedule, 4 memo if there is one
-- ARGV  1 MessagePack: i id, n tenant, c the code's hash, p id of this operation, f
--       fingerprint of the memo, x how long its answer is kept
-- Gives {approved|wrong|superseded|ended|not_found|other_body, now, id, record, number,
--       status}
local a = cmsgpack.unpack(ARGV[1])
local now = now_ms()
local record = load_record(KEYS[2])
if record and record.n ~= a.n or string.sub(a.i, 1, 4) ~= 'ver_' then record = nil end
local number, own = load_number(KEYS[1], a.n, now)

local function has(list, value)
  for _, each in ipairs(list or {}) do
    if each == value then return true end
  end
  return false
end
local function answer(code, raw)
  return { code, now, a.i, raw or pack_record(record), pack_number(number) }
end

-- A retry whose first answer was lost.
if record and has(record.g, a.p) then
  if record.s == PENDING then return answer('wrong') end
  if record.s == APPROVED then return answer('approved') end
  return { 'ended', now, a.i, '', '', record.s }
end
local kept = recall(KEYS[4], a.f)
if kept then return kept end
if not record then return { 'not_found' } end

local given
local status = status_at(record, now)
if status ~= PENDING then
  given = { 'ended', now, a.i, '', '', status }
elseif record.c == a.c then
  finish(record, APPROVED, now)
  close(own, a.i)
  record.g = { a.p }
  local raw = save(KEYS[2], KEYS[3], a.i, record)
  save_number(KEYS[1], number, now)
  given = answer('approved', raw)
elseif has(record.o, a.c) then
  given = answer('superseded')
else
  record.w = (record.w or 0) + 1
  record.g = record.g or {}
  table.insert(record.g, a.p)
  -- A long list would cost more than a retry this late is worth.
  if #record.g > 16 then table.remove(record.g, 1) end
  if record.w >= record.m then
    finish(record, MAX_ATTEMPTS, now)
    table.insert(own.f, now)
    close(own, a.i)
    save(KEYS[2], KEYS[3], a.i, record)
    save_number(KEYS[1], number, now)
    given = { 'ended', now, a.i, '', '', MAX_ATTEMPTS }
  else
    given = answer('wrong', save(KEYS[2], KEYS[3], a.i, record))
  end
end
keep(KEYS[4], a.f, a.x, given)
return given
