-- SCPI for Lua drivers: one command or one query per line.
--
--     local smu = scpi.on(self.bus, "\n")
--     smu.write(":OUTP OFF")
--     smu.query("*IDN?")                    text, blanks cut
--     smu.number("MEAS:VOLT?")              number; nil and why for 9.91E37 and ±9.9E37
--     smu.set("CURR", 0.5, 1e-4)            writes, reads "CURR?" back, fails if it differs
--     smu.set_word("FUNC", "CURR")
--     smu.ask("*IDN?")                      the first question, on a bus that may be out of step
--     smu.errors()                          empties the error queue; the first entry or nil
--     smu.resync()                          finds the step again
--     smu.identity(text)                    fields of an answer to *IDN?

local scpi = {}

local ERRORS_MAX = 50
local QUIET_S = 0.02

local function plain(text)
    local out = {}
    for i = 1, #text do
        local c = text:sub(i, i)
        if c ~= '"' and c ~= "'" and c ~= " " then
            out[#out + 1] = c:upper()
        end
    end
    return table.concat(out)
end

function scpi.identity(text)
    local fields = split(text, ",")
    if #fields < 3 then
        fail("identity", "'" .. text .. "' is no answer to *IDN?")
    end
    local function field(i)
        return plain(fields[i] or "") == "" and "" or trim(fields[i])
    end
    return {maker = field(1), model = field(2), serial_number = field(3), firmware = field(4)}
end

function scpi.on(bus, terminator)
    local line = {line = terminator}
    local token = 0
    local this = {}

    function this.write(command)
        bus:write(command .. terminator)
    end

    function this.query(query)
        return trim(bus:exchange(query .. terminator, line))
    end

    function this.number(query)
        local text = this.query(query)
        local value, why = number(text)
        if why == "none" then
            bus:out_of_step()
            fail("reply", "'" .. query .. "': '" .. text .. "' is no number")
        end
        return value, why
    end

    function this.set(header, value, tolerance)
        local command = header .. " " .. string.format("%.9g", value)
        this.write(command)
        local found = this.number(header .. "?")
        if not found or math.abs(found - value) > tolerance then
            fail("refused", "'" .. command .. "' was not taken: the instrument says " ..
                            tostring(found))
        end
    end

    function this.set_word(header, word, expected)
        this.write(header .. " " .. word)
        local found = this.query(header .. "?")
        if plain(found) ~= plain(expected or word) then
            fail("refused", "'" .. header .. " " .. word ..
                            "' was not taken: the instrument says " .. found)
        end
    end

    function this.ask(query)
        if bus:is_in_step() then
            return this.query(query)
        end
        bus:drain(QUIET_S)
        bus:write(query .. terminator)
        return trim(bus:read(line))
    end

    function this.errors()
        local first
        for _ = 1, ERRORS_MAX do
            local entry = this.query("SYST:ERR?")
            local code = number(split(entry, ",")[1])
            if not code then
                bus:out_of_step()
                fail("reply", "'" .. entry .. "' is no entry of an error queue")
            end
            if code == 0 then
                return first
            end
            first = first or entry
        end
        fail("reply", "the error queue has no end after " .. ERRORS_MAX .. " entries")
    end

    -- What was written into the event enable register must come back, twice: the late answer to
    -- another question cannot pass for both.
    function this.resync()
        bus:drain(QUIET_S)
        for _ = 1, 2 do
            token = token % 120 + 1
            bus:write("*ESE " .. 128 + token .. terminator)
            bus:write("*ESE?" .. terminator)
            local found = number(bus:read(line))
            if found ~= 128 + token then
                fail("stale", "'*ESE?': the answer fits another question")
            end
        end
        bus:in_step()
        this.errors()
    end

    return this
end

return scpi
