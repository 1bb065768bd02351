-- Renews a partition's mark unless the partition was emptied, or set back, since it was looked at.
-- KEYS[1] beat         string epoch ms; below zero while a loss is being made up for
-- ARGV[1] seen         the mark that was looked at
-- ARGV[2] now          epoch ms
-- Returns 1, or 0 if the mark is gone, older, or that of another loss
local held = tonumber(redis.call('GET', KEYS[1]) or nil)
local seen = tonumber(ARGV[1])
if not held or held ~= seen and (held < 0 or held < seen) then
  return 0
end
redis.call('SET', KEYS[1], string.format('%.0f', math.max(held, tonumber(ARGV[2]))))
return 1
