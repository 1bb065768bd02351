-- Gives an idempotency key to a new invite if it still belongs to the one that was looked at; or puts a mark, unless it
-- is another's.
-- KEYS[1] idem         string "invite id|fingerprint"; or whose mark it is
-- ARGV[1] seen         the value that was looked at
-- ARGV[2] wanted       the value to put
-- ARGV[3] ttl          ms
-- Returns the value that holds now
local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[1] then
  return held
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return ARGV[2]
