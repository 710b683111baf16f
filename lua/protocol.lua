---@meta
-- The vocabulary of Lua protocols, for editors with the Lua language server (completion, hover text, checking). The
-- program does not load this file: the functions are its own. Add this folder to `workspace.library` in .luarc.json.
-- protocols/README.md explains the words.

---A number with a unit, such as "0.5 C", "4.6 V vs Li/Li+", "180 mAh/g"; or a quantity.
---@alias cyclostat.value string|cyclostat.quantity

---A value with a kind: voltage, current, charge, time, … Operators keep kinds apart: charge / charge is a number,
---energy / charge a voltage; a bare number where a quantity is due is refused.
---@class cyclostat.quantity
---@operator add(cyclostat.quantity): cyclostat.quantity
---@operator sub(cyclostat.quantity): cyclostat.quantity
---@operator mul(number|cyclostat.quantity): cyclostat.quantity
---@operator div(number|cyclostat.quantity): number|cyclostat.quantity
---@operator mod(cyclostat.quantity): cyclostat.quantity
---@operator unm: cyclostat.quantity
local quantity = {}

---The bare number in a unit: x:to("mAh/g").
---@param unit string
---@return number
function quantity:to(unit) end

---What became of a step: values at its end, sums since it began; nil what does not exist.
---@class cyclostat.result
---@field reason "voltage"|"current"|"time"|"capacity"|"energy"|"temperature"|"pressure"|"condition"|"operator"|"profile"
---@field voltage cyclostat.quantity
---@field current cyclostat.quantity positive on charge
---@field power cyclostat.quantity
---@field temperature cyclostat.quantity
---@field ambient_temperature cyclostat.quantity
---@field pressure cyclostat.quantity?
---@field peak cyclostat.quantity highest voltage
---@field time cyclostat.quantity
---@field hold_time cyclostat.quantity
---@field charge_capacity cyclostat.quantity
---@field discharge_capacity cyclostat.quantity
---@field net_capacity cyclostat.quantity
---@field capacity cyclostat.quantity
---@field charge_energy cyclostat.quantity
---@field discharge_energy cyclostat.quantity
---@field energy cyclostat.quantity
---@field start_voltage cyclostat.quantity
---@field mean_voltage cyclostat.quantity?
---@field specific_capacity cyclostat.quantity
---@field cc_capacity cyclostat.quantity
---@field cv_capacity cyclostat.quantity
---@field resistance cyclostat.quantity? the last one of a pulse train
---@field resistances cyclostat.quantity[] in order of pulses, then of resistance_at

---A pass of a `cycles` block.
---@class cyclostat.cycle
---@field number number over the whole run
---@field pass number of its block
---@field time cyclostat.quantity
---@field charge_capacity cyclostat.quantity
---@field discharge_capacity cyclostat.quantity
---@field net_capacity cyclostat.quantity
---@field capacity cyclostat.quantity
---@field charge_energy cyclostat.quantity
---@field discharge_energy cyclostat.quantity
---@field energy cyclostat.quantity
---@field coulombic_efficiency cyclostat.quantity?
---@field energy_efficiency cyclostat.quantity?
---@field mean_charge_voltage cyclostat.quantity?
---@field mean_discharge_voltage cyclostat.quantity?
---@field retention cyclostat.quantity?

---The header: cell, limits, record, parameters, expect, finally. Comes first, once; returns the parameters.
---@param header table
---@return table<string, any>
function protocol(header) end

---A quantity from text: q("180 mAh/g"), or computed: q("= last.capacity * 50 %").
---@param text string
---@return cyclostat.quantity
function q(text) end

---Constant current (A, C, mA/g, mA/cm2) or power (W); with `hold` in the options, then constant voltage.
---@param value cyclostat.value
---@param options? { hold?: cyclostat.value, cutoff?: any, id?: string, label?: string, record?: table, limits?: table, timeout?: cyclostat.value }
---@return cyclostat.result
function charge(value, options) end

---Constant current, power (W) or load (ohm); with `hold`, then constant voltage.
---@param value cyclostat.value
---@param options? { hold?: cyclostat.value, cutoff?: any, id?: string, label?: string, record?: table, limits?: table, timeout?: cyclostat.value }
---@return cyclostat.result
function discharge(value, options) end

---Constant voltage.
---@param value cyclostat.value
---@param options? { current?: cyclostat.value, cutoff?: any, id?: string, label?: string, record?: table, limits?: table, timeout?: cyclostat.value }
---@return cyclostat.result
function hold(value, options) end

---Open circuit for a time, or rest{ cutoff = … }.
---@param value cyclostat.value|table
---@param options? table
---@return cyclostat.result
function rest(value, options) end

---A pulse { discharge = "2 C", width = "10 s", rest = "60 s" } or a list of them.
---@param train table
---@param options? { resistance_at?: cyclostat.value[], count?: integer, cutoff?: any, id?: string, record?: table, limits?: table }
---@return cyclostat.result
function pulse(train, options) end

---A linear potential sweep { to = "4.2 V", rate = "0.1 mV/s" }.
---@param sweep table
---@param options? { current?: cyclostat.value, cutoff?: any, id?: string, record?: table, limits?: table }
---@return cyclostat.result
function sweep(sweep, options) end

---A profile from a CSV file beside the protocol.
---@param file string
---@param options? { scale?: number, times?: integer, cutoff?: any, id?: string, record?: table, limits?: table }
---@return cyclostat.result
function profile(file, options) end

---An impedance spectrum { amplitude = "10 mV", from = "1 MHz", to = "10 mHz" }.
---@param spectrum table
---@param options? { bias?: cyclostat.value, id?: string, record?: table, limits?: table }
---@return cyclostat.result
function impedance(spectrum, options) end

---Sets the chamber and waits; "off" releases it.
---@param value cyclostat.value
---@param options? { within?: cyclostat.value, soak?: cyclostat.value, ramp?: cyclostat.value, timeout?: cyclostat.value, wait?: boolean }
---@return cyclostat.result
function temperature(value, options) end

---Sets the press and waits; "off" releases it.
---@param value cyclostat.value
---@param options? { within?: cyclostat.value, soak?: cyclostat.value, timeout?: cyclostat.value, wait?: boolean }
---@return cyclostat.result
function pressure(value, options) end

---Waits for a person.
---@param question string
---@param options? { timeout?: cyclostat.value }
---@return cyclostat.result
function ask(question, options) end

---A step as a sentence: step("Charge at C/20 until 4.2 V").
---@param sentence string
---@param options? table
---@return cyclostat.result
function step(sentence, options) end

---A block whose rounds are cycles: for pass in cycles(20, { id = "formation" }) do … end
---@param count integer
---@param options? { id?: string, leave_when?: string|fun(cycle: cyclostat.cycle, first: cyclostat.cycle, previous: cyclostat.cycle?, best: cyclostat.cycle?): boolean, cutoff?: any, reference_cycle?: integer, limits?: table, record?: table, timeout?: cyclostat.value }
---@return fun(): integer
function cycles(count, options) end

---The method of another protocol, in YAML.
---@param file string
---@param options? { id?: string, with?: table<string, any> }
function include(file, options) end

---Names for conditions and, of the runtime, soc, full_capacity, one_c: let{ soc = "100 %" }.
---@param names table<string, any>
function let(names) end

---A line in the event log.
---@param text any
function note(text) end

---Ends the run, finished. Does not return.
---@param why? string
function stop(why) end

---Ends the run, failed: a verdict on the cell. Does not return.
---@param why? string
function fail(why) end

---A number that follows from the program's text and `--set seed=…` alone: random(), random(n), random(m, n).
---@param low? integer
---@param high? integer
---@return number
function random(low, high) end

---@generic T: number|cyclostat.quantity
---@param x T
---@return T
function abs(x) end

---@generic T: number|cyclostat.quantity
---@param x T
---@param ... T
---@return T
function min(x, ...) end

---@generic T: number|cyclostat.quantity
---@param x T
---@param ... T
---@return T
function max(x, ...) end

---@param x number
---@return integer
function floor(x) end

---@generic T: number|cyclostat.quantity
---@param a T
---@param b T
---@return T
function mod(a, b) end
