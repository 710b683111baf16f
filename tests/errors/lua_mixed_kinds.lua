local p = protocol {
  cell = { active_mass = "9.03 mg", one_c = "200 mA/g", nominal_capacity = "290 mAh/g", reference = "In/Li-In" },
  limits = { voltage = { "1.2 V", "4.1 V" }, current = "2 C" },
}
local d = charge("0.05 C", { cutoff = "3.98 V" }).capacity
if d < q("3 V") then stop() end
