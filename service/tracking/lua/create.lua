-- Writes a new invite unless one of that id is there.
-- KEYS[1] invite       hash   the record, one field each
-- KEYS[2] due          zset   invite id -> due time, epoch ms
-- KEYS[3] all          zset   invite id -> created at, epoch ms
-- ARGV[1] id
-- ARGV[2] delay        ms until the record is due, from now
-- ARGV[3..] field, value, ...
-- Returns {word, state, now}: "created" | "exists"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local state = redis.call('HGET', KEYS[1], 'state')
if state then
  return {'exists', state, now}
end
redis.call('HSET', KEYS[1], 'id', ARGV[1], 'created_at_ms', now, unpack(ARGV, 3))
redis.call('ZADD', KEYS[2], now + ARGV[2], ARGV[1])
redis.call('ZADD', KEYS[3], now, ARGV[1])
return {'created', redis.call('HGET', KEYS[1], 'state'), now}
