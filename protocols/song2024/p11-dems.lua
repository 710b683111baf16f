-- P11 as a program: first charge with online mass spectrometry. The same steps as p11-dems.yaml, which says
-- what it is for and which readings it takes.
--
--   cyclostat dry-run protocols/song2024/p11-dems.lua --cell protocols/cells/lno-n-lmro-dems.yaml

local p = protocol {
  name = "LNO-N-LMRO | LPSCl | Li-In, first charge for mass spectrometry",
  source = "Song et al., Adv. Energy Mater. 2024, 14, 2403374, Experimental Section and section 2.4",
  cell = { active_mass = "18 mg", area = "1.327 cm2", one_c = "200 mA/g", nominal_capacity = "350 mAh/g",
           reference = "In/Li-In" },
  limits = { voltage = { "1.2 V", "4.4 V" }, current = "0.2 C", temperature = { "10 degC", "70 degC" },
             capacity = "360 mAh/g" },
  record = { every = "30 s", voltage = "2 mV" },
  parameters = { test_temperature = "30 degC" },
  expect = {
    { value = "step.activation.capacity", is = "350 mAh/g", within = "0.1 mAh/g",
      source = "section 2.4 (the end condition)" },
  },
}

ask("Connect the cell to the mass spectrometer and start argon at 10 ml/min.", { timeout = "1 d" })
temperature(p.test_temperature, { within = "0.5 K", soak = "2 h", timeout = "6 h" })
rest("24 h", { id = "purge" })
charge("0.05 C", {
  hold = "4.28 V",
  id = "activation",
  cutoff = {
    "350 mAh/g",
    { when = "0.005 C", action = "fail" },
    { when = "100 h", action = "fail" },
  },
})
