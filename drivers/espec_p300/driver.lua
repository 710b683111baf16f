-- ESPEC chambers with a P-300 or SCP-220 controller: one line out, one line back, CR LF.
-- See README.md for the commands and their sources.

local LINE = {line = "\r\n"}
local QUIET_S = 0.05
local DIGIT_K = 0.05 -- half of the last digit that is sent

local function command_text(self, command)
    local address = self.options.address
    return (address ~= "" and address .. "," or "") .. command .. "\r\n"
end

local function check(reply, command)
    if reply:sub(1, 3) == "NA:" then
        fail("refused", "'" .. command .. "': the chamber answers " .. reply)
    end
    return reply
end

local function ask(self, command)
    return check(self.bus:exchange(command_text(self, command), LINE), command)
end

-- On a bus that may be out of step: old input is thrown away first.
local function ask_anew(self, command)
    self.bus:drain(QUIET_S)
    self.bus:write(command_text(self, command))
    return check(self.bus:read(LINE), command)
end

-- pv,sp,high,low
local function read_temperatures(self)
    local reply = ask(self, "TEMP?")
    local fields = split(reply, ",")
    if #fields ~= 4 then
        self.bus:out_of_step()
        fail("reply", "'TEMP?': '" .. reply .. "' is not present, set, high, low")
    end
    return number(fields[1]), number(fields[2]), number(fields[3]), number(fields[4])
end

-- temperature,[humidity],mode,alarms
local function read_monitor(self)
    local reply = ask(self, "MON?")
    local fields = split(reply, ",")
    local alarms = number(fields[#fields] or "")
    if #fields < 3 or #fields > 4 or not alarms then
        self.bus:out_of_step()
        fail("reply", "'MON?': '" .. reply .. "' is not temperature, humidity, mode, alarms")
    end
    return trim(fields[#fields - 1]), alarms
end

local function set_mode(self, mode)
    self.mode = nil
    ask(self, "MODE," .. mode)
    local found = trim(ask(self, "MODE?"))
    if found ~= mode then
        fail("refused", "the chamber's mode is " .. found .. " instead of " .. mode)
    end
    self.mode = found
end

local function identify(self)
    -- drysensor,[wetsensor,]controller,tmax: unlike any other answer
    local reply = self.bus:is_in_step() and ask(self, "TYPE?") or ask_anew(self, "TYPE?")
    local fields = split(reply, ",")
    if (#fields ~= 3 and #fields ~= 4) or not number(fields[#fields]) then
        fail("identity", "'" .. reply .. "' is no answer of an ESPEC chamber to TYPE?")
    end
    self.bus:in_step()
    self.mode = nil
    self.highest = number(fields[#fields])
    return {maker = "ESPEC", model = trim(fields[#fields - 1]), firmware = trim(ask(self, "ROM?"))}
end

local BEYOND_K <const> = 50 -- above what the chamber reaches: its sensor is open

local function measure(self)
    local mode, alarms = read_monitor(self)
    local present, set = read_temperatures(self) -- last, so that it is as new as can be
    self.mode = mode
    local open = present and self.highest and present > self.highest + BEYOND_K
    if open then
        present = nil
    end
    return {
        temperature = present,
        temperature_set = set,
        output_on = mode ~= "OFF" and mode ~= "STANDBY",
        protection = alarms > 0,
        why = open and "the sensor of the chamber is open" or
              not present and "the chamber gives no temperature" or nil,
    }
end

local function same(found, due)
    return not due or (found and math.abs(found - due) <= DIGIT_K)
end

local function environment(self, _, wanted, bounds)
    if wanted.temperature_off then
        set_mode(self, "STANDBY")
        return
    end
    local target = wanted.temperature
    if not target then
        return
    end
    if wanted.ramp then
        fail("unsupported", "this chamber is given setpoints, not ramps")
    end
    local low, high = bounds.temperature_min, bounds.temperature_max
    if (low and target < low) or (high and target > high) then
        fail("input", fixed(target, 1) .. " degC lies outside the bounds")
    end
    -- Alarm limits stand beside the setpoint: the controller keeps them by itself.
    local command = "TEMP, S" .. fixed(target, 1)
    command = command .. (high and " H" .. fixed(high, 1) or "")
    command = command .. (low and " L" .. fixed(low, 1) or "")
    ask(self, command)
    local _, set, found_high, found_low = read_temperatures(self)
    if not (same(set, target) and same(found_high, high) and same(found_low, low)) then
        fail("refused", "'" .. command .. "' was not taken: the chamber is set to " ..
                        tostring(set))
    end
    if self.mode ~= "CONSTANT" then
        set_mode(self, "CONSTANT")
    end
end

-- Sent whole each time: a half-sent command before it spoils the first attempt, never the second.
-- The line end alone is not sent, as it would carry out what is left of a setpoint.
local function safe(self)
    if self.options.when_safe == "keep" then
        return
    end
    local due = self.options.when_safe == "off" and "OFF" or "STANDBY"
    self.mode = nil
    retry.until_done(self.bus, function()
        self.bus:drain(QUIET_S)
        self.bus:write(command_text(self, "MODE," .. due))
        self.bus:drain(QUIET_S)
        local mode = trim(ask_anew(self, "MODE?"))
        if mode ~= due then
            fail("refused", "the chamber's mode is " .. mode .. " instead of " .. due)
        end
    end)
end

return {
    name = "espec_p300",
    title = "ESPEC chamber (P-300, SCP-220; RS-232, RS-485, TCP)",
    models = "P-300 and SCP-220 controllers",
    roles = {"chamber"},
    bus = {baud = 9600, command_gap = 0.3},
    options = {
        {name = "model", choices = "p300|scp220", default = "p300", help = "the controller"},
        {name = "address", default = "",
         help = "address on RS-485; empty on RS-232 and over TCP"},
        {name = "when_safe", choices = "standby|off|keep", default = "standby",
         help = "what becomes of the chamber when it is made safe; standby keeps its alarms"},
    },
    capabilities = function(self)
        return {
            measurands = {"temperature", "temperature_set"},
            traits = self.options.address ~= "" and {"shares_port"} or {},
            watchdog = "none",
            temperature = {-75, self.highest or 180},
            resolution = {temperature = 0.1, temperature_set = 0.1},
            fastest_sample = 1,
            safe_time = 3,
        }
    end,
    identify = identify,
    measure = measure,
    environment = environment,
    safe = safe,
}
