-- Sets counters to what is committed; never an older number over a newer one. An equal version is written again: that
-- undoes what callers count themselves.
--
-- KEYS: counter and its version, of each. ARGV: milliseconds to live; then number and version, of each.
-- Answers, of each: 0 a newer number is there, 1 it was right, 2 it is news, 3 somebody had changed it.
local answers = {}

-- Whatever else may stand at a key is not read, and is written over.
local function text(key)
  local value = redis.pcall('GET', key)
  return type(value) == 'string' and value or ''
end

for i = 1, #KEYS, 2 do
  local number, version = ARGV[i + 1], tonumber(ARGV[i + 2])
  local known = tonumber(text(KEYS[i + 1])) or -1
  if known > version then
    answers[#answers + 1] = 0
  else
    local before = text(KEYS[i])
    redis.call('SET', KEYS[i], number, 'PX', ARGV[1])
    redis.call('SET', KEYS[i + 1], ARGV[i + 2], 'PX', ARGV[1])
    answers[#answers + 1] = known < version and 2 or before == number and 1 or 3
  end
end
return answers
