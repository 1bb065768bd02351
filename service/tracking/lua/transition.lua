-- Moves one record along one row of its transition table, or says why not. Also used to change fields in place
-- (a row from a state to itself) and to move the due time.
-- KEYS[1] record       hash   one field each; its history in pieces, "l0" and so on, and "ln", how many there are
-- KEYS[2] due          zset   id -> due time, epoch ms
-- KEYS[3] event        string present once this event was seen; the record's own key where there is no event
-- KEYS[4] open         zset   id -> rank of its state * 1e13 + created at: what is open, by state and age
-- ARGV[1] moves        "from>to=rank from>to=rank ...": the row
-- ARGV[2] delay        ms until due, from now; "keep" leaves the due time, "none" takes the record off the index
-- ARGV[3] keep         ms that the record is kept once it is off the due index
-- ARGV[4] event_ttl    ms to remember the event; 0 where there is no event
-- ARGV[5] guard        a field that must be unset or have the value ARGV[6]; "" for no guard
-- ARGV[6] guarded      that value
-- ARGV[7] what         the history's words for this move, a line each; "" where it is not worth one
-- ARGV[8..] field, value, ...
-- Returns {word, state, now, first}: "moved" | "ignored" | "duplicate" | "guarded" | "missing"; first is 1 for the move
-- that gives the guard's field its value
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local seen = redis.call('HMGET', KEYS[1], 'state', 'id', 'created_at_ms', 'ln')
local state, id, created, ln = seen[1], seen[2], seen[3], tonumber(seen[4] or 0)
if not state then return {'missing', '', now} end
local held = ARGV[5] ~= '' and redis.call('HGET', KEYS[1], ARGV[5]) or ''
if held ~= '' and held ~= ARGV[6] then return {'guarded', state, now} end
if ARGV[4] ~= '0' and not redis.call('SET', KEYS[3], 1, 'NX', 'PX', ARGV[4]) then
  return {'duplicate', state, now}
end
local to, rank = string.match(' ' .. ARGV[1] .. ' ', ' ' .. state .. '>(%l+)=(%d+) ')
local text, pieces = '', {}
for what in string.gmatch(ARGV[7], '[^\n]+') do
  local call = string.find(what, '^called ') -- it was made whatever the row says, and leaves room for what moves
  if (to or call) and ln < (call and 34 or 67) then
    text = string.format('%s\n%.0f %s %s', text, now, to or state, what)
  end
end
for first = 1, #text, 60 do -- short ones: see packing.py
  pieces[#pieces + 1], pieces[#pieces + 2], ln = 'l' .. ln, string.sub(text, first, first + 59), ln + 1
end
if text ~= '' then redis.call('HSET', KEYS[1], 'ln', ln, unpack(pieces)) end
if not to then return {'ignored', state, now} end
redis.call('HSET', KEYS[1], 'state', to, unpack(ARGV, 8))
if to ~= state then
  redis.call('ZADD', KEYS[4], rank * 1e13 + created, id)
end
if ARGV[2] == 'none' then
  redis.call('ZREM', KEYS[2], id)
  redis.call('ZREM', KEYS[4], id)
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
elseif ARGV[2] ~= 'keep' then
  redis.call('ZADD', KEYS[2], now + ARGV[2], id)
end
return {'moved', to, now, ARGV[5] ~= '' and held == '' and 1 or 0}
