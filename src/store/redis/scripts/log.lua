#!lua
-- Writes entries into a number's log; each replaces the one of its attempt and kind.
-- KEYS  1 the log
-- ARGV  1 how long they are kept, 2 most attempts in the log, then for each entry: s (a
--       submission) or r (a report), the attempt's id, the entry
-- Gives {logged, now}
local now = now_ms()
local ends, most = now + tonumber(ARGV[1]), tonumber(ARGV[2])
local log, known, kept = load(KEYS[1]) or { v = PLAIN, a = {} }, {}, {}
for _, attempt in ipairs(log.a) do
  if attempt[2] > now then
    table.insert(kept, attempt)
    known[attempt[1]] = attempt
  end
end
for i = 3, #ARGV, 3 do
  local attempt = known[ARGV[i + 1]]
  if not attempt then
    attempt = { ARGV[i + 1], ends, '', '' }
    table.insert(kept, attempt)
    known[ARGV[i + 1]] = attempt
  end
  attempt[2] = math.max(attempt[2], ends)
  attempt[ARGV[i] == 's' and 3 or 4] = ARGV[i + 2]
end
-- Nobody is sent so much honestly; the oldest go.
while #kept > most do table.remove(kept, 1) end
log.a = kept
local last = now
for _, attempt in ipairs(kept) do last = math.max(last, attempt[2]) end
redis.call('SET', KEYS[1], cmsgpack.pack(log), 'PXAT', last)
return { 'logged', now }
