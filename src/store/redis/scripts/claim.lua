#!lua flags=allow-oom
-- Takes the leases of due deliveries of one partition, and ends what has expired.
-- KEYS  1 the partition's schedule, 2… the records that may be due
-- ARGV  1 token, 2 lease, 3 most leases to take, 4… the records' ids
-- Gives {claimed, now, next, {id, record, n…}…}: when something is due next ('' if never);
--       the numbers of the deliveries whose leases were taken, for each record that has
--       some; {id, '', why} for a record that this version cannot read
local now = now_ms()
local token, lease, left = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local answer, left_alone, skipped = { 'claimed', now, '' }, {}, 0

-- Takes what is due of a record.
local function take(record)
  local taken = {}
  if record.s == PENDING and record.e <= now then
    -- The number's list of open records drops what has expired by itself.
    record.s = EXPIRED
    erase(record)
    for _, delivery in ipairs(record.d) do
      -- Also one that a carrier gave back, if nobody was found to take it since.
      if not is_with_carrier(delivery) then advance(delivery, FAILED, 'expired_unsent', now) end
      uncover(delivery)
    end
  end
  for n, delivery in ipairs(record.d) do
    local at = delivery.u or delivery.q
    local is_due = delivery.s < DELIVERED and at and at <= now and left > 0
    -- A lease that is ours already: the first answer to this call was lost.
    if is_due or (delivery.u and delivery.t == token) then
      delivery.t, delivery.u = token, now + lease
      table.insert(taken, n)
      left = left - 1
    end
  end
  return taken
end

for i = 2, #KEYS do
  local id = ARGV[i + 2]
  local one = { id }
  local readable, why = pcall(function()
    local record = load_record(KEYS[i])
    if not record then return redis.call('ZREM', KEYS[1], id) end
    local taken = take(record)
    one[2] = save(KEYS[i], KEYS[1], id, record)
    for _, n in ipairs(taken) do
      if record.d[n].s < DELIVERED then table.insert(one, n) end
    end
  end)
  if not readable then
    -- Left for the version that wrote it, whose gateways look again soon, or for a
    -- person; it holds up nobody meanwhile.
    why = type(why) == 'table' and why.err or tostring(why)
    redis.call('ZADD', KEYS[1], now + (string.find(why, '^NEWER') and 5000 or DAY), id)
    table.insert(answer, { id, '', why })
    left_alone[id], skipped = true, skipped + 1
  elseif #one > 2 then
    table.insert(answer, one)
  end
end
-- Not what was left alone: to look at it at that instant again would keep it from those
-- who can read it.
local first = redis.call('ZRANGE', KEYS[1], 0, skipped, 'WITHSCORES')
for i = #first - 1, 1, -2 do
  if not left_alone[first[i]] then answer[3] = first[i + 1] end
end
return answer
