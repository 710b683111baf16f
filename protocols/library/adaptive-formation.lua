-- Adaptive formation: a program that decides as it goes.
--
--   cyclostat dry-run protocols/library/adaptive-formation.lua --cell protocols/cells/n-lmro.yaml
--
-- Purpose: repeat the slow formation cycle until the discharge capacity has stopped growing, then measure a list of
-- rates; a cell that gives less than 20 mAh/g is given up, so that its channel is free. No fixed number of cycles
-- fits every cell: activation is faster when it is warmer or under more pressure.
-- Source: formation and voltage window of Song et al., Adv. Energy Mater. 2024, 14, 2403374; the rule for the end
-- of formation (a gain under 0.5 %) is ours.

local p = protocol {
  name = "formation until the capacity has converged, then a list of rates",
  source = "window of Song et al., Adv. Energy Mater. 2024, 14, 2403374; rule of this library",
  cell = { active_mass = "9.03 mg", area = "1.327 cm2", one_c = "200 mA/g", nominal_capacity = "290 mAh/g",
           reference = "In/Li-In" },
  limits = { voltage = { "1.2 V", "4.1 V" }, current = "2 C", temperature = { "10 degC", "70 degC" },
             capacity = "400 mAh/g" },
  record = { every = "60 s", voltage = "5 mV" },
  parameters = { rates = { "0.1 C", "0.5 C", "1 C", "0.1 C" }, gain = 0.005, most = 20 },
}

temperature("60 degC", { within = "0.5 K", soak = "2 h", timeout = "6 h" })

local function discharged(rate)
  charge("0.05 C", { cutoff = "4.6 V vs Li/Li+" })
  return discharge(rate, { cutoff = "2.0 V vs Li/Li+" }).capacity
end

local best = q("0 mAh")
for _ in cycles(p.most, { id = "formation" }) do
  local now = discharged("0.05 C")
  if now < (1 + p.gain) * best then break end -- activation is complete
  best = max(best, now)
end
note("formation is complete")

for _, rate in ipairs(p.rates) do
  for _ in cycles(3, { id = "rates" }) do
    if discharged(rate) < q("20 mAh/g") then fail("less than 20 mAh/g") end
  end
end
