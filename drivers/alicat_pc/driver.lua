-- Alicat PC and PCD pressure controllers: lines that end in CR, each beginning with the letter of
-- the unit, so that several share a port. See README.md for the commands and their sources.

local LINE = {line = "\r"}
local QUIET_S = 0.05
local DASHES <const> = "----------------" -- where there is no value

-- Pa per unit; the letter for absolute, gauge or differential is cut before
local UNITS = {
    PA = 1, HPA = 100, KPA = 1e3, MPA = 1e6, MBAR = 100, BAR = 1e5, PSI = 6894.757293168,
    ATM = 101325, TORR = 101325 / 760, MMHG = 133.322387415, INHG = 3386.388640341,
    INH2O = 249.08891, CMH2O = 98.0665, ["KG/CM2"] = 98066.5,
}

local function unit_factor(word)
    local name = word:upper()
    local last = name:sub(-1)
    if not UNITS[name] and (last == "A" or last == "G" or last == "D") then
        name = name:sub(1, -2)
    end
    return UNITS[name]
end

-- Frame "A +050.01 +050.00 …": pressure and setpoint, in the unit's own unit; then status words.
local function field(self, line, word)
    local value, why = number(word)
    if why == "none" and word ~= DASHES:sub(1, #word) then
        self.bus:out_of_step()
        fail("reply", "'" .. line .. "' is no frame of unit " .. self.options.unit)
    end
    return value
end

local function decode(self, line)
    local words = split(line)
    if words[1] == "?" or words[2] == "?" then
        self.bus:out_of_step()
        fail("refused", "unit " .. self.options.unit .. " does not know the command")
    elseif words[1] ~= self.options.unit or #words < 3 then
        self.bus:out_of_step()
        fail("reply", "'" .. line .. "' is no frame of unit " .. self.options.unit)
    end
    local frame = {pressure = field(self, line, words[2]), set = field(self, line, words[3]),
                   status = {}}
    for i = 4, #words do
        if number(words[i]) then
            self.bus:out_of_step()
            fail("identity", "'" .. line .. "' is the frame of another kind of controller")
        end
        frame.status[words[i]] = true
    end
    local point = find(words[3], ".")
    frame.digit = point and 10 ^ -(#words[3] - point) or 1
    return frame
end

local function poll(self)
    return decode(self, self.bus:exchange(self.options.unit .. "\r", LINE))
end

-- On a bus that may be out of step.
local function poll_anew(self)
    self.bus:drain(QUIET_S)
    self.bus:write(self.options.unit .. "\r")
    local frame = decode(self, self.bus:read(LINE))
    self.bus:in_step()
    return frame
end

-- The description of the frame comes in lines without an end; that of the pressure names its unit.
local function ask_unit(self)
    local factor
    self.bus:drain(QUIET_S)
    self.bus:write(self.options.unit .. "??D*\r")
    for _ = 1, 24 do
        local there, line = pcall(self.bus.read, self.bus, LINE, 0.3)
        if not there then
            break
        end
        local words = split(line)
        if not factor and find(line:upper(), "PRESS") then
            factor = unit_factor(words[#words] or "")
        end
    end
    self.bus:out_of_step()
    if not factor then
        fail("reply", "unit " .. self.options.unit .. " does not say in which unit it measures; " ..
                      "state it in the rig, as pressure_unit")
    end
    return factor
end

local function factor_of(self)
    if not self.factor then
        local stated = self.options.pressure_unit
        self.factor = stated ~= "ask" and unit_factor(stated) or nil
    end
    return self.factor or fail("stale", "the unit of the pressure is not known before identify")
end

local function identify(self)
    if self.options.pressure_unit == "ask" then
        self.factor = ask_unit(self)
    end
    local frame = self.bus:is_in_step() and poll(self) or poll_anew(self)
    self.digit = frame.digit
    return {maker = "Alicat", model = "PC", serial_number = ""}
end

local function set_pressure(self, pressure)
    local factor = factor_of(self)
    local value = pressure / factor
    local decimals = self.digit and math.max(0, math.floor(0.5 - math.log(self.digit, 10))) or 2
    local command = self.options.unit .. "S" .. fixed(value, math.tointeger(decimals))
    local frame = decode(self, self.bus:exchange(command .. "\r", LINE))
    local digit = frame.digit
    if not frame.set or math.abs(frame.set - value) > 1.01 * digit then
        fail("refused", "'" .. command .. "' was not taken: the setpoint is " ..
                        tostring(frame.set) .. "; is its source Serial at the front panel?")
    end
end

local function measure(self)
    local frame = poll(self)
    local factor = factor_of(self)
    -- Over its range the number means nothing.
    local pressure = not frame.status.POV and frame.pressure or nil
    return {
        pressure = pressure and pressure * factor,
        pressure_set = frame.set and frame.set * factor,
        output_on = not frame.status.HLD,
        protection = frame.status.OPL,
        why = frame.status.POV and "over range" or
              not pressure and "the controller gives no pressure" or nil,
    }
end

local function environment(self, _, wanted, bounds)
    if wanted.pressure_off then
        set_pressure(self, 0)
    elseif wanted.pressure then
        local low, high = bounds.pressure_min, bounds.pressure_max
        if (low and wanted.pressure < low) or (high and wanted.pressure > high) then
            fail("input", fixed(wanted.pressure) .. " Pa lies outside the bounds")
        end
        set_pressure(self, wanted.pressure)
    end
end

-- Sent whole each time: what is left of a half-sent command spoils the first attempt alone.
local function safe(self)
    if self.options.when_safe == "keep" then
        return
    end
    retry.until_done(self.bus, function()
        self.bus:drain(QUIET_S)
        self.bus:write(self.options.unit .. "S0\r")
        self.bus:drain(QUIET_S)
        local frame = poll_anew(self)
        if frame.set ~= 0 then
            fail("refused", "the setpoint is " .. tostring(frame.set) .. " instead of 0")
        end
    end)
end

return {
    name = "alicat_pc",
    title = "Alicat PC, PCD pressure controller (RS-232, RS-485)",
    models = "PC and PCD series, frames of pressure and setpoint",
    roles = {"press"},
    bus = {baud = 19200, command_gap = 0.005},
    options = {
        {name = "unit", choices = "A|B|C|D|E|F|G|H|I|J|K|L|M|N|O|P|Q|R|S|T|U|V|W|X|Y|Z",
         default = "A", help = "letter of the unit"},
        {name = "pressure_unit",
         choices = "ask|Pa|hPa|kPa|MPa|mbar|bar|psi|atm|torr|mmHg|inHg|inH2O|cmH2O", default = "ask",
         help = "unit of the frames; ask: the instrument is asked"},
        {name = "full_scale", kind = "pressure", low = 0, default = "0 Pa",
         help = "highest pressure of the instrument; 0: only the limits of the channel count"},
        {name = "when_safe", choices = "vent|keep", default = "vent",
         help = "what becomes of the pressure when it is made safe"},
    },
    capabilities = function(self)
        local full = self.options.full_scale
        local digit = self.digit and self.factor and self.digit * self.factor
        return {
            measurands = {"pressure", "pressure_set"},
            traits = {"shares_port"},
            watchdog = "none",
            pressure = full > 0 and {0, full} or nil,
            resolution = {pressure = digit, pressure_set = digit},
            fastest_sample = 0.1,
            safe_time = 0.5,
        }
    end,
    identify = identify,
    measure = measure,
    environment = environment,
    safe = safe,
}
