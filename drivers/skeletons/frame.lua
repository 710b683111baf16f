-- A sensor with fixed frames: two bytes ask, six bytes answer.
--
--     > 55 address         < AA address status high low sum

local ANSWER = {bytes = 6}

local function ask(self)
    local request = frame.text({0x55, self.options.address})
    local reply
    if self.bus:is_in_step() then
        reply = self.bus:exchange(request, ANSWER)
    else
        self.bus:drain(0.02)
        self.bus:write(request)
        reply = self.bus:read(ANSWER)
    end
    local bytes = frame.bytes(reply)
    if bytes[1] ~= 0xAA or bytes[2] ~= self.options.address or
       bytes[6] ~= frame.sum(reply, 1, 5) then
        self.bus:out_of_step()
        fail("reply", frame.hex(reply) .. " is no answer of sensor " .. fixed(self.options.address))
    end
    self.bus:in_step()
    return bytes
end

return {
    name = "my_sensor",
    title = "My temperature sensor (fixed frames)",
    models = "SENSOR 1",
    roles = {"sensor"},
    bus = {baud = 9600, parity = "even"},
    options = {
        {name = "address", kind = "number", low = 1, high = 247, default = "1", help = "its address"},
    },
    capabilities = {
        measurands = {"temperature"},
        traits = {"shares_port"},
        resolution = {temperature = 0.1},
        fastest_sample = 0.2,
    },
    identify = function(self)
        ask(self)
        return {}
    end,
    measure = function(self)
        local bytes = ask(self)
        local broken = bytes[3] ~= 0
        return {
            temperature = not broken and frame.join(bytes[4], bytes[5], 256) / 10 or nil,
            why = broken and "the sensor is broken" or nil,
        }
    end,
}
