-- BONGSHIN BS-205 force indicator: frames of ten bytes, STX, identity, sign, six characters, ETX.
-- No unit, no checksum, no word for overload on the wire. See README.md for the sources.

local STX, ETX = 0x02, 0x03

-- N per unit
local UNITS = {N = 1, kN = 1000, kgf = 9.80665, gf = 0.00980665, tf = 9806.65, lbf = 4.4482216152605}

local function identity_byte(self)
    return string.char(0x30 + math.tointeger(self.options.id))
end

-- "+  7487", "+ 7.487": the value, or nil when it is no number
local function decode(self, bytes)
    if bytes:sub(2, 2) ~= identity_byte(self) then
        self.bus:out_of_step()
        fail("identity", "the indicator with identity " .. bytes:byte(2) - 0x30 ..
                         " answers instead of " .. fixed(self.options.id))
    end
    local sign, digits = bytes:sub(3, 3), bytes:sub(4, 9)
    if sign ~= "+" and sign ~= "-" then
        return nil
    end
    local value
    local text = trim(digits)
    for i = 1, #text do
        local c = text:byte(i)
        if c ~= 0x2E and (c < 0x30 or c > 0x39) then
            return nil
        end
    end
    value = number(text)
    return value and (sign == "-" and -value or value)
end

local function read_stream(self)
    -- What waits may have been sent long ago; the frame after it is fresh.
    local frame = {bytes = 10, first = STX, last = ETX}
    self.bus:read({bytes = 10, first = STX, last = ETX, newest = true})
    local value = decode(self, self.bus:read(frame))
    self.bus:in_step()
    return value
end

local function read_request(self)
    local frame = {bytes = 10, first = STX, last = ETX}
    local request = identity_byte(self) .. "R"
    if self.bus:is_in_step() then
        return decode(self, self.bus:exchange(request, frame))
    end
    self.bus:drain(0.05)
    self.bus:write(request)
    local value = decode(self, self.bus:read(frame))
    self.bus:in_step()
    return value
end

local function read_value(self)
    if self.options.mode == "stream" then
        return read_stream(self)
    end
    return read_request(self)
end

return {
    name = "bongshin_bs205",
    title = "BONGSHIN BS-205 force indicator (RS-232, RS-422, RS-485)",
    models = "BS-205",
    roles = {"sensor"},
    bus = {baud = 9600, parity = "even", command_gap = 0.2},
    options = {
        {name = "unit", choices = "N|kN|kgf|gf|tf|lbf", default = "kgf",
         help = "unit of the display; it is not transmitted"},
        {name = "id", kind = "number", low = 0, high = 15, default = "0",
         help = "identity, menu id"},
        {name = "mode", choices = "request|stream", default = "request",
         help = "menu rC.on: ON answers requests, OFF transmits all the time"},
        {name = "division", kind = "number", low = 0, default = "0",
         help = "smallest step of the display, in its unit; 0: not known"},
    },
    capabilities = function(self)
        local division = self.options.division * UNITS[self.options.unit]
        return {
            measurands = {"force"},
            traits = self.options.mode == "stream" and {"streams"} or {"shares_port"},
            resolution = {force = division > 0 and division or nil},
            fastest_sample = 0.25,
        }
    end,
    -- It cannot say who it is: a frame with the right identity is all there is.
    identify = function(self)
        read_value(self)
        return {}
    end,
    measure = function(self)
        local value = read_value(self)
        return {
            force = value and value * UNITS[self.options.unit],
            why = not value and "the display shows no number" or nil,
        }
    end,
}
