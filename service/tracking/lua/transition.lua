-- Moves one invite along one row of the transition table, or says why not. Also used to change fields in place
-- (a row from a state to itself) and to move the due time.
-- KEYS[1] invite       hash   the record
-- KEYS[2] due          zset   invite id -> due time, epoch ms
-- KEYS[3] event        string present once this event was seen; the invite's own key where there is no event
-- ARGV[1] moves        "from>to from>to ...": the row
-- ARGV[2] delay        ms until due, from now; "keep" leaves the due time, "none" takes the record off the index
-- ARGV[3] keep         ms that the record is kept once it is off the due index
-- ARGV[4] event_ttl    ms to remember the event; 0 where there is no event
-- ARGV[5] guard        a field that must be unset or have the value ARGV[6]; "" for no guard
-- ARGV[6] guarded      that value
-- ARGV[7..] field, value, ...
-- Returns {word, state, now}: "moved" | "ignored" | "duplicate" | "guarded" | "missing"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local state = redis.call('HGET', KEYS[1], 'state')
if not state then
  return {'missing', '', now}
end
if ARGV[5] ~= '' then
  local held = redis.call('HGET', KEYS[1], ARGV[5])
  if held and held ~= '' and held ~= ARGV[6] then
    return {'guarded', state, now}
  end
end
if ARGV[4] ~= '0' and not redis.call('SET', KEYS[3], 1, 'NX', 'PX', ARGV[4]) then
  return {'duplicate', state, now}
end
local to = string.match(' ' .. ARGV[1] .. ' ', ' ' .. state .. '>(%l+) ')
if not to then
  return {'ignored', state, now}
end
redis.call('HSET', KEYS[1], 'state', to, unpack(ARGV, 7))
if ARGV[2] == 'none' then
  redis.call('ZREM', KEYS[2], redis.call('HGET', KEYS[1], 'id'))
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
elseif ARGV[2] ~= 'keep' then
  redis.call('ZADD', KEYS[2], now + ARGV[2], redis.call('HGET', KEYS[1], 'id'))
end
return {'moved', to, now}
