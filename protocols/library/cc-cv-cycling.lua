-- CC-CV cycling as a program: the same steps as cc-cv-cycling.yaml.
--
--   cyclostat dry-run protocols/library/cc-cv-cycling.lua --cell protocols/cells/nca-18650.yaml
--
-- Purpose: what `leave_when` says in YAML, a program says with `if` and `break`.
-- Source: common practice.

local p = protocol {
  name = "CC-CV cycling",
  source = "common practice",
  cell = { one_c = "3 A", nominal_capacity = "3 Ah" },
  limits = { voltage = { "2.4 V", "4.25 V" }, current = "2 C", temperature = { "0 degC", "50 degC" }, capacity = "3.6 Ah" },
  record = { every = "30 s", voltage = "5 mV", current = "20 mA" },
  parameters = { cycle_count = 50, rate = "0.5 C" },
}

temperature("25 degC", { within = "1 K", soak = "1 h", timeout = "6 h" })
local first
for _ in cycles(p.cycle_count, { id = "cycling" }) do
  charge(p.rate, { hold = "4.2 V", cutoff = "C/20" })
  rest("30 min")
  local now = discharge(p.rate, { cutoff = "2.5 V" }).capacity
  rest("30 min")
  if first and now < 0.8 * first then break end
  first = first or now
end
