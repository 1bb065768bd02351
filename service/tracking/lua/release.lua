-- Takes a mark away if it is still ours.
-- KEYS[1] mark         string whose it is
-- ARGV[1] ours         the value that we have put
-- Returns 1 if it was ours, else 0
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
return redis.call('DEL', KEYS[1])
