local p = protocol {
  name = "formation until the capacity has converged, then a list of rates",
  cell = { active_mass = "9.03 mg", one_c = "200 mA/g", nominal_capacity = "290 mAh/g", reference = "In/Li-In" },
  limits = { voltage = { "1.2 V", "4.1 V" }, current = "2 C", capacity = "400 mAh/g" },
  parameters = { rates = { "0.1 C", "0.5 C", "1 C", "0.1 C" }, gain = 0.005 },
}
temperature("60 degC", { within = "0.5 K", soak = "2 h", timeout = "6 h" })
local function discharged(rate)
  charge("0.05 C", { cutoff = "4.6 V vs Li/Li+" })
  return discharge(rate, { cutoff = "2.0 V vs Li/Li+" }).capacity
end
local best = q("0 mAh")
for _ in cycles(20, { id = "formation" }) do
  local d = discharged("0.05 C")
  if d < (1 + p.gain) * best then break end          -- activation is complete
  best = max(best, d)
end
for _, rate in ipairs(p.rates) do
  for _ in cycles(3, { id = "rates" }) do
    if discharged(rate) < q("20 mAh/g") then fail("less than 20 mAh/g") end
  end
end
