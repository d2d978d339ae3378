//! What the server does in one step for a mirrored session. Times are the server's own, in milliseconds: nodes need not agree on one.
//!
//! `KEYS`: the session's hash, the list of its kept frames, that of its kept market data, the index of leases. A fence that is not the one
//! on the server refuses.

/// The answers of a script that carries a fence.
pub(super) const FENCED: u8 = 0;
/// Another one took it, because its owner was silent.
pub(super) const ADOPTED: u8 = 3;
/// It was done.
pub(super) const DONE: u8 = 1;

macro_rules! with_clock {
    ($script:literal) => {
        concat!("local time = redis.call('TIME')\nlocal now = time[1] * 1000 + math.floor(time[2] / 1000)\n", $script)
    };
}

/// `ARGV`: sid, fence, lease, life, whole, away for (-1: present), frames held, market data held, rx, tx, acked, committed, issued, cancelled,
/// links, node, facts, subscriptions (empty: as they are), how many of the frames that follow are no market data, the frames.
///
/// A whole write begins the mirror, or begins it again on a server that has forgotten; a higher fence wins over whatever is there. A session
/// that was adopted is one until its client is there.
pub(super) const WRITE: &str = with_clock!(
    "
local fence = redis.call('HGET', KEYS[1], 'fence')
if ARGV[5] == '1' then
  if fence and tonumber(fence) > tonumber(ARGV[2]) then return redis.call('HGET', KEYS[1], 'adopted') == '1' and 3 or 0 end
  local adopted = fence == ARGV[2] and tonumber(ARGV[6]) >= 0 and redis.call('HGET', KEYS[1], 'adopted') == '1'
  redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
  redis.call('HSET', KEYS[1], 'fence', ARGV[2], 'node', ARGV[16], 'facts', ARGV[17], 'market', ARGV[2], 'adopted', adopted and '1' or '0')
else
  if not fence then return 2 end
  if fence ~= ARGV[2] then return redis.call('HGET', KEYS[1], 'adopted') == '1' and 3 or 0 end
end
local away = 0
if tonumber(ARGV[6]) >= 0 then away = now - tonumber(ARGV[6]) end
redis.call('HSET', KEYS[1], 'rx', ARGV[9], 'tx', ARGV[10], 'acked', ARGV[11], 'committed', ARGV[12], 'issued', ARGV[13],
  'cancelled', ARGV[14], 'links', ARGV[15], 'away', string.format('%.0f', away))
if ARGV[18] ~= '' then redis.call('HSET', KEYS[1], 'streams', ARGV[18]) end
local reports = 19 + tonumber(ARGV[19])
for i = 20, #ARGV do redis.call('RPUSH', KEYS[i <= reports and 2 or 3], string.format('%.0f ', now) .. ARGV[i]) end
for key = 2, 3 do
  local held = ARGV[key + 5]
  if held == '0' then redis.call('DEL', KEYS[key]) else redis.call('LTRIM', KEYS[key], '-' .. held, -1) end
  redis.call('PEXPIRE', KEYS[key], ARGV[4])
end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('ZADD', KEYS[4], string.format('%.0f', now + tonumber(ARGV[3])), ARGV[1])
return 1
"
);

/// `ARGV`: sid, node, lease, whether only an expired lease is taken, until when it may be done.
///
/// A server that hung does what it was asked before that, however late, and whoever asked has given up by then: a session would have an
/// owner that knows nothing of it.
///
/// `market` is the fence of the last owner that knew the list of market data. A node of before that list leaves it behind: it took the session
/// without, and has told the client that these messages are gone.
pub(super) const TAKE: &str = with_clock!(
    "
if now > tonumber(ARGV[5]) then return redis.error_reply('TAKEN late') end
local ends = redis.call('ZSCORE', KEYS[4], ARGV[1])
if redis.call('EXISTS', KEYS[1]) == 0 then
  if ends then redis.call('ZREM', KEYS[4], ARGV[1]) end
  return false
end
local left = 0
if ends then left = math.max(0, now - (tonumber(ends) - tonumber(ARGV[3]))) end
if ARGV[4] == '1' and ends and tonumber(ends) > now then return false end
local away = tonumber(redis.call('HGET', KEYS[1], 'away'))
if away > 0 then left = math.max(0, now - away) end
local before = redis.call('HGET', KEYS[1], 'node')
if redis.call('HGET', KEYS[1], 'market') ~= redis.call('HGET', KEYS[1], 'fence') then redis.call('DEL', KEYS[3]) end
redis.call('HINCRBY', KEYS[1], 'fence', 1)
redis.call('HSET', KEYS[1], 'market', redis.call('HGET', KEYS[1], 'fence'), 'node', ARGV[2], 'adopted', ARGV[4])
redis.call('ZADD', KEYS[4], string.format('%.0f', now + tonumber(ARGV[3])), ARGV[1])
return {string.format('%.0f', now), string.format('%.0f', left), before, redis.call('HGETALL', KEYS[1]),
  redis.call('LRANGE', KEYS[2], 0, -1), redis.call('LRANGE', KEYS[3], 0, -1)}
"
);

/// `ARGV`: sid, fence.
pub(super) const REMOVE: &str = "
local fence = redis.call('HGET', KEYS[1], 'fence')
if not fence then return 2 end
if fence ~= ARGV[2] then return 0 end
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
redis.call('ZREM', KEYS[4], ARGV[1])
return 1
";

/// `KEYS`: the index, then hashes. `ARGV`: lease, then sid and fence of each.
pub(super) const RENEW: &str = with_clock!(
    "
local answers = {}
for i = 2, #KEYS do
  local fence = redis.call('HGET', KEYS[i], 'fence')
  if not fence then answers[i - 1] = 2
  elseif fence ~= ARGV[2 * i - 1] then answers[i - 1] = redis.call('HGET', KEYS[i], 'adopted') == '1' and 3 or 0
  else
    answers[i - 1] = 1
    redis.call('ZADD', KEYS[1], string.format('%.0f', now + tonumber(ARGV[1])), ARGV[2 * i - 2])
  end
end
return answers
"
);

/// `KEYS`: the index. `ARGV`: how many at most.
pub(super) const EXPIRED: &str =
    with_clock!("return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now), 'LIMIT', 0, ARGV[1])");
