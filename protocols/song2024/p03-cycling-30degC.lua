-- P3 as a program: formation at 30 °C, then the main cycling. The same steps as p03-cycling-30degC.yaml.
--
--   cyclostat dry-run protocols/song2024/p03-cycling-30degC.lua --cell protocols/cells/n-lmro.yaml --set main_cycles=20

local p = protocol {
  name = "N-LMRO | LPSCl | Li-In, long-term cycling at 30 °C",
  source = "Song et al., Adv. Energy Mater. 2024, 14, 2403374, Experimental Section",
  cell = { active_mass = "9.03 mg", area = "1.327 cm2", one_c = "200 mA/g", nominal_capacity = "290 mAh/g",
           reference = "In/Li-In" },
  limits = { voltage = { "1.2 V", "4.1 V" }, current = "1 C", temperature = { "10 degC", "70 degC" },
             capacity = "400 mAh/g" },
  record = { every = "60 s", voltage = "5 mV" },
  parameters = { main_cycles = 1300, formation_cycles = 10 },
  expect = {
    { value = "cycles.main.first.discharge_capacity", is = "183 mAh/g", within = "1.8 mAh/g",
      source = "sections 2.1 and 2.2" },
    { value = "cycles.main.last.retention", is = "97.1 %", within = "0.3 %",
      source = "abstract and section 2.1, after 1,300 cycles" },
  },
}

include("p02-formation-30degC.yaml", { id = "p02", with = { formation_cycles = p.formation_cycles } })
for _ in cycles(p.main_cycles, { id = "main" }) do
  charge("0.5 C", { hold = "4.6 V vs Li/Li+", cutoff = "0.25 C" })
  discharge("0.5 C", { cutoff = "2.0 V vs Li/Li+" })
end
