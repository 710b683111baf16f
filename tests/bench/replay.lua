-- A history of 5,000 steps and a little more, for the replay after a restart.
local p = protocol {
  name = "replay",
  cell = { one_c = "4 A", nominal_capacity = "4 Ah" },
  limits = { voltage = { "2.8 V", "4.3 V" }, current = "1 C" },
}
local best = q("0 mAh")
for _ in cycles(2600, { id = "main" }) do
  charge("0.5 C", { hold = "4.2 V", cutoff = "0.05 C" })
  local d = discharge("0.5 C", { cutoff = "3.0 V" }).capacity
  if d < q("1 Ah") then fail("less than 1 Ah") end
  best = max(best, d)
end
