-- A SCPI supply that only charges: what must be there, and nothing else. Copy it to
-- drivers/<name>/driver.lua, or keep it anywhere and name its path in the rig.

return {
    name = "my_supply",
    title = "My supply (SCPI)",
    models = "SUPPLY 1",
    roles = {"cycler"},
    bus = {baud = 9600},
    options = {
        {name = "range", kind = "current", low = 0, high = 3, default = "1 A",
         help = "range of the current"},
    },
    capabilities = {
        controls = {"open", "current", "voltage"},
        measurands = {"voltage", "current"},
        voltage = {0, 20},
        current = {0, 3},
        fastest_sample = 0.2,
        safe_time = 0.4,
    },
    open = function(self) -- sends nothing
        self.smu = scpi.on(self.bus, "\n")
    end,
    identify = function(self)
        local identity = scpi.identity(self.smu.ask("*IDN?"))
        if identity.model ~= "SUPPLY 1" then
            fail("identity", "this is a " .. identity.model .. ", not a SUPPLY 1")
        end
        self.bus:in_step() -- the answer can belong to no other question
        return identity
    end,
    protect = function(self, _, bounds) -- output off; limits written and read back
        if self.smu.number("OUTP?") ~= 0 then
            fail("refused", "the output is on")
        end
        self.smu.set("VOLT:PROT", bounds.voltage_max, 0.01)
        self.smu.set("CURR", 0, 1e-3)
        self.ready = true
    end,
    apply = function(self, _, drive)
        if drive.control == "open" then
            self.smu.set_word("OUTP", "OFF", "0")
            return
        elseif not self.ready then
            fail("refused", "protect it first")
        elseif drive.value < 0 then
            fail("unsupported", "this supply cannot discharge")
        end
        local current = drive.control == "current" and drive.value or drive.current_max
        local voltage = drive.control == "voltage" and drive.value or drive.bounds.voltage_max
        self.smu.set("VOLT", voltage, 0.001)
        self.smu.set("CURR", current, 1e-3)
        self.smu.set_word("OUTP", "ON", "1")
    end,
    measure = function(self)
        local voltage, why = self.smu.number("MEAS:VOLT?")
        local current, why_not = self.smu.number("MEAS:CURR?")
        return {
            voltage = voltage,
            current = current,
            output_on = self.smu.number("OUTP?") ~= 0,
            why = why or why_not,
        }
    end,
    safe = function(self) -- from any state: written first, seen afterwards, tried again
        self.ready = false
        retry.until_done(self.bus, function()
            self.smu.write("OUTP OFF")
            self.smu.resync()
            if self.smu.number("OUTP?") ~= 0 then
                fail("refused", "the output is still on")
            end
        end)
    end,
    resync = function(self)
        self.smu.resync()
    end,
}
