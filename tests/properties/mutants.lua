-- Slips of the pen: every quantity in the setpoints, cutoffs and limits of the shipped YAML protocols is changed the way
-- people get it wrong, one slip per mutant, and `cyclostat check` has to refuse each mutant or warn about it.
--
--   lua5.4 mutants.lua <cyclostat> <source folder> [-v]
--
-- Slips that count: a factor of 1000 too much (A for mA), a unit of another kind, a lost or wrong sign, < for >, limits the
-- wrong way round, a cutoff or limit left out; at most 1 % of these may survive. Beyond them: a factor of 1000 too little
-- (slow or early, rarely dangerous) and charge for discharge, of which at most 5 % may survive. The generator is
-- deterministic and knows nothing of the checks. Every survivor is printed and must have a reason below why it does no harm.

local cyclostat, source, verbose = arg[1], arg[2], arg[3] == "-v"

-- Why a survivor does no harm. The first pattern that matches "slip | section | mutated line" counts.
local harmless = {
  { "direction | setpoint | .*pulse:", "a pulse the other way is as short and as large; the block's cutoffs and the limits hold" },
  { "direction | setpoint | .*width:", "a pulse the other way is as short and as large; the block's cutoffs and the limits hold" },
  { "direction | setpoint | .*pulse_rate", "it ends after the same time or at the voltage limits of the block" },
  { "direction | setpoint | .*region_1", "a fresh cell cannot be discharged: it ends at once, and the expectations miss" },
  { "direction | cutoff | .*leave_when", "the loop is left after its first pass: fewer cycles, nothing else" },
  { "direction | cutoff | .*soc", "the step ends at once" },
  { "direction | cutoff | .*dI/dt", "the hold ends by its time" },
  { "x1000 | cutoff | .*%d000 s", "the voltage beside it ends the step" },
  { "x1000 | setpoint | .*impedance", "a smaller or wider band of lawful frequencies" },
  { "/1000 | setpoint | .*current:", "a hold with less current: slower" },
  { "x1000 | limit | .*current: 10 A", "the protocol passes no current" },
  { "/1000 | limit | .*current: 10 uA", "the protocol passes no current" },
  { "/1000 | limit | .*pressure:", "the lower limit of a press that the cell needs not for its safety" },
  { "missing | cutoff | .*dV/dt", "the rest takes its full time" },
  { "missing | cutoff | .*voltage [<>]=", "each step inside has its own end, and limits.voltage holds" },
}

-- ---- reading: where the quantities are ---------------------------------------------------------------------------------

local SETPOINT = { charge = true, discharge = true, hold = true, current = true, temperature = true, pressure = true, rest = true,
                   rate = true, to = true, from = true, width = true, sweep = true }
local CUTOFF = { cutoff = true, when = true, all = true, resume = true }
local LIMIT = { voltage = true, current = true, temperature = true, pressure = true, capacity = true, power = true }

local UNITS = { "mAh/cm2", "mAh/g", "mA/cm2", "mA/g", "mV/s", "mV/h", "K/min", "%/h", "mAh", "Ah", "mWh", "Wh", "mV", "uV", "V", "mA", "uA",
                "nA", "A", "mW", "W", "ohm", "MPa", "kPa", "degC", "min", "ms", "mHz", "kHz", "MHz", "Hz", "C", "K", "h", "s", "d", "%" }
local THOUSAND = { V = { "kV", "mV" }, mV = { "V", "uV" }, A = { "kA", "mA" }, mA = { "A", "uA" }, Ah = { "kAh", "mAh" }, mAh = { "Ah", "uAh" } }
local LARGER = { V = true, A = true, Ah = true } -- kV, kA and kAh are no units here: their slip is the number itself
-- Where people slip from a unit to one a thousand times smaller; nobody writes millihours or millidegrees.
local PREFIXED = { V = true, mV = true, A = true, mA = true, Ah = true, mAh = true, C = true, MPa = true, ["mAh/g"] = true, ["mA/g"] = true,
                   ["mV/s"] = true, ["mV/h"] = true }
local OTHER_KIND = { V = "A", mV = "mA", A = "V", mA = "mV", C = "V", h = "V", min = "V", s = "V", d = "V", degC = "C", MPa = "V",
                     Ah = "A", mAh = "mA", ["mAh/g"] = "mA/g", ["mA/g"] = "mAh/g", ["mV/s"] = "mV", ["mV/h"] = "mV", ["%/h"] = "%",
                     ["%"] = "V", K = "V", ms = "V", uA = "uV", nA = "V" }

local function escape(text) return (text:gsub("%p", "%%%0")) end

-- The quantities of a line: first, last, number, gap, unit. A comment is not looked at.
local function quantities(line)
  local found, at = {}, 1
  local stop = line:find("%s#") or line:find("^#") or #line + 1
  while at < stop do
    local a, b = line:find("%-?%d+%.?%d*", at)
    if not a or a >= stop then break end
    local before = line:sub(a - 1, a - 1)
    if before:match("[%a_%.]") or before == "/" and not line:sub(a - 2, a - 2):match("C") then
      at = b + 1
    elseif before == "/" then
      found[#found + 1] = { first = a - 2, last = b, number = "C/" .. line:sub(a, b), gap = "", unit = "C/", denominator = line:sub(a, b) }
      at = b + 1
    else
      local gap = line:match("^ ?", b + 1)
      for _, unit in ipairs(UNITS) do
        local e = b + #gap + #unit
        if line:sub(b + #gap + 1, e) == unit and not line:sub(e + 1, e + 1):match("[%w_/]") then
          found[#found + 1] = { first = a, last = e, number = line:sub(a, b), gap = gap, unit = unit }
          b = e
          break
        end
      end
      at = b + 1
    end
  end
  return found
end

-- The key that a column of a line belongs to: the nearest one to the left, else that of a line above with less indent.
local function key_of(lines, n, column)
  local key
  for name, at in lines[n]:gmatch("([%a_]+):()") do
    if at <= column then key = name end
  end
  if key then return key end
  local indent = #lines[n]:match("^ *")
  for above = n - 1, 1, -1 do
    if lines[above]:match("%S") and #lines[above]:match("^ *") < indent then return lines[above]:match("([%a_]+): *$") end
  end
end

-- In which part of the file a line stands: "limits", "method", …
local function section_of(lines, n)
  for above = n, 1, -1 do
    local name = lines[above]:match("^(%a[%w_]*):")
    if name then return name end
  end
end

local function interesting(section, key, line)
  if section == "limits" then return "limit", LIMIT[key] end
  if section ~= "method" then return nil, false end
  if line:match("limits:") and LIMIT[key] then return "limit", true end
  if line:match("record:") or line:match("burst:") then
    local record = line:find("record:", 1, true) or line:find("burst:", 1, true)
    return "record", false, record
  end
  if CUTOFF[key] then return "cutoff", true end
  return "setpoint", SETPOINT[key]
end

-- ---- writing: the slips ------------------------------------------------------------------------------------------------

local mutants = {}
local function mutant(file, lines, n, slip, section, new)
  if new == lines[n] then return end
  mutants[#mutants + 1] = { file = file, lines = lines, n = n, slip = slip, section = section, new = new }
end

local function replaced(line, q, text) return line:sub(1, q.first - 1) .. text .. line:sub(q.last + 1) end
local function number(value) return (string.format("%.10g", value)) end

local function slips_of_quantity(file, lines, n, section, q)
  local line = lines[n]
  local function put(slip, text) mutant(file, lines, n, slip, section, replaced(line, q, text)) end
  if q.denominator then -- C/20
    put("x1000", number(1000 / tonumber(q.denominator)) .. " C")
    put("/1000", "C/" .. number(1000 * tonumber(q.denominator)))
    put("sign", "-C/" .. q.denominator)
    put("kind", q.denominator .. " V")
    return
  end
  local value = tonumber(q.number)
  local swap = THOUSAND[q.unit]
  if value ~= 0 then
    put("x1000", swap and LARGER[swap[1]] and q.number .. q.gap .. swap[1] or number(value * 1000) .. q.gap .. q.unit)
    if PREFIXED[q.unit] then put("/1000", swap and q.number .. q.gap .. swap[2] or number(value / 1000) .. q.gap .. q.unit) end
    if q.unit ~= "degC" then put("sign", number(-value) .. q.gap .. q.unit) end
  end
  put("kind", q.number .. q.gap .. (OTHER_KIND[q.unit] or "V"))
end

local function slips_of_line(file, lines, n)
  local line, section = lines[n], section_of(lines, n)
  if line:match("^%s*#") then return end
  for _, q in ipairs(quantities(line)) do
    local what, wanted, record = interesting(section, key_of(lines, n, q.first), line)
    if not wanted and record and q.first < record then what, wanted = "setpoint", SETPOINT[key_of(lines, n, q.first)] or CUTOFF[key_of(lines, n, q.first)] end
    if wanted then slips_of_quantity(file, lines, n, what, q) end
  end
  if section == "limits" then
    local low, high = line:match("%[(.-), (.-)%]")
    if low then mutant(file, lines, n, "swapped", "limit", (line:gsub("%[.-%]", "[" .. high:gsub("%%", "%%%%") .. ", " .. low:gsub("%%", "%%%%") .. "]"))) end
    if line:match("^%s+voltage:") or line:match("^%s+current:") then mutant(file, lines, n, "missing", "limit", "") end
  elseif section == "method" then
    -- a cutoff left out: in flow style, or a line of its own that nothing hangs on
    local without = line:gsub(", cutoff: [^,}]+", "", 1)
    mutant(file, lines, n, "missing", "cutoff", without)
    if line:match("^%s+cutoff: %S") and not line:match("%[$") and not line:match("{.*when.*action: pause") then
      mutant(file, lines, n, "missing", "cutoff", "")
    end
    -- the wrong direction
    if line:match("[{%s]charge: ") then mutant(file, lines, n, "direction", "setpoint", (line:gsub("([{%s])charge: ", "%1discharge: ", 1)))
    elseif line:match("discharge: ") then mutant(file, lines, n, "direction", "setpoint", (line:gsub("discharge: ", "charge: ", 1))) end
    if line:match("cutoff:.*[<>]") or line:match("when:.*[<>]") or line:match("^%s+%- voltage [<>]") then
      mutant(file, lines, n, "direction", "cutoff", (line:gsub("[<>]", { ["<"] = ">", [">"] = "<" }, 1)))
    end
  end
end

-- ---- running -----------------------------------------------------------------------------------------------------------

local function read_lines(path)
  local lines = {}
  for line in io.lines(path) do lines[#lines + 1] = line end
  return lines
end

local list = assert(io.popen("cd '" .. source .. "' && ls protocols/song2024/*.yaml protocols/library/*.yaml"))
local folder = assert(io.popen("mktemp -d")):read("l")
os.execute("cp -r '" .. source .. "/protocols/library' '" .. source .. "/protocols/song2024' '" .. folder .. "'")
for path in list:lines() do
  local lines = read_lines(source .. "/" .. path)
  for n = 1, #lines do slips_of_line(path, lines, n) end
end
list:close()

local function survives(m)
  local path = folder .. "/" .. m.file:match("(%w+)/[^/]+$") .. "/mutant.yaml"
  local out = assert(io.open(path, "w"))
  for n, line in ipairs(m.lines) do out:write(n == m.n and m.new or line, "\n") end
  out:close()
  local run = assert(io.popen("'" .. cyclostat .. "' check '" .. path .. "' 2>&1; echo \"exit $?\""))
  local said = run:read("a")
  run:close()
  local code = tonumber(said:match("exit (%d+)%s*$"))
  if code > 1 then error(m.file .. ":" .. m.n .. ": check ended with " .. code .. " for:\n" .. m.new .. "\n" .. said) end
  return code == 0 and not said:find("warning:", 1, true)
end

local function counts(m) return m.slip ~= "/1000" and not (m.slip == "direction" and m.section == "setpoint") end

local tally, unexplained = {}, 0
local all, alive = { [true] = 0, [false] = 0 }, { [true] = 0, [false] = 0 }
for _, m in ipairs(mutants) do
  all[counts(m)] = all[counts(m)] + 1
  local name = m.slip .. " in a " .. m.section
  tally[name] = tally[name] or { all = 0, caught = 0 }
  tally[name].all = tally[name].all + 1
  if survives(m) then
    alive[counts(m)] = alive[counts(m)] + 1
    local line = m.new == "" and "(left out:" .. m.lines[m.n] .. ")" or m.new
    local reason
    for _, row in ipairs(harmless) do
      if (m.slip .. " | " .. m.section .. " | " .. line):find(row[1]) then reason, row.used = row[2], true break end
    end
    if not reason then unexplained = unexplained + 1 end
    print(string.format("survivor: %s:%d: %s in a %s: %s", m.file, m.n, m.slip, m.section, line:match("^%s*(.-)%s*$")))
    print("    " .. (reason or "NO REASON GIVEN"))
  else
    tally[name].caught = tally[name].caught + 1
  end
end
os.execute("rm -rf '" .. folder .. "'")

for _, row in ipairs(harmless) do
  if not row.used then
    unexplained = unexplained + 1
    print("a reason that no survivor needs any more: " .. row[1])
  end
end

local names = {}
for name in pairs(tally) do names[#names + 1] = name end
table.sort(names)
for _, name in ipairs(names) do print(string.format("%-26s %4d of %4d refused or warned about", name, tally[name].caught, tally[name].all)) end
local function share(asked) return 100 * (all[asked] - alive[asked]) / all[asked] end
print(string.format("%d mutants, %d survived: %.2f %% refused or warned about at check time", all[true], alive[true], share(true)))
print(string.format("beyond them %d, %d survived: %.2f %%", all[false], alive[false], share(false)))
if all[true] < 300 or share(true) < 99 or share(false) < 95 or unexplained > 0 then os.exit(1) end
