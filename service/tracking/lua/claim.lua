-- Takes due work by pushing it one lease ahead: who dies holding it loses it when the lease ends.
-- KEYS[1] due          zset   invite id -> due time, epoch ms
-- ARGV[1] lease        ms
-- ARGV[2] most         how many ids at the most
-- Returns {now, id, id, ...}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[2])
for _, id in ipairs(ids) do
  redis.call('ZADD', KEYS[1], now + ARGV[1], id)
end
return {now, unpack(ids)}
