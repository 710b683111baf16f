-- P1 as a program: formation at 60 °C. The same steps as p01-formation-60degC.yaml, which says what it is for.
--
--   cyclostat dry-run protocols/song2024/p01-formation-60degC.lua --cell protocols/cells/n-lmro.yaml

local p = protocol {
  name = "N-LMRO | LPSCl | Li-In, formation at 60 °C",
  source = "Song et al., Adv. Energy Mater. 2024, 14, 2403374, Experimental Section",
  cell = { active_mass = "9.03 mg", area = "1.327 cm2", one_c = "200 mA/g", nominal_capacity = "290 mAh/g",
           reference = "In/Li-In" },
  limits = { voltage = { "1.2 V", "4.1 V" }, current = "1 C", temperature = { "10 degC", "70 degC" },
             capacity = "400 mAh/g" },
  record = { every = "60 s", voltage = "5 mV" },
  parameters = { formation_cycles = 5 },
  expect = {
    { value = "cycles.formation.last.discharge_capacity", is = "287 mAh/g", within = "2.9 mAh/g",
      source = "section 2.1" },
  },
}

temperature("60 degC", { within = "0.5 K", soak = "2 h", timeout = "6 h" })
for _ in cycles(p.formation_cycles, { id = "formation" }) do
  charge("0.05 C", { cutoff = "4.6 V vs Li/Li+" })
  discharge("0.05 C", { cutoff = "2.0 V vs Li/Li+" })
end
