"""What runs inside Redis, in Lua: storing and pruning, each as one step that nobody sees half done.

Comes in: the keys, and arguments as described at each script. Goes out: an array of strings.

The keys, all in one hash slot (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/):

- ``entries``: the stream, one element a chunk. Its id is ``<seq of the chunk's newest entry>-0``, so
  ``XRANGE`` finds a chunk by any seq within it, and no clock has a say in the order.
  Fields: ``n`` entries, ``b`` body, ``t`` terms, ``a`` the time of each entry, ``s`` when it was
  stored by the clock of Redis; times in microseconds since 1970, as big-endian doubles.
- ``meta``: a hash of ``layout``, ``epoch``, ``seq`` (the newest) and ``floor`` (the newest pruned one).
- ``index:<4 hex digits>``: 65,536 sorted sets, all scores 0, of 12 bytes each: six of a term and six of
  a chunk's id. So small, Redis keeps them as listpacks, 17 bytes a member, and in the order of bytes,
  which is by term and then by seq (``ZRANGEBYLEX``). The first four digits of the term are the key's.
- ``writer:<token>``: the number of the last batch that one process stored, and its seq.

Redis runs what a script changes as one transaction, in the append-only file too. The first command that
writes must be one that a full server refuses (``XADD`` is, ``ZREM`` is not), or half could be done:
https://redis.io/docs/latest/develop/programmability/eval-intro/
"""

from __future__ import annotations

LAYOUT = "1"
"""The version of all this. Another one's keys are neither read nor written."""

_SHARED = """
local function whole(number) return string.format('%.0f', number) end
local function fields(element)
    local found = {}
    for i = 1, #element[2], 2 do found[element[2][i]] = element[2][i + 1] end
    return found, tonumber(string.match(element[1], '^%d+'))
end
local function each_term(index, terms, seq, act)
    local place, sub = struct.pack('>I6', seq), string.sub
    for i = 1, #terms, 10 do act(index .. sub(terms, i, i + 3), sub(terms, i + 4, i + 9) .. place) end
end
local function now_us()
    local time = redis.call('TIME')
    return tonumber(time[1]) * 1000000 + tonumber(time[2])
end
-- What is known of the journal: epoch (nil before the first), seq, floor; and another version's layout.
local function state(meta, layout)
    local found = redis.call('HMGET', meta, 'epoch', 'seq', 'floor', 'layout')
    local other = found[4] and found[4] ~= layout and found[4] or nil
    return found[1], tonumber(found[2] or 0), tonumber(found[3] or 0), other
end
-- The seq and the floor of a journal without an epoch. A stream that outlived the hash (eviction, an
-- unlucky DEL) holds entries, and refuses ids that are not above its own.
local function beginning(stream)
    local oldest = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
    if not oldest then return 0, 0 end
    local newest = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
    local chunk, last = fields(oldest)
    local _, seq = fields(newest)
    return seq, last - tonumber(chunk.n)
end
local function save(meta, layout, epoch, seq, floor)
    redis.call('HSET', meta, 'layout', layout, 'epoch', epoch, 'seq', whole(seq), 'floor', whole(floor))
end
"""

# KEYS: entries, meta. ARGV: the layout, a fresh epoch. Gives "here", epoch, seq, floor; or "layout" and
# the one found.
BEGIN = (
    _SHARED
    + """
local stream, meta, layout, fresh = KEYS[1], KEYS[2], ARGV[1], ARGV[2]
local epoch, seq, floor, other = state(meta, layout)
if other then return {'layout', other} end
if not epoch then
    epoch = fresh
    seq, floor = beginning(stream)
    save(meta, layout, epoch, seq, floor)
end
return {'here', epoch, whole(seq), whole(floor)}
"""
)

# KEYS: entries, meta, writer. ARGV: the prefix of the index's keys, a fresh epoch, the layout, how long
# the writer's key lives in seconds, then what the process knows (the epoch, the number of its last
# acknowledged batch, "1" to begin a new epoch if the known one is still in force), the number of this
# batch, and for each chunk: count, body, terms, times.
# Gives: "stored", epoch, seq, floor; or "lost", epoch, number of the last batch that is here; or
# "layout" and the one found.
APPEND = (
    _SHARED
    + """
local stream, meta, writer = KEYS[1], KEYS[2], KEYS[3]
local index, fresh, layout, lives = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local known, acknowledged, renew, number = ARGV[5], tonumber(ARGV[6]), ARGV[7] == '1', tonumber(ARGV[8])

local epoch, seq, floor, other = state(meta, layout)
if other then return {'layout', other} end

local here, newest = 0, 0
local stored = redis.call('GET', writer)
if stored then
    local a, b = string.match(stored, '(%d+):(%d+)')
    here, newest = tonumber(a), tonumber(b)
end
if not renew and acknowledged > 0 and (epoch ~= known or here < acknowledged) then
    return {'lost', epoch or '', whole(here)}
end
if epoch and number <= here then
    return {'stored', epoch, whole(newest), whole(floor)}
end

if not epoch then seq, floor = beginning(stream) end
if not epoch or (renew and epoch == known) then epoch = fresh end

local stored_at, call = struct.pack('>d', now_us()), redis.call
for i = 9, #ARGV, 4 do
    seq = seq + tonumber(ARGV[i])
    redis.call('XADD', stream, whole(seq) .. '-0', 'n', ARGV[i], 'b', ARGV[i + 1], 't', ARGV[i + 2],
        'a', ARGV[i + 3], 's', stored_at)
    -- The score is text: making text of a number costs as much as storing the member.
    each_term(index, ARGV[i + 2], seq, function(key, member) call('ZADD', key, '0', member) end)
end
save(meta, layout, epoch, seq, floor)
redis.call('SET', writer, whole(number) .. ':' .. whole(seq), 'EX', lives)
return {'stored', epoch, whole(seq), whole(floor)}
"""
)

# KEYS: entries, meta. ARGV: the prefix of the index's keys, the layout, how many entries to keep, the age
# in µs ("-1" without), how many to delete at most. Gives "pruned" and how many were deleted; or "layout"
# and the one found.
#
# An entry goes when it and all before it are too old: by its own time, or by when it was stored if its
# host's clock was ahead. One clock, that of Redis, says what is old now.
PRUNE = (
    _SHARED
    + """
local stream, meta = KEYS[1], KEYS[2]
local index, layout = ARGV[1], ARGV[2]
local keep, age, limit = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local _, seq, floor, other = state(meta, layout)
if other then return {'layout', other} end

local function oldest_beyond(age_us)
    local before, bottom = now_us() - age_us, floor
    while true do
        local part = redis.call('XRANGE', stream, whole(bottom + 1), '+', 'COUNT', 8)
        if #part == 0 then return bottom end
        for _, element in ipairs(part) do
            local chunk, last = fields(element)
            local first = last - tonumber(chunk.n) + 1
            local stored_at = struct.unpack('>d', chunk.s)
            for entry = math.max(first, bottom + 1), last do
                local at = struct.unpack('>d', chunk.a, (entry - first) * 8 + 1)
                if math.min(at, stored_at) >= before or entry > floor + limit then return bottom end
                bottom = entry
            end
        end
    end
end

local bottom = math.min(seq - keep, floor + limit)
if bottom <= floor and age >= 0 then bottom = oldest_beyond(age) end
if bottom <= floor then return {'pruned', '0'} end
for _, element in ipairs(redis.call('XRANGE', stream, '-', whole(bottom))) do
    local chunk, last = fields(element)
    each_term(index, chunk.t, last, function(key, member) redis.call('ZREM', key, member) end)
end
redis.call('XTRIM', stream, 'MINID', whole(bottom + 1))
redis.call('HSET', meta, 'floor', whole(bottom))
return {'pruned', whole(bottom - floor)}
"""
)
