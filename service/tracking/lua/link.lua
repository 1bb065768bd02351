-- Lets an invite be found by its conversation, or by its channel where that is all that is known.
-- KEYS[1] of           set    ids of one conversation or channel
-- KEYS[2] thread       hash   interaction_sid and channel_sid of the conversation; KEYS[1] again where nothing is learnt
-- ARGV[1] id
-- ARGV[2] ttl          ms to remember it
-- ARGV[3] interaction  its SID; "" where nothing is learnt
-- ARGV[4] channel      its SID
-- Returns 1
redis.call('SADD', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
if ARGV[3] ~= '' then
  redis.call('HSET', KEYS[2], 'interaction_sid', ARGV[3], 'channel_sid', ARGV[4])
  redis.call('PEXPIRE', KEYS[2], ARGV[2])
end
return 1
