-- Counts what comes back, by status; for 200, by what the two lines of the body name. The argument
-- names a release whose answers are counted by themselves too. Each thread of wrk has globals of
-- its own, which the last function adds up.

local threads = {}

function setup(thread)
    table.insert(threads, thread)
end

function init(args)
    release, of_release = args[1], 0
    ok, mixed, not_found, failed, other = 0, 0, 0, 0, 0
end

function response(status, _, body)
    if status == 404 then
        not_found = not_found + 1
    elseif status == 500 then
        failed = failed + 1
    elseif status ~= 200 then
        other = other + 1
    else
        local first, second = body:match("^(%S+)\n(%S+)\n$")
        if not first then
            other = other + 1
        elseif first == second then
            ok = ok + 1
            if first == release then
                of_release = of_release + 1
            end
        else
            mixed = mixed + 1
        end
    end
end

function done(summary, latency)
    local line = { "counted" }
    for _, name in ipairs({ "ok", "of_release", "mixed", "not_found", "failed", "other" }) do
        local sum = 0
        for _, thread in ipairs(threads) do
            sum = sum + thread:get(name)
        end
        table.insert(line, string.format("%s=%d", name, sum))
    end
    local errors = summary.errors
    local silent = errors.connect + errors.read + errors.write + errors.timeout
    table.insert(line, string.format("silent=%d took_us=%d", silent, summary.duration))
    table.insert(line, string.format("fastest_us=%d average_us=%d slowest_us=%d",
        latency.min, latency.mean, latency.max))
    print(table.concat(line, " "))
end
