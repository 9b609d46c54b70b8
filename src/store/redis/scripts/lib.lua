-- In front of every script: what they share. Records and numbers are tables with short
-- names, listed in wire/mod.rs. Times are milliseconds of this server's clock, the only
-- clock that counts. No script touches a key that is not in KEYS.

-- The newest layout that is read. What is written has the oldest one that can hold it: a
-- record with senders the second, everything else the first.
local VERSION, PLAIN, WITH_SENDERS = 2, 1, 2
local DAY = 86400000

local function now_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- What stands under a key; nil if nothing does. What a newer version wrote ends the
-- script before it has changed anything.
local function load(key)
  local raw = redis.call('GET', key)
  if not raw then return nil end
  local value = cmsgpack.unpack(raw)
  if (value.v or value[1]) > VERSION then error({ err = 'NEWER written by a newer version' }) end
  return value
end

-- A record rests as lists of values in these orders, nil where there is none and shorter
-- where there is none at the end; names would be a fifth of its memory. Its times rest beside its creation.
local RECORD = { 'v', 'n', 's', 'a', 'e', 'k', 'c', 'o', 'w', 'm', 't', 'b', 'g', 'd' }
local DELIVERY = { 'c', 'a', 's', 'w', 'b', 'h', 'q', 'r', 't', 'u', 'z', 'x' }
local ATTEMPT = { 'c', 's', 'w', 'r', 'b', 'h', 'f', 'y' }
local TIMES = { e = true, b = true, h = true, q = true, u = true }
local INNER = { d = DELIVERY, x = ATTEMPT }

local function pack_list(value, names, since)
  local list = {}
  for i, name in ipairs(names) do
    local own = value[name]
    if own == nil then
      if i < #names then list[i] = cjson.null end
    elseif INNER[name] then
      list[i] = {}
      for j, one in ipairs(own) do list[i][j] = pack_list(one, INNER[name], since) end
    elseif TIMES[name] and type(own) == 'number' then
      list[i] = own - since
    else
      list[i] = own
    end
  end
  return list
end

local function unpack_list(list, names, since)
  local value = {}
  for i, name in ipairs(names) do
    local own = list[i]
    if INNER[name] and own then
      value[name] = {}
      for j, one in ipairs(own) do value[name][j] = unpack_list(one, INNER[name], since) end
    elseif TIMES[name] and type(own) == 'number' then
      value[name] = own + since
    else
      value[name] = own
    end
  end
  return value
end

local function pack_record(record)
  return cmsgpack.pack(pack_list(record, RECORD, record.a))
end

local function unpack_record(raw)
  local list = cmsgpack.unpack(raw)
  return unpack_list(list, RECORD, list[4])
end

local function load_record(key)
  local list = load(key)
  return list and unpack_list(list, RECORD, list[4])
end

-- States as states.rs numbers them; a delivery has ended from DELIVERED on.
local QUEUED, SUBMITTED, RINGING, ANSWERED, DELIVERED, FAILED, CANCELED = 0, 1, 2, 3, 4, 5, 6
-- An attempt's, after the intent, which is 0.
local UNKNOWN, TAKEN, ARRIVED, FELL = 1, 2, 3, 4
local PENDING, APPROVED, CANCELED_RECORD, EXPIRED, MAX_ATTEMPTS = 0, 1, 2, 3, 4
local SMS, VOICE = 0, 1

local function status_at(record, now)
  if record.s == PENDING and now >= record.e then return EXPIRED end
  return record.s
end

-- Moves a delivery forward; an end ends lease and schedule.
local function advance(delivery, state, cause, now)
  if delivery.s >= DELIVERED or state <= delivery.s then return false end
  delivery.s, delivery.w, delivery.h = state, cause, now
  if state >= DELIVERED then
    delivery.t, delivery.u, delivery.q = nil, nil, nil
  end
  return true
end

-- Whether a carrier took an attempt (other than `but`), and has said nothing else than that
-- it arrived.
local function is_with_carrier(delivery, but)
  for m, attempt in ipairs(delivery.x) do
    if m ~= but and (attempt.s == TAKEN or attempt.s == ARRIVED) then return delivery.s > QUEUED end
  end
  return false
end

-- Whether all attempts but one (or but none) have failed.
local function is_lost(delivery, but)
  for m, attempt in ipairs(delivery.x) do
    if m ~= but and attempt.s ~= FELL then return false end
  end
  return true
end

-- Nobody looks again after what a carrier has: it is not needed any more.
local function uncover(delivery)
  if not delivery.u and is_with_carrier(delivery) then delivery.q = nil end
end

local function erase(record)
  record.k, record.c, record.o = nil, nil, nil
end

-- Ends a record: secrets go, and what is not yet with a carrier is not sent. An SMS
-- that a carrier has cannot be called back; its receipt may come.
local function finish(record, status, now)
  record.s = status
  erase(record)
  for _, delivery in ipairs(record.d) do
    if delivery.c == VOICE or not is_with_carrier(delivery) then
      advance(delivery, CANCELED, nil, now)
    end
    uncover(delivery)
  end
end

-- Drops a lease. The head of its token stays: a retry is known by it.
local function unlease(delivery, due)
  delivery.t, delivery.u, delivery.q = delivery.t and string.sub(delivery.t, 1, 4), nil, due
end

local function held(record, n, token)
  local delivery = record and record.d[n]
  if delivery and delivery.u and delivery.t == token then return delivery end
  return nil
end

-- The first instant at which somebody must look at the record; nil: nobody.
local function wake(record)
  local at = nil
  if record.s == PENDING then at = record.e end
  for _, delivery in ipairs(record.d) do
    local due = delivery.u or delivery.q
    if delivery.s < DELIVERED and due and (not at or due < at) then at = due end
  end
  return at
end

-- Saves a record whose place in the schedule stays, and returns its bytes.
local function save_only(key, record)
  local raw = pack_record(record)
  redis.call('SET', key, raw, 'PXAT', record.e + DAY)
  return raw
end

-- Saves a record with its place in the partition's schedule, and returns its bytes.
local function save(key, jobs, id, record)
  local raw = save_only(key, record)
  local at = wake(record)
  if at then
    redis.call('ZADD', jobs, at, id)
  else
    redis.call('ZREM', jobs, id)
  end
  return raw
end

-- The answer that is kept under an idempotency key, marked as kept; nil if none.
local function recall(key, fingerprint)
  local kept = key and load(key)
  if not kept then return nil end
  if kept.f ~= fingerprint then return { 'other_body' } end
  kept.a[1] = 'kept:' .. kept.a[1]
  return kept.a
end

-- Keeps an answer {word, now, id, record, number, …} without the record's secrets: it
-- may outlive the code.
local function keep(key, fingerprint, keep_ms, answer)
  if not key then return end
  local kept = {}
  for i, value in ipairs(answer) do kept[i] = value end
  if kept[4] ~= '' then
    local record = unpack_record(kept[4])
    erase(record)
    kept[4] = pack_record(record)
  end
  redis.call('SET', key, cmsgpack.pack({ v = PLAIN, f = fingerprint, a = kept }), 'PX', keep_ms)
end

-- The times of a number rest beside its first one, `b`.
local function shift(number, by)
  for i, at in ipairs(number.a) do number.a[i] = at + by end
  for _, own in pairs(number.t) do
    for _, sent in ipairs(own.s) do sent[1] = sent[1] + by end
    for i, at in ipairs(own.f or {}) do own.f[i] = at + by end
    for _, open in ipairs(own.o or {}) do open[2] = open[2] + by end
    own.p = own.p and own.p + by
  end
end

local function pack_number(number)
  for _, own in pairs(number.t) do
    -- What is empty costs nothing.
    if own.p == 0 then own.p = nil end
    if own.f and #own.f == 0 then own.f = nil end
    if own.o and #own.o == 0 then own.o = nil end
  end
  shift(number, -number.b)
  local raw = cmsgpack.pack(number)
  shift(number, number.b)
  return raw
end

-- A number's row, and the tenant's part of it.
local function load_number(key, tenant, now)
  local number = load(key)
  if number then
    shift(number, number.b)
  else
    number = { v = PLAIN, b = now, a = {}, t = {} }
  end
  local own = number.t[tenant] or {}
  own.s, own.f, own.p, own.o = own.s or {}, own.f or {}, own.p or 0, own.o or {}
  number.t[tenant] = own
  return number, own
end

-- Saves it until nothing in it counts any more, and returns its bytes.
local function save_number(key, number, now)
  local ends = now
  for _, own in pairs(number.t) do
    if own.p and own.p > ends then ends = own.p end
  end
  local raw = pack_number(number)
  redis.call('SET', key, raw, 'PXAT', ends + math.max(DAY, number.l or 0))
  return raw
end

-- Takes a record off its number's open list, which names verifications without `ver_`.
local function close(own, id)
  for i = #own.o, 1, -1 do
    if 'ver_' .. own.o[i][1] == id then table.remove(own.o, i) end
  end
end

-- When a sliding window that is full has room again. `times` is oldest first.
local function full_until(times, count, per_ms)
  local oldest = times[#times - count + 1]
  return oldest and oldest + per_ms or 0
end

-- The limit that refuses longest, and until when; nil: none does.
local function refusal(number, own, limits, channel, starting, now)
  local limit, ends = nil, now
  local function hold(name, at)
    if at > ends or (limit and at == ends) then limit, ends = name, at end
  end
  local times, last = {}, nil
  for i, sent in ipairs(own.s) do
    times[i] = sent[1]
    if sent[2] == channel then last = sent[1] end
  end
  if last then
    if channel == SMS then
      hold('sms_interval', last + limits.si)
    else
      hold('voice_interval', last + limits.vi)
    end
  end
  hold('number_deliveries', full_until(times, limits.dc, limits.dp))
  hold('number_all_tenants', full_until(number.a, limits.ac, limits.ap))
  if starting then
    hold('number_paused', own.p)
    local recent, failed, latest = 0, 0, 0
    for _, at in ipairs(times) do
      if at + DAY > now then recent = recent + 1 end
      latest = math.max(latest, at)
    end
    for _, at in ipairs(own.f) do
      if at + DAY > now then failed = failed + 1 end
      latest = math.max(latest, at)
    end
    local level = math.max(recent - limits.dd, failed - limits.df)
    if level >= 0 and #limits.dw > 0 then
      hold('number_day', latest + limits.dw[math.min(level + 1, #limits.dw)])
    end
  end
  return limit, ends
end

-- Counts a delivery and forgets what no limit looks at any more.
local function count(number, own, limits, channel, now)
  table.insert(own.s, { now, channel })
  table.insert(number.a, now)
  local function drop(list, per_ms, at)
    while list[1] and at(list[1]) + per_ms <= now do table.remove(list, 1) end
  end
  local function itself(value) return value end
  drop(own.s, math.max(DAY, limits.dp), function(sent) return sent[1] end)
  drop(own.f, DAY, itself)
  drop(number.a, math.max(DAY, limits.ap), itself)
  -- Longer spans than a day keep the row longer.
  local longest = math.max(limits.dp, limits.ap)
  if longest > DAY then number.l = math.max(number.l or 0, longest) end
end

-- Adds a delivery whose lease the accepting gateway holds.
local function deliver(record, channel, asked_by, token, lease_ms, now)
  -- What the person asked for stands in for what was to cover an older one.
  for _, older in ipairs(record.d) do uncover(older) end
  table.insert(record.d, {
    c = channel, a = asked_by, s = QUEUED, b = now, h = now, q = now,
    t = token, u = now + lease_ms, x = {},
  })
end

-- Whether a delivery of the record was made under this token: then the call is a
-- retry whose first answer was lost.
local function has_token(record, token)
  for _, delivery in ipairs(record.d) do
    if delivery.t == token or delivery.t == string.sub(token, 1, 4) then return true end
  end
  return false
end
