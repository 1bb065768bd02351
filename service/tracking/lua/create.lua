-- Writes a new record unless one of that id is there, or its conversation is being closed.
-- KEYS[1] record       hash   one field each; its history in pieces, "l0" and so on, and "ln", how many there are
-- KEYS[2] due          zset   id -> due time, epoch ms
-- KEYS[3] all          zset   id -> created at, epoch ms; the record's own key where it is not listed
-- KEYS[4] open         zset   id -> rank of its state * 1e13 + created at: what is open, by state and age
-- KEYS[5] hits         hash   rule -> how many records it has led to, "rule at" -> when last, " since" -> since when;
--                             the record's own key where none is counted
-- KEYS[6] closing      string present while the conversation is being closed; the record's own key where that is no
--                             matter
-- KEYS[7] line         list   ids that wait for their turn; optional
-- ARGV[1] id
-- ARGV[2] delay        ms until the record is due, from now
-- ARGV[3] rank         of the state that it begins in
-- ARGV[4] line_ttl     ms to keep the line
-- ARGV[5] listed       ms to keep an id in the list
-- ARGV[6] rule         that has led to the record; "" where none is counted
-- ARGV[7..] field, value, ...
-- Returns {word, state, now}: "created" | "exists" | "closing"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local state = redis.call('HGET', KEYS[1], 'state')
if state then
  return {'exists', state, now}
end
if KEYS[6] ~= KEYS[1] and redis.call('EXISTS', KEYS[6]) == 1 then
  return {'closing', '', now}
end
redis.call('HSET', KEYS[1], 'id', ARGV[1], 'created_at_ms', now, unpack(ARGV, 7))
state = redis.call('HGET', KEYS[1], 'state')
redis.call('HSET', KEYS[1], 'ln', 1, 'l0', string.format('%.0f %s asked', now, state))
if redis.call('HGET', KEYS[1], 'attempt') == '1' then -- whoever writes it makes the first attempt at once
  redis.call('HSET', KEYS[1], 'sent_at_ms', now)
end
redis.call('ZADD', KEYS[2], now + ARGV[2], ARGV[1])
if KEYS[3] ~= KEYS[1] then
  redis.call('ZADD', KEYS[3], now, ARGV[1])
  local old = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now - ARGV[5], 'LIMIT', 0, 10)
  if old[1] then redis.call('ZREM', KEYS[3], unpack(old)) end -- a few each time: nobody waits for a long list
end
redis.call('ZADD', KEYS[4], ARGV[3] * 1e13 + now, ARGV[1])
if ARGV[6] ~= '' then
  redis.call('HINCRBY', KEYS[5], ARGV[6], 1)
  redis.call('HSET', KEYS[5], ARGV[6] .. ' at', now)
  redis.call('HSETNX', KEYS[5], ' since', now)
end
if KEYS[7] then
  redis.call('RPUSH', KEYS[7], ARGV[1])
  redis.call('PEXPIRE', KEYS[7], ARGV[4])
end
return {'created', state, now}
