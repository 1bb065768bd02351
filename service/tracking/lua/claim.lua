-- Takes due work by pushing it one lease ahead: who dies holding it loses it when the lease ends.
-- KEYS[1] due          zset   invite id -> due time, epoch ms
-- KEYS[2] open         zset   id -> rank of its state * 1e13 + created at
-- ARGV[1] lease        ms
-- ARGV[2] most         how many ids at the most
-- ARGV[3] window       how many of the oldest are looked at for work that comes first
-- ARGV[4..] ranks      of the states whose work may wait behind that of the others
-- Returns {now, id, id, ...}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local most = tonumber(ARGV[2])
local found = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, math.max(most, tonumber(ARGV[3])))
local ids, patient = {}, {}
for rank = 4, #ARGV do patient[tonumber(ARGV[rank])] = true end
for can_wait = 0, 1 do
  for _, id in ipairs(found) do
    if #ids == most then break end
    local score = #found > most and redis.call('ZSCORE', KEYS[2], id) or 0 -- without a crowd nobody comes first
    local waits = patient[math.floor(score / 1e13)] and 1 or 0
    if waits == can_wait then ids[#ids + 1] = id end
  end
end
for _, id in ipairs(ids) do
  redis.call('ZADD', KEYS[1], now + ARGV[1], id)
end
return {now, unpack(ids)}
