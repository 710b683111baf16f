/* Every key of protocols and cell files, one row each, in the order of the manual. Included by
 * schema.h (for the enum) and schema.c (for the table) and by nothing else.
 *
 *   X(ENUM, key, where, type, kinds, inside, choices, default, help)
 *
 * "<sensor>" stands for the name of any sensor of the cell.
 * where: the mappings that may have the key; inside: the mapping that is its value (or the items
 * of its list). A default is text as an author would write it, or words about a computed one in
 * parentheses; NULL: there is none.
 */
/* clang-format off */
#define CYC_SCHEMA_ROWS(X) \
/* ---- the whole protocol ---- */ \
X(CYCLOSTAT, "cyclostat", PROTOCOL, TEXT, 0, NONE, "1", NULL, "version of the language; always 1") \
X(NAME, "name", PROTOCOL | CELL | CELL_FILE, TEXT, 0, NONE, NULL, NULL, "a name for people") \
X(SOURCE, "source", PROTOCOL | CELL_FILE | EXPECT, TEXT, 0, NONE, NULL, NULL, "where it comes from: paper, standard, person") \
X(CELL, "cell", PROTOCOL | CELL_FILE, MAPPING, 0, CELL, NULL, NULL, "what has to be known of the cell; a cell file or --cell overrides it") \
X(LIMITS, "limits", PROTOCOL | ANY_STEP, MAPPING, 0, LIMITS, NULL, NULL, "safety limits; a breach ends the run in the safe state") \
X(RECORD, "record", PROTOCOL | ANY_STEP, MAPPING, 0, RECORD, NULL, NULL, "which samples are kept; merges from protocol to block to step") \
X(PARAMETERS, "parameters", PROTOCOL, NAMES, 0, NONE, NULL, NULL, "names with values that --set changes: a quantity, a number or a list") \
X(EXPECT, "expect", PROTOCOL, MAPPINGS, 0, EXPECT, NULL, NULL, "what is known from elsewhere; printed beside what came out, steers nothing") \
X(METHOD, "method", PROTOCOL, STEPS, 0, NONE, NULL, NULL, "the steps, in order") \
X(FINALLY, "finally", PROTOCOL, STEPS, 0, NONE, NULL, NULL, "steps after a normal end or stop; after fail only its temperature, pressure and note steps; after a breach none") \
/* ---- cell ---- */ \
X(ACTIVE_MASS, "active_mass", CELL, QUANTITY, K(MASS), NONE, NULL, NULL, "mass of active material, for mA/g and mAh/g") \
X(AREA, "area", CELL, QUANTITY, K(AREA), NONE, NULL, NULL, "electrode area, for mA/cm2 and mAh/cm2") \
X(ONE_C, "one_c", CELL, QUANTITY, K(CURRENT), NONE, NULL, "(nominal_capacity / 1 h)", "the current that 1C means") \
X(NOMINAL_CAPACITY, "nominal_capacity", CELL, QUANTITY, K(CAPACITY), NONE, NULL, NULL, "for derived bounds, and for 1C where one_c is not stated") \
X(REFERENCE, "reference", CELL, TEXT, 0, NONE, NULL, "(none: full cell)", "reference electrode of voltages without vs") \
X(ELECTRODE, "electrode", CELL, CHOICE, 0, NONE, "positive|negative", "positive", "which electrode is under test; turns coulombic efficiency around") \
X(REFERENCES, "references", CELL | CELL_FILE, NAMES, K(VOLTAGE), NONE, NULL, NULL, "further reference electrodes: name and offset against Li/Li+") \
X(SENSORS, "sensors", CELL | CELL_FILE, NAMES, 0, NONE, NULL, NULL, "further sensors at the cell: name and quantity (voltage, temperature, pressure, …); conditions, limits and record use their names, the rig says who measures them") \
/* ---- limits ---- */ \
X(LIMIT_VOLTAGE, "voltage", LIMITS, PAIR, K(VOLTAGE), NONE, NULL, NULL, "lowest and highest voltage") \
X(LIMIT_CURRENT, "current", LIMITS, PAIR, K(CURRENT), NONE, NULL, NULL, "highest current either way, or lowest and highest") \
X(LIMIT_POWER, "power", LIMITS, PAIR, K(POWER), NONE, NULL, NULL, "highest power either way, or lowest and highest") \
X(LIMIT_TEMPERATURE, "temperature", LIMITS, PAIR, K(TEMPERATURE), NONE, NULL, NULL, "lowest and highest temperature") \
X(LIMIT_PRESSURE, "pressure", LIMITS, PAIR, K(PRESSURE), NONE, NULL, NULL, "lowest and highest pressure") \
X(LIMIT_CAPACITY, "capacity", LIMITS, QUANTITY, K(CAPACITY), NONE, NULL, NULL, "highest charge that a step may pass in one direction") \
X(LIMIT_SENSOR, "<sensor>", LIMITS, PAIR, K(VOLTAGE) | K(CURRENT) | K(TEMPERATURE) | K(PRESSURE) | K(FORCE), NONE, NULL, NULL, "lowest and highest value of a sensor, under its name") \
/* ---- record ---- */ \
X(RECORD_EVERY, "every", RECORD, QUANTITY_OR_OFF, K(TIME), NONE, NULL, "60 s", "keep a sample after this time") \
X(RECORD_VOLTAGE, "voltage", RECORD, QUANTITY_OR_OFF, K(VOLTAGE), NONE, NULL, "10 mV", "keep a sample when the voltage has moved so far") \
X(RECORD_CURRENT, "current", RECORD, QUANTITY_OR_OFF, K(CURRENT), NONE, NULL, "off", "keep a sample when the current has moved so far") \
X(RECORD_CAPACITY, "capacity", RECORD, QUANTITY_OR_OFF, K(CAPACITY), NONE, NULL, "off", "keep a sample when so much charge has passed") \
X(RECORD_TEMPERATURE, "temperature", RECORD, QUANTITY_OR_OFF, K(TEMPERATURE_DIFFERENCE), NONE, NULL, "off", "keep a sample when the temperature has moved so far") \
X(RECORD_PRESSURE, "pressure", RECORD, QUANTITY_OR_OFF, K(PRESSURE), NONE, NULL, "off", "keep a sample when the pressure has moved so far") \
X(RECORD_SENSOR, "<sensor>", RECORD, QUANTITY_OR_OFF, K(VOLTAGE) | K(CURRENT) | K(TEMPERATURE_DIFFERENCE) | K(PRESSURE) | K(FORCE), NONE, NULL, "off", "keep a sample when a sensor, under its name, has moved so far") \
X(BURST, "burst", RECORD, MAPPINGS, 0, BURST, NULL, "off", "dense recording from the start of the step or pulse, one stretch after the other") \
X(BURST_DURING, "during", BURST, QUANTITY, K(TIME), NONE, NULL, NULL, "length of the stretch") \
X(BURST_EVERY, "every", BURST, QUANTITY, K(TIME), NONE, NULL, NULL, "spacing of the samples in it") \
/* ---- expect ---- */ \
X(EXPECT_VALUE, "value", EXPECT, EXPRESSION, 0, NONE, NULL, NULL, "an expression, evaluated at the end") \
X(EXPECT_IS, "is", EXPECT, EXPRESSION, 0, NONE, NULL, NULL, "what it is known to be") \
X(EXPECT_WITHIN, "within", EXPECT, EXPRESSION, 0, NONE, NULL, NULL, "tolerance of the comparison") \
/* ---- cutoff as a mapping ---- */ \
X(WHEN, "when", CUTOFF, CONDITION, 0, NONE, NULL, NULL, "a bare quantity or a condition") \
X(ALL, "all", CUTOFF, CONDITIONS, 0, NONE, NULL, NULL, "a list of quantities and conditions that must hold at the same time") \
X(ACTION, "action", CUTOFF, ACTION, 0, NONE, "next|leave|goto|pause|stop|fail", "next", "what follows; in a block leave, in the protocol stop is the default") \
X(LASTING, "lasting", CUTOFF, QUANTITY, K(TIME), NONE, NULL, "0 s", "the condition must hold for so long") \
X(AFTER, "after", CUTOFF, QUANTITY, K(TIME), NONE, NULL, "0 s", "ignored for so long since the step began") \
X(OVER, "over", CUTOFF, QUANTITY, K(TIME), NONE, NULL, "5 min", "window of the slopes in the condition") \
X(RESUME, "resume", CUTOFF, CONDITION, 0, NONE, NULL, NULL, "with action pause: go on when this holds") \
X(PAUSE_TIMEOUT, "timeout", CUTOFF, QUANTITY, K(TIME), NONE, NULL, NULL, "with action pause: a fault when it has not resumed by then") \
/* ---- step keys and what goes with them ---- */ \
X(CHARGE, "charge", STEP(CHARGE), STEP_QUANTITY, K(CURRENT) | K(POWER), NONE, NULL, NULL, "constant current, or constant power when the unit is W") \
X(DISCHARGE, "discharge", STEP(DISCHARGE), STEP_QUANTITY, K(CURRENT) | K(POWER) | K(RESISTANCE), NONE, NULL, NULL, "constant current, constant power (W) or constant load (ohm)") \
X(HOLD, "hold", STEP(HOLD) | STEP(CHARGE) | STEP(DISCHARGE), STEP_QUANTITY, K(VOLTAGE), NONE, NULL, NULL, "constant voltage; beside charge or discharge: from the moment that voltage is reached") \
X(CURRENT, "current", STEP(HOLD) | STEP(SWEEP), QUANTITY, K(CURRENT), NONE, NULL, "(hold: that of the step before)", "largest current either way") \
X(REST, "rest", STEP(REST), STEP_QUANTITY, K(TIME), NONE, NULL, "(until its cutoff)", "open circuit for a time; without one it needs a cutoff") \
X(PULSE, "pulse", STEP(PULSE), STEP_MAPPINGS, 0, PULSE, NULL, NULL, "a current pulse and the rest after it, or a list of them") \
X(PULSE_CHARGE, "charge", PULSE, QUANTITY, K(CURRENT) | K(POWER), NONE, NULL, NULL, "magnitude of a charging pulse") \
X(PULSE_DISCHARGE, "discharge", PULSE, QUANTITY, K(CURRENT) | K(POWER), NONE, NULL, NULL, "magnitude of a discharging pulse") \
X(PULSE_WIDTH, "width", PULSE, QUANTITY, K(TIME), NONE, NULL, NULL, "length of the pulse") \
X(PULSE_REST, "rest", PULSE, QUANTITY, K(TIME), NONE, NULL, "0 s", "open circuit after it") \
X(RESISTANCE_AT, "resistance_at", STEP(PULSE), QUANTITIES, K(TIME), NONE, NULL, "(the end of the shortest pulse)", "times since the onset at which (V(t) - V before) / I is taken") \
X(PULSE_COUNT, "count", STEP(PULSE), NUMBER, K(NUMBER), NONE, NULL, "1", "how often the train is run") \
X(SWEEP, "sweep", STEP(SWEEP), STEP_MAPPING, 0, SWEEP, NULL, NULL, "linear potential sweep from the present voltage") \
X(SWEEP_TO, "to", SWEEP, QUANTITIES, K(VOLTAGE), NONE, NULL, NULL, "where it goes; a list is walked in order") \
X(SWEEP_RATE, "rate", SWEEP, QUANTITY, K(VOLTAGE_RATE), NONE, NULL, NULL, "scan rate") \
X(SWEEP_FROM, "from", SWEEP, QUANTITY, K(VOLTAGE), NONE, NULL, "(the present voltage)", "where it starts") \
X(PROFILE, "profile", STEP(PROFILE), STEP_FILE, 0, NONE, NULL, NULL, "a CSV file of time and current or power, charging positive; each row holds until the next, the last row ends it") \
X(PROFILE_SCALE, "scale", STEP(PROFILE), NUMBER, K(NUMBER), NONE, NULL, "1", "factor on the values of the profile") \
X(PROFILE_TIMES, "times", STEP(PROFILE), NUMBER, K(NUMBER), NONE, NULL, "1", "how often the profile is run") \
X(IMPEDANCE, "impedance", STEP(IMPEDANCE), STEP_MAPPING, 0, IMPEDANCE, NULL, NULL, "impedance spectrum; potentio- or galvanostatic by the unit of its amplitude") \
X(AMPLITUDE, "amplitude", IMPEDANCE, QUANTITY, K(VOLTAGE) | K(CURRENT), NONE, NULL, NULL, "peak amplitude") \
X(AMPLITUDE_RMS, "amplitude_rms", IMPEDANCE, QUANTITY, K(VOLTAGE) | K(CURRENT), NONE, NULL, NULL, "amplitude as root mean square") \
X(IMPEDANCE_FROM, "from", IMPEDANCE, QUANTITY, K(FREQUENCY), NONE, NULL, NULL, "first frequency") \
X(IMPEDANCE_TO, "to", IMPEDANCE, QUANTITY, K(FREQUENCY), NONE, NULL, NULL, "last frequency") \
X(POINTS_PER_DECADE, "points_per_decade", IMPEDANCE, NUMBER, K(NUMBER), NONE, NULL, "10", "frequencies per decade") \
X(BIAS, "bias", STEP(IMPEDANCE), QUANTITY, K(VOLTAGE) | K(CURRENT), NONE, NULL, "(open circuit)", "voltage or current under the excitation") \
X(TEMPERATURE, "temperature", STEP(TEMPERATURE), STEP_QUANTITY_OR_OFF, K(TEMPERATURE), NONE, NULL, NULL, "set the chamber, resting meanwhile; off releases it") \
X(PRESSURE, "pressure", STEP(PRESSURE), STEP_QUANTITY_OR_OFF, K(PRESSURE), NONE, NULL, NULL, "set the press; where the channel only measures pressure, a person is asked and the reading awaited") \
X(TEMPERATURE_WITHIN, "within", STEP(TEMPERATURE), QUANTITY, K(TEMPERATURE_DIFFERENCE), NONE, NULL, "1 K", "tolerance around the setpoint, judged on the cell's sensor, else the chamber's") \
X(PRESSURE_WITHIN, "within", STEP(PRESSURE), QUANTITY, K(PRESSURE), NONE, NULL, "(2 % of the setpoint)", "tolerance around the setpoint") \
X(SOAK, "soak", STEP(TEMPERATURE) | STEP(PRESSURE), QUANTITY, K(TIME), NONE, NULL, "0 s", "unbroken time inside the tolerance") \
X(RAMP, "ramp", STEP(TEMPERATURE), QUANTITY, K(TEMPERATURE_RATE), NONE, NULL, "(as fast as it goes)", "how fast the chamber may move") \
X(WAIT, "wait", STEP(TEMPERATURE) | STEP(PRESSURE), YES_NO, 0, NONE, "yes|no", "yes", "no: set it and go on at once") \
X(REPEAT, "repeat", STEP(REPEAT), STEP_NUMBER, K(NUMBER), NONE, NULL, NULL, "a block, repeated") \
X(CYCLES, "cycles", STEP(CYCLES), STEP_NUMBER, K(NUMBER), NONE, NULL, NULL, "a block, repeated, each pass counted as a cycle") \
X(EACH, "each", STEP(EACH), STEP_NAMES, 0, NONE, NULL, NULL, "a block, once per position of equally long lists, whose names are variables inside") \
X(STEPS, "steps", STEP(REPEAT) | STEP(CYCLES) | STEP(EACH), STEPS, 0, NONE, NULL, NULL, "the steps of the block") \
X(LEAVE_WHEN, "leave_when", STEP(REPEAT) | STEP(CYCLES), CONDITION, 0, NONE, NULL, NULL, "judged at the end of each pass") \
X(REFERENCE_CYCLE, "reference_cycle", STEP(CYCLES), NUMBER, K(NUMBER), NONE, NULL, "1", "the pass that retention is counted against") \
X(IF, "if", STEP(IF), STEP_CONDITION, 0, NONE, NULL, NULL, "a condition, judged when the step is reached") \
X(THEN, "then", STEP(IF), STEPS, 0, NONE, NULL, NULL, "steps if it holds") \
X(ELSE, "else", STEP(IF), STEPS, 0, NONE, NULL, NULL, "steps if it does not") \
X(INCLUDE, "include", STEP(INCLUDE), STEP_FILE, 0, NONE, NULL, NULL, "the method of another protocol; its limits are added, its ids get this step's id and a dot before them") \
X(WITH, "with", STEP(INCLUDE), NAMES, 0, NONE, NULL, NULL, "values for the parameters of the included protocol, which sees nothing else") \
X(LET, "let", STEP(LET), STEP_NAMES, 0, NONE, NULL, NULL, "variables; soc, full_capacity and one_c are the runtime's") \
X(ASK, "ask", STEP(ASK), STEP_TEXT, 0, NONE, NULL, NULL, "ask a person and rest until there is an answer") \
X(NOTE, "note", STEP(NOTE), STEP_TEXT, 0, NONE, NULL, NULL, "a line in the event log") \
X(GOTO, "goto", STEP(GOTO), STEP_ID, 0, NONE, NULL, NULL, "go on at a step or block in the same list or a list around it") \
X(LEAVE, "leave", STEP(LEAVE), STEP_ID, 0, NONE, NULL, "(the innermost block)", "leave a block around this step") \
X(STOP, "stop", STEP(STOP), STEP_TEXT, 0, NONE, NULL, NULL, "end the run, finished; the text says why") \
X(FAIL, "fail", STEP(FAIL), STEP_TEXT, 0, NONE, NULL, NULL, "end the run, failed: a verdict on the cell") \
X(STEP, "step", STEP(SENTENCE), STEP_TEXT, 0, NONE, NULL, NULL, "a step as a sentence: Charge at C/20 until 4.2 V") \
X(CUTOFF, "cutoff", PROTOCOL | ELECTRICAL | BLOCK, CUTOFF, 0, CUTOFF, NULL, NULL, "when the step ends or the block is left: a quantity, a condition, a mapping or a list of them") \
X(ID, "id", ANY_STEP, ID, 0, NONE, NULL, NULL, "a unique name: letters, digits, _") \
X(LABEL, "label", ANY_STEP, TEXT, 0, NONE, NULL, NULL, "free text") \
X(TIMEOUT, "timeout", ANY_STEP, QUANTITY, K(TIME), NONE, NULL, "(derived)", "hitting it is a fault") \
X(AFTER_INTERRUPTION, "after_interruption", ANY_STEP, CHOICE, 0, NONE, "hold|continue|restart", "hold", "what follows an unplanned interruption") \
X(MAX_GAP, "max_gap", ANY_STEP, QUANTITY, K(TIME), NONE, NULL, NULL, "longest interruption after which it goes on by itself") \
/* ---- cell files ---- */ \
X(CYCLOSTAT_CELL, "cyclostat_cell", CELL_FILE, TEXT, 0, NONE, "1", NULL, "version of cell files; always 1") \
X(MODEL, "model", CELL_FILE, MAPPING, 0, MODEL, NULL, NULL, "a simulated cell for dry runs") \
X(MODEL_KIND, "kind", MODEL, CHOICE, 0, NONE, "linear|n_lmro", NULL, "which model") \
X(MODEL_CAPACITY, "capacity", MODEL, QUANTITY, K(CAPACITY), NONE, NULL, "(nominal_capacity)", "charge between SOC 0 and 1") \
X(MODEL_INITIAL_SOC, "initial_soc", MODEL, QUANTITY, K(FRACTION), NONE, NULL, "(of the model)", "SOC at the start") \
X(MODEL_TEMPERATURE, "temperature", MODEL, QUANTITY, K(TEMPERATURE), NONE, NULL, "(of the model)", "temperature at the start") \
X(MODEL_PRESSURE, "pressure", MODEL, QUANTITY, K(PRESSURE), NONE, NULL, "(of the model)", "stack pressure at the start") \
X(MODEL_SEED, "seed", MODEL, NUMBER, K(NUMBER), NONE, NULL, "0", "other than 0: mass, resistance and capacity vary by 1 %") \
X(MODEL_OCV, "ocv", MODEL, OCV, 0, OCV, NULL, NULL, "open-circuit voltage: a list of [soc, voltage], or {from, to} for a line") \
X(OCV_FROM, "from", OCV, QUANTITY, K(VOLTAGE), NONE, NULL, NULL, "voltage at SOC 0") \
X(OCV_TO, "to", OCV, QUANTITY, K(VOLTAGE), NONE, NULL, NULL, "voltage at SOC 1") \
X(MODEL_RC, "rc", MODEL, MAPPINGS, 0, RC, NULL, NULL, "pairs of resistance and time constant") \
X(RC_R, "r", RC, QUANTITY, K(RESISTANCE), NONE, NULL, NULL, "resistance of the pair") \
X(RC_TAU, "tau", RC, QUANTITY, K(TIME), NONE, NULL, NULL, "time constant of the pair") \
X(MODEL_PARAMETERS, "parameters", MODEL, NAMES, K(NUMBER), NONE, NULL, NULL, "parameters of the model by name, bare numbers in its own units")
/* clang-format on */
