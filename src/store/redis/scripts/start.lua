#!lua
-- Starts: the number's limits, the record and its first delivery are one step.
-- KEYS  1 number, 2 the new record, 3 the partition's schedule, 4… the open records that
--       the caller knows of, and last the memo if there is one
-- ARGV  1 MessagePack: i id, r the new record (packed), n tenant, l life of the record,
--       c channel, k asked by, L limits, T token, M lease, S subject ('' if none),
--       V whether it is a verification, O ids of KEYS 4…, f fingerprint of the memo or
--       nil, x how long its answer is kept
-- Gives {more, id…} when it has to touch open records that are not declared, else
--       {created|joined|waiting|refused|other_body, now, id, record, number, limit, until}
local a = cmsgpack.unpack(ARGV[1])
local memo = a.f and KEYS[#KEYS]
local now = now_ms()
local number, own = load_number(KEYS[1], a.n, now)

local made = load_record(KEYS[2])
if made and has_token(made, a.T) then
  return { 'created', now, a.i, pack_record(made), pack_number(number) }
end

for i = #own.o, 1, -1 do
  if own.o[i][2] <= now then table.remove(own.o, i) end
end
local declared, needed = {}, { 'more' }
for i, id in ipairs(a.O) do declared[id] = KEYS[3 + i] end
local function need(open)
  if not declared['ver_' .. open[1]] then table.insert(needed, 'ver_' .. open[1]) end
end
local join_id = nil
if a.S ~= '' then
  for _, open in ipairs(own.o) do
    if open[3] == a.S then
      join_id = 'ver_' .. open[1]
      need(open)
      break
    end
  end
end
local excess = a.V and #own.o - math.max(a.L.ov, 1) + 1 or 0
for i = 1, excess do need(own.o[i]) end
if #needed > 1 then return needed end

local others = {}
for id, key in pairs(declared) do others[id] = load_record(key) end
local joined = join_id and others[join_id]
if joined and status_at(joined, now) ~= PENDING then joined = nil end
if joined and has_token(joined, a.T) then
  return { 'joined', now, join_id, pack_record(joined), pack_number(number) }
end

local kept = recall(memo, a.f)
if kept then return kept end

local limit, ends = refusal(number, own, a.L, a.c, not joined, now)
if limit and joined then
  return { 'waiting', now, join_id, pack_record(joined), pack_number(number), limit, ends }
elseif limit then
  return { 'refused', now, '', '', '', limit, ends }
end

local record, key, id, code = joined, declared[join_id], join_id, 'joined'
if not joined then
  record, key, id, code = unpack_record(a.r), KEYS[2], a.i, 'created'
  record.a, record.e = now, now + a.l
  if a.V then
    for _ = 1, excess do
      local oldest = 'ver_' .. table.remove(own.o, 1)[1]
      local other = others[oldest]
      if other then
        finish(other, CANCELED_RECORD, now)
        save(declared[oldest], KEYS[3], oldest, other)
      end
    end
    table.insert(own.o, { string.sub(id, 5), record.e, a.S })
  end
end
deliver(record, a.c, a.k, a.T, a.M, now)
count(number, own, a.L, a.c, now)
local answer = { code, now, id, save(key, KEYS[3], id, record), save_number(KEYS[1], number, now) }
keep(memo, a.f, a.x, answer)
return answer
