-- ZKETECH EBC testers: binary frames, numbers to the base 240, a report every two seconds.
--
-- The instrument runs a step by itself to its own end: a discharge at constant current down to a
-- voltage, a charge at constant current and then constant voltage. It acknowledges nothing: what it
-- took is seen in the echo of the three parameters in its next report. So a setpoint is sent, and
-- the reports that follow are compared with it:
--
--     idle ──start──► asked ──report echoes it──► running ──► ended (its own cutoff)
--       ▲               │ not within three reports      │
--       └──────stop─────┴────────── failure ◄───────────┘ echo changes
--
-- A stop is not sent twice in a row unless a report after it says that the test still runs: one
-- source calls it a toggle. See README.md for the sources, none of which is the maker.

local REPORT = {bytes = 19, first = 0xFA, last = 0xF8}
local NEWEST = {bytes = 19, first = 0xFA, last = 0xF8, newest = true}
local PERIOD_S = 2.0   -- between reports
local DEAD_S = 3.0     -- what was seen longer ago counts no more; was a command lost?
local LOOK_S = 0.002   -- to see what has come already
local SILENT_S = 6.5   -- three reports
local MARGIN_S = 0.05  -- a report that was on its way already may come so long after a command
local BASE = 240
local MINUTES_MAX = 999

-- unit_A of the currents on the wire; charge: the command that starts a charge
local MODELS = {
    A05 = {number = {5}, unit_A = 0.001, charge = 0x71, charge_A = 5, discharge_A = 5, volts = 30},
    A10H = {number = {6, 7}, unit_A = 0.01, charge = 0x71, charge_A = 5, discharge_A = 10, volts = 30},
    A20 = {number = {9}, unit_A = 0.01, charge = 0x21, charge_A = 5, discharge_A = 20, volts = 18,
           ends_by_current = true},
    A40 = {number = {16, 10}, unit_A = 0.01, charge = 0x21, charge_A = 40, discharge_A = 40, volts = 5,
           ends_by_current = true},
}

-- ---- Frames ---------------------------------------------------------------------------------

-- Values of 0xF0 and above are framing: a checksum there is sent modulo 240.
local function checksum(text, from, to)
    return frame.xor(text, from, to) % BASE
end

local function command(code, p1, p2, p3)
    local bytes = {code}
    for _, value in ipairs({p1 or 0, p2 or 0, p3 or 0}) do
        local high, low = frame.split(value, BASE)
        bytes[#bytes + 1] = high
        bytes[#bytes + 1] = low
    end
    local inner = frame.text(bytes)
    return "\xFA" .. inner .. string.char(checksum(inner, 1, 7)) .. "\xF8"
end

local STOP <const> = command(0x02)
local CONNECT <const> = command(0x05)

local function word(text, place)
    return frame.join(text:byte(place), text:byte(place + 1), BASE)
end

-- A report, or nil when its checksum is wrong or it is of the kind that stands between two states.
local function decode(self, text)
    local found, due = text:byte(18), frame.xor(text, 2, 17)
    if found ~= due and found ~= due % BASE and found ~= due & 0x0F then
        return nil
    end
    for i = 2, 17 do
        if text:byte(i) >= 0xF0 then
            return nil
        end
    end
    local state = text:byte(2)
    if state >= 100 then
        return nil
    end
    local model = MODELS[self.options.model]
    local charge = word(text, 7)
    local charge_Ah = charge / 1000
    if model.ends_by_current and text:byte(7) & 0x80 ~= 0 then
        charge_Ah = (frame.join(text:byte(7) & 0x7F, text:byte(8), BASE) - 2048) / 100
    end
    local mode = state % 10
    return {
        running = state // 10 == 1,
        ended = state // 10 == 2,
        discharging = mode == 0 or mode == 1,
        current = word(text, 3) * model.unit_A,
        voltage = word(text, 5) / 1000,
        charge = charge_Ah,
        p1 = word(text, 11), p2 = word(text, 13), p3 = word(text, 15),
        model = text:byte(17),
    }
end

local function keep(self, text)
    local report = decode(self, text)
    if report then
        report.t = self.bus:now()
        self.last = report
    end
    return report
end

-- The newest report that waits; else one that comes within `wait` seconds; else nil.
local function next_report(self, wait)
    self.looked = self.bus:now()
    local till = self.bus:now() + math.min(wait, math.max(self.bus:left() - 0.005, 0))
    repeat
        local there, text = pcall(self.bus.read, self.bus, NEWEST,
                                  math.max(till - self.bus:now(), LOOK_S))
        if not there then
            if text[1] ~= self.timeout then
                error(text)
            end
            return nil
        end
        if keep(self, text) then
            return self.last
        end
    until self.bus:now() >= till
    return nil
end

-- ---- Who it is ------------------------------------------------------------------------------

local function identify(self)
    -- It streams already, or it begins to when it is told that a computer is there.
    local report = next_report(self, 0.02)
    if not report then
        self.bus:write(CONNECT)
        report = next_report(self, DEAD_S)
    end
    if not report then
        fail("timeout", "there is no report with a good checksum: are parity (odd for A10H, A20, " ..
                        "A40, even for A05) and speed right?")
    end
    for _, number in ipairs(MODELS[self.options.model].number) do
        if report.model == number then
            self.bus:in_step()
            return {maker = "ZKETECH", model = "EBC-" .. self.options.model}
        end
    end
    fail("identity", "the tester calls itself model " .. report.model .. ", which is no EBC-" ..
                     self.options.model)
end

-- ---- Setpoints ------------------------------------------------------------------------------

local function check_echo(self)
    local asked, last = self.asked, self.last
    if not asked or not last or last.t <= asked.t then
        return
    end
    local same = last.p1 == asked.p1 and last.p2 == asked.p2 and
                 (last.p3 == asked.p3 or not asked.p3)
    if same and (last.running or last.ended) and last.discharging == asked.discharging then
        asked.seen = true
    elseif asked.seen and same and not last.running then
        last.ended = true
    elseif asked.seen or last.t > asked.t + SILENT_S then
        self.asked = nil
        fail("refused", "the tester did not take the setpoint, or runs another one")
    end
end

-- A report from before the newest command is taken for none: it would be read as a sample of the
-- new setpoint.
local function is_of_now(self, report)
    local asked = self.asked
    return report and not (asked and not asked.seen) and
           not (self.stopped and report.t <= self.stopped + MARGIN_S)
end

local function start(self, code, discharging, p1, p2, p3)
    local running = self.last and self.last.running
    local adjust = running and self.asked and self.asked.discharging and discharging
    if running and not adjust then
        self.bus:write(STOP)
    end
    self.bus:write(command(adjust and 0x07 or code, p1, p2, p3))
    self.asked = {discharging = discharging, p1 = p1, p2 = p2, p3 = p3, t = self.bus:now(),
                  code = code}
    self.stopped = nil
end

local function round(value)
    return math.tointeger(math.floor(value + 0.5))
end

local function minutes(self, drive, is_new)
    local passed = is_new and 0 or self.bus:now() - self.began
    return math.min(math.ceil((passed + drive.backstop_after) / 60) + 1, MINUTES_MAX)
end

local function stop(self)
    self.asked = nil
    if not self.stopped or (self.last and self.last.running and self.last.t > self.stopped) then
        self.bus:write(STOP)
        self.stopped = self.bus:now()
        return true
    end
end

local function current_units(self, current, most)
    local unit = MODELS[self.options.model].unit_A
    local units = round(math.abs(current) / unit)
    if units < 1 or math.abs(current) > most then
        fail("input", fixed(current, 3) .. " A: this tester takes " .. fixed(unit, 3) .. " A to " ..
                      fixed(most, 2) .. " A")
    end
    return units
end

local function volts_units(self, volts)
    if not volts or volts <= 0 or volts > MODELS[self.options.model].volts then
        fail("input", "this tester needs a voltage above 0 V and up to " ..
                      fixed(MODELS[self.options.model].volts) .. " V at which it stops")
    end
    return volts
end

local function discharge(self, drive, current)
    local model = MODELS[self.options.model]
    local p1 = current_units(self, current, model.discharge_A)
    -- Upwards: it stops rather above the bound than below it.
    local p2 = math.ceil(volts_units(self, drive.backstop_low) * 100 - 1e-9)
    local is_new = not (self.asked and self.asked.discharging and self.asked.seen)
    if is_new then
        self.began = self.bus:now()
    end
    start(self, 0x01, true, p1, p2, minutes(self, drive, is_new))
end

local function charge(self, drive, current, volts)
    local model = MODELS[self.options.model]
    local p1 = current_units(self, current, model.charge_A)
    local p2 = math.floor(volts_units(self, volts) * 100 + 1e-9)
    local asked = self.asked
    local same = asked and not asked.discharging and asked.p1 == p1 and asked.p2 == p2
    if same and (model.ends_by_current or
                 self.began + asked.p3 * 60 - self.bus:now() >= drive.backstop_after) then
        return -- it runs on; starting it anew would interrupt the current
    end
    self.began = self.bus:now()
    start(self, model.charge, false, p1, p2,
          model.ends_by_current and self.end_current_units or minutes(self, drive, true))
end

local function apply(self, _, drive)
    if drive.control == "open" then
        stop(self)
        return
    end
    if not self.bounds then
        fail("refused", "the tester is not set up for a cell; protect it first")
    end
    local bounds, value = drive.bounds, drive.value
    if drive.slope and drive.slope ~= 0 then
        fail("unsupported", "an EBC runs no ramp")
    end
    if drive.control == "current" then
        if value < bounds.current_min or value > bounds.current_max then
            fail("input", fixed(value, 3) .. " A lies outside the bounds")
        end
        if value == 0 then
            stop(self)
        elseif value < 0 then
            discharge(self, drive, value)
        else
            charge(self, drive, value, drive.backstop_high)
        end
    elseif drive.control == "voltage" then
        if value > bounds.voltage_max then
            fail("input", fixed(value, 3) .. " V lies outside the bounds")
        end
        charge(self, drive, math.min(drive.current_max, bounds.current_max), value)
    else
        fail("unsupported", "an EBC discharges at a current and charges at a current and a " ..
                            "voltage, nothing else")
    end
end

local function protect(self, _, bounds)
    if not (bounds.voltage_min and bounds.voltage_max and bounds.current_max) then
        fail("input", "a tester that runs by itself needs bounds of voltage and current")
    end
    local report = next_report(self, LOOK_S) or self.last
    if not report or self.bus:now() - report.t > DEAD_S then
        report = next_report(self, DEAD_S) or fail("timeout", "there is no report yet")
    end
    if report.running then
        fail("refused", "a test runs; it is set up while idle alone")
    end
    -- There is no register of its own for bounds: they go with each setpoint.
    self.bounds = bounds
end

-- ---- Measuring ------------------------------------------------------------------------------

-- What has come since the last look. After a long time without one it may be as old as that, and is
-- thrown away.
local function look(self)
    local gap = self.bus:now() - (self.looked or self.bus:now())
    local before = self.last
    next_report(self, LOOK_S)
    if gap > DEAD_S then
        self.last = before
    end
end

-- Never waits: between two reports there is nothing new, and the last one is given once more.
local function measure(self)
    look(self)
    check_echo(self)
    if is_of_now(self, self.last) then
        self.given = self.last
    end
    local last = self.given or self.last
    local heard = self.last and self.last.t or self.opened
    if not last or self.bus:now() - heard > SILENT_S then
        fail("timeout", "there is no report")
    end
    local asked = self.asked
    local held = last.running and not last.discharging and last.voltage * 100 >= last.p2 - 1 and
                 last.current < 0.98 * last.p1 * MODELS[self.options.model].unit_A
    return {
        t = last.t,
        voltage = last.voltage,
        current = not last.running and 0 or last.discharging and -last.current or last.current,
        charge = last.charge,
        output_on = last.running,
        cv = held,
        ended = last.ended and asked ~= nil and asked.seen,
    }
end

-- Off as a report says that was made after our stop, and not long ago.
local function is_seen_off(self)
    local last = self.last
    return self.stopped and last and last.t > self.stopped + MARGIN_S and not last.running and
           self.bus:now() - last.t <= DEAD_S
end

-- The stop goes out at once; whether it was obeyed is in the next report, so that this may take
-- several calls. What was sent is remembered in between.
local function safe(self)
    self.bounds = nil
    while self.bus:left() > 0.02 do
        next_report(self, LOOK_S)
        if is_seen_off(self) then
            return
        end
        local heard = self.last and self.last.t or 0
        if self.stopped and self.bus:now() - math.max(self.stopped, heard) > DEAD_S then
            self.stopped = nil -- silent: it may have missed the stop
        end
        if stop(self) then
            self.bus:write(CONNECT) -- it may have been told to be silent
        end
        next_report(self, PERIOD_S)
    end
    local running = self.last and self.last.t > self.stopped + MARGIN_S
    fail("timeout", running and "the tester does not stop" or
                    "no report has said yet that the tester has stopped")
end

return {
    name = "zketech_ebc",
    title = "ZKETECH EBC battery tester (serial)",
    models = "EBC-A05, EBC-A10H, EBC-A20, EBC-A40",
    roles = {"cycler"},
    bus = {baud = 9600, parity = "odd", byte_gap = 0.01},
    options = {
        {name = "model", choices = "A05|A10H|A20|A40", help = "model; they differ in units and commands"},
        {name = "end_current", kind = "current", low = 0, default = "0 A",
         help = "A20, A40: current at which the tester ends a charge by itself; 0: its smallest"},
    },
    capabilities = function(self)
        local model = MODELS[self.options.model]
        return {
            controls = {"open", "current", "voltage"},
            measurands = {"voltage", "current", "charge"},
            traits = {"crosses_over", "runs_steps", "own_cutoff", "streams"},
            watchdog = "none",
            voltage = {0, model.volts},
            current = {-model.discharge_A, model.charge_A},
            resolution = {voltage = 0.001, current = model.unit_A, charge = 0.001},
            fastest_sample = 2,
            safe_time = 6.5, -- three reports
        }
    end,
    open = function(self)
        local unit = MODELS[self.options.model].unit_A
        self.end_current_units = math.max(1, round(self.options.end_current / unit))
        local _, failure = pcall(fail, "timeout", "")
        self.timeout = failure[1]
        self.opened = self.bus:now()
    end,
    identify = identify,
    protect = protect,
    apply = apply,
    measure = measure,
    safe = safe,
    -- Nothing is asked, so nothing can come late; a report has its own bounds and checksum.
    resync = function(self)
        self.bus:in_step()
    end,
}
