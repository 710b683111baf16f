-- P6 as a program: rate test. The same steps as p06-rate-test.yaml: THE RATES ARE EXAMPLES, NOT THE PAPER'S.
--
--   cyclostat dry-run protocols/song2024/p06-rate-test.lua --cell protocols/cells/n-lmro.yaml

local p = protocol {
  name = "N-LMRO | LPSCl | Li-In, rate test (example rates)",
  source = "Song et al., Adv. Energy Mater. 2024, 14, 2403374, sections 2.2 and 2.3; rates are examples",
  cell = { active_mass = "9.03 mg", area = "1.327 cm2", one_c = "200 mA/g", nominal_capacity = "290 mAh/g",
           reference = "In/Li-In" },
  limits = { voltage = { "1.2 V", "4.1 V" }, current = "2.5 C", temperature = { "10 degC", "70 degC" },
             capacity = "400 mAh/g" },
  record = { every = "60 s", voltage = "5 mV" },
  parameters = {
    test_temperature = "60 degC",
    formation_cycles = 5,
    rates = { "0.05 C", "0.1 C", "0.2 C", "0.5 C", "1 C", "2 C", "0.05 C" },
    cycles_per_rate = 3,
  },
}

temperature(p.test_temperature, { within = "0.5 K", soak = "2 h", timeout = "6 h" })
for _ in cycles(p.formation_cycles, { id = "formation" }) do
  charge("0.05 C", { cutoff = "4.6 V vs Li/Li+" })
  discharge("0.05 C", { cutoff = "2.0 V vs Li/Li+" })
end
for _, rate in ipairs(p.rates) do
  for _ in cycles(p.cycles_per_rate, { id = "rates" }) do
    charge(rate, { hold = "4.6 V vs Li/Li+", cutoff = "0.25 C" })
    discharge(rate, { cutoff = "2.0 V vs Li/Li+" })
  end
end
