#include "check/check.h"
#include "protocol/expr.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct bench {
    struct cyc_arena arena;
    struct cyc_diags diags;
    struct cyc_cell_basis cell;
    struct cyc_expr_scope scope;
    struct cyc_expr_env env;
    struct cyc_step step;
    struct cyc_condition condition;
    struct cyc_err err;
    double best; /* what `best.…` gives; NaN: not there yet */
    char said[400];
};

static int offset_of(void *context, const char *name, size_t size, double *offset_V,
                     struct cyc_err *err)
{
    (void)context;
    if (size == 6 && memcmp(name, "Li/Li+", 6) == 0) {
        *offset_V = 0.62;
        return CYC_OK;
    }
    return cyc_err_set(err, CYC_E_INPUT, "unknown electrode");
}

static bool find_variable(void *context, const char *name, size_t size, int *index,
                          enum cyc_kind *kind)
{
    static const struct {
        const char *name;
        enum cyc_kind kind;
    } rows[] = {{"point", CYC_KIND_FRACTION}, {"rate", CYC_KIND_CURRENT}, {"n", CYC_KIND_NUMBER}};
    (void)context;
    for (int i = 0; i < 3; i++) {
        if (strlen(rows[i].name) == size && memcmp(rows[i].name, name, size) == 0) {
            *index = i;
            *kind = rows[i].kind;
            return true;
        }
    }
    return false;
}

static bool find_sensor(void *context, const char *name, size_t size, int *index,
                        enum cyc_kind *kind)
{
    (void)context;
    *index = 3;
    *kind = CYC_KIND_VOLTAGE;
    return size == 5 && memcmp(name, "anode", 5) == 0;
}

static int variable_value(void *context, int index, double *value, struct cyc_err *err)
{
    const double values[] = {0.9, 0.002, 3.0};
    (void)context;
    (void)err;
    *value = values[index];
    return CYC_OK;
}

static int reference_value(void *context, const struct cyc_ref *ref, double index, double *value,
                           struct cyc_err *err)
{
    const struct bench *const bench = context;
    (void)err;
    *value = ref->subject == CYC_SUBJECT_BEST           ? bench->best
             : ref->subject == CYC_SUBJECT_CYCLES_INDEX ? index
             : ref->field == CYC_FIELD_REASON           ? (double)CYC_REASON_VOLTAGE
                                                        : 0.004;
    return CYC_OK;
}

static int present_value(void *context, const struct cyc_op *signal, double *value,
                         struct cyc_err *err)
{
    (void)context;
    (void)err;
    *value = signal->signal == CYC_SIGNAL_VOLTAGE ? 3.7 : 0.0;
    return CYC_OK;
}

static void begin(struct bench *bench)
{
    memset(bench, 0, sizeof *bench);
    cyc_arena_init(&bench->arena, 1u << 22);
    cyc_diags_init(&bench->diags);
    bench->cell = cyc_cell_basis_none();
    bench->cell.active_mass_g = 0.01;
    bench->cell.one_c = (struct cyc_quantity){0.2, CYC_KIND_CURRENT, CYC_BASIS_PER_MASS};
    bench->scope = (struct cyc_expr_scope){.cell = &bench->cell,
                                           .reference_offset = offset_of,
                                           .variable = find_variable,
                                           .sensor = find_sensor,
                                           .present = true,
                                           .soc_known = true,
                                           .block_depth = 2,
                                           .in_cycle = true};
    bench->env = (struct cyc_expr_env){.variable = variable_value,
                                       .reference = reference_value,
                                       .present = present_value,
                                       .context = bench,
                                       .soc_at_start = 1.0,
                                       .full_capacity_Ah = 0.002};
    bench->best = NAN;
}

static void end(struct bench *bench)
{
    cyc_diags_release(&bench->diags);
    cyc_arena_release(&bench->arena);
}

static const struct cyc_expr *parse(struct bench *bench, const char *text)
{
    const struct cyc_pos pos = {.line = 3, .column = 11};
    return cyc_expr_parse(text, strlen(text), pos, &bench->scope, &bench->arena, &bench->diags);
}

/* Kind and value of a text, or the message that refuses it: "voltage 4.2". */
static const char *value_of(struct bench *bench, const char *text)
{
    char number[CYC_NUMBER_SIZE];
    double value = NAN;
    const unsigned before = bench->diags.count;
    const struct cyc_expr *const expr = parse(bench, text);
    if (expr == NULL) {
        const struct cyc_diag *const diag = &bench->diags.items[before];
        (void)snprintf(bench->said, sizeof bench->said, "%u+%u: %s (%s)", diag->pos.column,
                       diag->pos.width, diag->message, diag->hint != NULL ? diag->hint : "-");
        bench->diags.count = 0;
        return bench->said;
    }
    if (cyc_expr_value(expr, &bench->env, &value, &bench->err) != CYC_OK) {
        return bench->err.text;
    }
    (void)snprintf(bench->said, sizeof bench->said, "%s %s", cyc_kind_name(cyc_expr_kind(expr)),
                   cyc_number_brief(number, value, 9));
    return bench->said;
}

static void append_signal(struct cyc_text *out, const struct cyc_op *op)
{
    static const char *const names[] = {
        "voltage", "current", "power", "temperature", "ambient", "pressure", "aux", "peak", "slope",
        "time", "hold_time", "charge", "discharge", "net", "capacity", "charge_energy",
        "discharge_energy", "net_energy", "energy"};
    cyc_text_append(out, names[op->signal]);
    if (op->scope != CYC_SCOPE_STEP) {
        cyc_text_format(out, "@%u", op->scope);
    }
    if (op->signal == CYC_SIGNAL_AUX || op->signal == CYC_SIGNAL_SLOPE) {
        cyc_text_format(out, "#%u", op->index);
    }
}

/* The operations of a condition: "voltage 4.2 >=". */
static const char *compiled(struct bench *bench, const char *text)
{
    static const char *const codes[] = {"",    "",    "+",   "-",     "*",  "/",  "mod",
                                        "neg", "abs", "min", "max",   "floor", "<", "<=",
                                        ">",   ">=",  "==",  "~=",    "and", "or", "not"};
    const double resolution[3] = {1e-4, 1e-6, 0.1};
    struct cyc_text out = {0};
    memset(&bench->step, 0, sizeof bench->step);
    const struct cyc_expr *const expr = parse(bench, text);
    if (expr == NULL) {
        return value_of(bench, text);
    }
    if (cyc_expr_compile(expr, &bench->env, 0, resolution, &bench->step, &bench->condition,
                         &bench->err) != CYC_OK) {
        return bench->err.text;
    }
    for (unsigned i = 0; i < bench->condition.count; i++) {
        const struct cyc_op *const op = &bench->step.ops[bench->condition.first + i];
        cyc_text_append(&out, i > 0 ? " " : "");
        if (op->code == CYC_OP_CONST) {
            cyc_text_number(&out, op->value, 9);
        } else if (op->code == CYC_OP_SIGNAL) {
            append_signal(&out, op);
        } else {
            cyc_text_append(&out, codes[op->code]);
        }
    }
    (void)cyc_copy(bench->said, sizeof bench->said, cyc_text_get(&out));
    cyc_text_release(&out);
    return bench->said;
}

static void quantities_have_kind_and_value(void)
{
    struct bench bench;
    begin(&bench);
    CYC_SAME(value_of(&bench, "4.2 V"), "voltage 4.2");
    CYC_SAME(value_of(&bench, " 180 mAh/g "), "charge 0.0018");
    CYC_SAME(value_of(&bench, "C/20"), "current 0.0001");
    CYC_SAME(value_of(&bench, "0.5C"), "current 0.001");
    CYC_SAME(value_of(&bench, "80 %"), "fraction 0.8");
    CYC_SAME(value_of(&bench, "3"), "number 3");
    CYC_SAME(value_of(&bench, "-5 degC"), "temperature -5");
    CYC_SAME(value_of(&bench, "- 10 mV"), "voltage -0.01");
    end(&bench);
}

static void precedence_is_that_of_lua(void)
{
    struct bench bench;
    begin(&bench);
    CYC_SAME(value_of(&bench, "1 + 2 * 3"), "number 7");
    CYC_SAME(value_of(&bench, "8 - 2 - 1"), "number 5");
    CYC_SAME(value_of(&bench, "8 / 2 / 2"), "number 2");
    CYC_SAME(value_of(&bench, "-2 * -3"), "number 6");
    CYC_SAME(value_of(&bench, "1 + 1 == 2 and 3 < 2 or 1 ~= 2"), "condition 1");
    CYC_SAME(value_of(&bench, "not (1 < 2) or 2 >= 2"), "condition 1");
    CYC_SAME(value_of(&bench, "1 < 2 or 1 < 2 and 2 < 1"), "condition 1");
    CYC_SAME(value_of(&bench, "(1 < 2 or 1 < 2) and 2 < 1"), "condition 0");
    end(&bench);
}

static void percent_follows_a_number_and_mod_a_name(void)
{
    struct bench bench;
    begin(&bench);
    CYC_SAME(value_of(&bench, "50 % * 8 h"), "time 14400");
    CYC_SAME(value_of(&bench, "50% * 8 h"), "time 14400");
    CYC_SAME(value_of(&bench, "mod(7, 4)"), "number 3");
    CYC_SAME(value_of(&bench, "mod(-7, 4)"), "number 1");
    CYC_SAME(value_of(&bench, "n % 2"), "number 1");
    CYC_SAME(value_of(&bench, "7 % 4"),
             "15+1: an operator is missing here (% after a number means percent; the remainder is "
             "mod(a, b))");
    end(&bench);
}

static void functions_take_their_arguments(void)
{
    struct bench bench;
    begin(&bench);
    CYC_SAME(value_of(&bench, "max(1 V, 3 V, 2 V)"), "voltage 3");
    CYC_SAME(value_of(&bench, "min(1 h, 30 min)"), "time 1800");
    CYC_SAME(value_of(&bench, "abs(-2 mA)"), "current 0.002");
    CYC_SAME(value_of(&bench, "floor(7 mAh / 2 mAh)"), "number 3");
    CYC_SAME(value_of(&bench, "abs(1, 2)"), "11+3: abs takes one argument (-)");
    CYC_SAME(value_of(&bench, "max(1)"), "11+3: max takes at least two arguments (-)");
    CYC_SAME(value_of(&bench, "mod(1, 2, 3)"), "11+3: mod takes two arguments: mod(a, b) (-)");
    end(&bench);
}

static void products_and_quotients_have_kinds(void)
{
    struct bench bench;
    begin(&bench);
    CYC_SAME(value_of(&bench, "3 mAh / 2 mAh"), "number 1.5");
    CYC_SAME(value_of(&bench, "3 Wh / 2 Ah"), "voltage 1.5");
    CYC_SAME(value_of(&bench, "2 A * 30 min"), "charge 1");
    CYC_SAME(value_of(&bench, "2 Ah / 30 min"), "current 4");
    CYC_SAME(value_of(&bench, "2 V * 3 A"), "power 6");
    CYC_SAME(value_of(&bench, "6 W * 2 h"), "energy 12");
    CYC_SAME(value_of(&bench, "4 V / 2 ohm"), "current 2");
    CYC_SAME(value_of(&bench, "4 V / 2 A"), "resistance 2");
    CYC_SAME(value_of(&bench, "36 mV / 1 h"), "voltage rate 0.00001");
    CYC_SAME(value_of(&bench, "1 / 10 s"), "frequency 0.1");
    CYC_SAME(value_of(&bench, "36 % / 1 h"), "fraction rate 0.0001");
    CYC_SAME(value_of(&bench, "50 % * 50 %"), "fraction 0.25");
    CYC_SAME(value_of(&bench, "10 MPa * 2 cm2"), "force 2000");
    CYC_SAME(value_of(&bench, "2 %/h * 30 min"), "fraction 0.01");
    CYC_SAME(value_of(&bench, "10 %/h / 2 %/h"), "number 5");
    CYC_SAME(value_of(&bench, "2 K/min * 10 min"), "temperature difference 20");
    CYC_SAME(value_of(&bench, "3 MPa/h * 20 min"), "pressure 1000000");
    CYC_SAME(value_of(&bench, "10 mg / 5 mg"), "number 2");
    CYC_SAME(value_of(&bench, "6 cm2 / 3"), "area 2");
    CYC_SAME(value_of(&bench, "2 / 50 %"), "number 4");
    CYC_SAME(value_of(&bench, "1 / 1 kHz"), "time 0.001");
    end(&bench);
}

static void mixing_kinds_is_refused_at_its_place(void)
{
    struct bench bench;
    begin(&bench);
    CYC_SAME(value_of(&bench, "voltage > 2 A"),
             "19+1: a voltage cannot be compared with a current (both sides must be of one kind; "
             "voltage: V, mV, uV)");
    CYC_SAME(value_of(&bench, "voltage > 4.2"),
             "21+3: a voltage cannot be compared with a bare number (give the number a unit: V, "
             "mV, uV)");
    CYC_SAME(value_of(&bench, "last.capacity + 1"),
             "27+1: a charge cannot be added to a bare number (give the number a unit: Ah, mAh, "
             "uAh, mAh/g, mAh/cm2)");
    CYC_SAME(value_of(&bench, "1 V * 1 V"),
             "15+1: a voltage cannot be multiplied by a voltage (the result would be no quantity "
             "of the language)");
    CYC_SAME(value_of(&bench, "cycles.a.last.retention < 80"),
             "37+2: a percentage cannot be compared with a bare number (write the number as a "
             "percentage: 80 %)");
    CYC_SAME(value_of(&bench, "1 < 2 < 3"),
             "17+1: a condition cannot be compared (join comparisons with and, or; not (a < b) "
             "needs its parentheses)");
    CYC_SAME(value_of(&bench, "voltage and 1 < 2"),
             "19+3: and, or join conditions (compare: time > 1 h and voltage > 4 V)");
    CYC_SAME(value_of(&bench, "floor(2.5 V)"),
             "11+5: floor takes a bare number (divide by a unit first: floor(capacity / 1 mAh))");
    end(&bench);
}

static void a_quotient_may_meet_a_percentage(void)
{
    struct bench bench;
    begin(&bench);
    CYC_SAME(value_of(&bench, "3 mAh / 4 mAh < 80 %"), "condition 1");
    CYC_SAME(value_of(&bench, "1 - 3 mAh / 4 mAh > 20 %"), "condition 1");
    CYC_SAME(value_of(&bench, "3 mAh / 4 mAh < 0.8"), "condition 1");
    CYC_SAME(value_of(&bench, "80 % > 3 mAh / 4 mAh"), "condition 1");
    CYC_SAME(value_of(&bench, "50 % / 25 % > 150 %"), "condition 1");
    CYC_SAME(value_of(&bench, "2 * 3 < 80 %"),
             "13+1: a bare number cannot be compared with a percentage (write the number as a "
             "percentage: 80 %)");
    end(&bench);
}

static void temperatures_are_points_and_kelvins_distances(void)
{
    struct bench bench;
    begin(&bench);
    CYC_SAME(value_of(&bench, "60 degC - 20 degC"), "temperature difference 40");
    CYC_SAME(value_of(&bench, "20 degC + 5 K"), "temperature 25");
    CYC_SAME(value_of(&bench, "5 K + 20 degC"), "temperature 25");
    CYC_SAME(value_of(&bench, "20 degC + 5 degC"),
             "19+1: two temperatures cannot be added (add a difference in K: 30 degC + 5 K)");
    CYC_SAME(value_of(&bench, "temperature > 45 K"),
             "23+1: a temperature cannot be compared with a temperature difference (temperatures "
             "are written in degC)");
    CYC_SAME(value_of(&bench, "2 * 20 degC"),
             "13+1: a temperature in degC can be neither multiplied nor divided (take a "
             "difference first: temperature - 20 degC is in K)");
    end(&bench);
}

static void vs_shifts_a_voltage_and_nothing_else(void)
{
    struct bench bench;
    struct cyc_expr_use use;
    begin(&bench);
    CYC_SAME(value_of(&bench, "4.6 V vs Li/Li+"), "voltage 3.98");
    CYC_SAME(value_of(&bench, "(4.6 V vs Li/Li+) - 10 mV"), "voltage 3.97");
    CYC_SAME(value_of(&bench, "4.6 V vs Li/Li+ - 10 mV"), "voltage 3.97");
    CYC_SAME(value_of(&bench, "4.6 V vs Na/Na+"), "20+6: unknown electrode (-)");
    CYC_SAME(value_of(&bench, "1 h vs Li/Li+"), "15+2: a time has no reference electrode (leave "
                                                "out vs)");
    CYC_SAME(value_of(&bench, "4.6 V vs"), "17+2: vs names no electrode (4.6 V vs Li/Li+)");
    cyc_expr_use(parse(&bench, "voltage > 4.6 V vs Li/Li+"), &use);
    CU_ASSERT(use.names_electrode && !use.bare_potential);
    CYC_NEAR(use.value, 3.98, 1e-12);
    cyc_expr_use(parse(&bench, "voltage > 4.6 V"), &use);
    CU_ASSERT(!use.names_electrode && use.bare_potential);
    cyc_expr_use(parse(&bench, "voltage < peak - 5 mV"), &use);
    CU_ASSERT(!use.names_electrode && !use.bare_potential);
    bench.scope.reference_offset = NULL;
    CYC_SAME(value_of(&bench, "5 mV vs Li/Li+"),
             "16+2: vs is not allowed here (leave out vs: this is a voltage of the cell or a "
             "difference)");
    end(&bench);
}

static void simple_conditions_become_thresholds(void)
{
    struct bench bench;
    begin(&bench);
    CYC_SAME(compiled(&bench, "voltage >= 4.2 V"), "voltage 4.2 >=");
    CYC_SAME(compiled(&bench, "4.2 V <= voltage"), "voltage 4.2 >=");
    CYC_SAME(compiled(&bench, "abs(current) < C/20"), "current abs 0.0001 <");
    CYC_SAME(compiled(&bench, "soc <= point"), "net -0.0002 <=");
    CYC_SAME(compiled(&bench, "-2 * capacity < -1 mAh"), "capacity 0.0005 >");
    CYC_SAME(compiled(&bench, "capacity / 2 mAh > 50 %"), "capacity 0.001 >");
    CYC_SAME(compiled(&bench, "abs(-current) > 1 mA"), "current abs 0.001 >");
    CYC_SAME(compiled(&bench, "test.time > 30 d"), "time@1 2592000 >");
    CYC_SAME(compiled(&bench, "block.capacity > 1 mAh"), "capacity@4 0.001 >");
    CYC_SAME(compiled(&bench, "cycle.charge_capacity > 1 mAh"), "charge@2 0.001 >");
    CYC_SAME(compiled(&bench, "anode < 5 mV"), "aux#3 0.005 <");
    CYC_SAME(compiled(&bench, "time > 1 h and not (voltage < 3 V)"),
             "time 3600 > voltage 3 >= and");
    end(&bench);
}

static void other_conditions_keep_their_form(void)
{
    struct bench bench;
    begin(&bench);
    CYC_SAME(compiled(&bench, "voltage < peak - 5 mV"), "voltage peak 0.005 - <");
    CYC_SAME(compiled(&bench, "abs(temperature - ambient_temperature) > 5 K"),
             "temperature ambient - abs 5 >");
    CYC_SAME(compiled(&bench, "energy / capacity > 3 V"), "energy capacity / 3 >");
    CYC_SAME(compiled(&bench, "current * time > 1 mAh"),
             "current time * 0.000277777778 * 0.001 >");
    CYC_SAME(compiled(&bench, "max(voltage, 3 V) > anode"), "voltage 3 max aux#3 >");
    end(&bench);
}

static void what_is_known_is_folded(void)
{
    struct bench bench;
    begin(&bench);
    CYC_SAME(compiled(&bench, "capacity > 80 % * last.capacity"), "capacity 0.0032 >");
    CYC_SAME(compiled(&bench, "1 < 2 and voltage > 3 V"), "voltage 3 >");
    CYC_SAME(compiled(&bench, "voltage > 3 V or 1 < 2"), "1");
    CYC_SAME(compiled(&bench, "voltage > 3 V and n > 3"), "0");
    CYC_SAME(compiled(&bench, "not (voltage > 3 V and n > 2)"), "voltage 3 <=");
    bench.scope.one_c_varies = true;
    CYC_SAME(compiled(&bench, "abs(current) < C/20"), "current abs 0.0001 <");
    bench.env.one_c_A = 0.004; /* let: one_c */
    CYC_SAME(compiled(&bench, "abs(current) < C/20"), "current abs 0.0002 <");
    end(&bench);
}

static void what_does_not_exist_makes_a_condition_false(void)
{
    struct bench bench;
    begin(&bench);
    bench.scope.pass = true;
    CYC_SAME(value_of(&bench, "best.discharge_capacity > 1 mAh"), "condition 0");
    CYC_SAME(value_of(&bench, "not (best.discharge_capacity > 1 mAh)"), "condition 0");
    CYC_SAME(value_of(&bench, "best.discharge_capacity ~= 1 mAh"), "condition 0");
    CYC_SAME(value_of(&bench, "best.discharge_capacity > 1 mAh or 1 < 2"), "condition 1");
    CYC_SAME(compiled(&bench, "capacity > best.capacity"), "0");
    CYC_SAME(compiled(&bench, "not (voltage > 3 V * best.retention)"), "0");
    CYC_SAME(compiled(&bench, "voltage - peak > 3 V * best.retention"), "0");
    bench.best = 0.002;
    CYC_SAME(value_of(&bench, "best.discharge_capacity > 1 mAh"), "condition 1");
    end(&bench);
}

static void slopes_are_watched_long_enough(void)
{
    struct bench bench;
    begin(&bench);
    CYC_SAME(compiled(&bench, "abs(dV/dt) < 1 mV/h"), "slope#0 abs 2.77777778e-7 <");
    CU_ASSERT_EQUAL(bench.step.slope_count, 1);
    CYC_NEAR((double)bench.step.slopes[0].window_ns, 1440e9, 10); /* 4 x 0.1 mV at 1 mV/h */
    CYC_SAME(compiled(&bench, "dV/dt < -1 V/h"), "slope#0 -0.000277777778 <");
    CYC_NEAR((double)bench.step.slopes[0].window_ns, 300e9, 0);
    CYC_SAME(compiled(&bench, "abs(dI/dt) < 1 %/h"),
             "slope#0 abs 0.00000277777778 current abs * <");
    CYC_SAME(value_of(&bench, "abs(dI/dt) < -6 %/h"),
             "24+1: a magnitude is never negative (leave out the sign: abs(dI/dt) < 1 %/h)");
    CU_ASSERT_PTR_NOT_NULL(parse(&bench, "abs(dI/dt) < 6 %/h"));
    CU_ASSERT_EQUAL(bench.diags.warning_count, 0);
    CU_ASSERT_PTR_NOT_NULL(parse(&bench, "abs(dI/dt) < 6000 %/h"));
    CU_ASSERT_EQUAL(bench.diags.warning_count, 1);
    bench.diags.count = 0;
    CYC_SAME(value_of(&bench, "dV/dt < 0 mV/h"),
             "17+1: a slope cannot be told from zero (state the slope that matters: dV/dt < -1 "
             "mV/h)");
    end(&bench);
}

static void names_reach_results_and_cycles(void)
{
    struct bench bench;
    begin(&bench);
    CYC_SAME(value_of(&bench, "0.5 * step.check.capacity"), "charge 0.002");
    CYC_SAME(value_of(&bench, "cycles.main[2 + 1].retention"), "fraction 3");
    CYC_SAME(value_of(&bench, "cycles[7].discharge_capacity"), "charge 7");
    CYC_SAME(value_of(&bench, "last.reason == \"voltage\""), "condition 1");
    CYC_SAME(value_of(&bench, "last.reason ~= 'time'"), "condition 1");
    CYC_SAME(value_of(&bench, "last.reason == \"voltag\""),
             "26+8: no step ends for the reason \"voltag\" (voltage)");
    CYC_SAME(value_of(&bench, "step.check.capacty"),
             "22+7: step.<id> has no field 'capacty' (did you mean step.<id>.capacity?)");
    CYC_SAME(value_of(&bench, "step.capacity"),
             "24+1: step.<id> is followed by a point and a name, as in step.<id>.capacity (-)");
    CYC_SAME(value_of(&bench, "first.retention"),
             "11+5: first has a meaning only in leave_when (cycles.<id>.first reads it from "
             "elsewhere)");
    CYC_SAME(value_of(&bench, "cycle.retention > 80 %"),
             "11+5: cycle.retention is known only when the pass has ended (use it in leave_when)");
    CYC_SAME(value_of(&bench, "voltag > 3 V"), "11+6: unknown name 'voltag' (did you mean "
                                               "voltage?)");
    CYC_SAME(value_of(&bench, "voltage > 3.5 V"), "condition 1");
    end(&bench);
}

static void names_of_the_present_are_refused_where_a_value_is_due(void)
{
    struct bench bench;
    begin(&bench);
    bench.scope.present = false;
    CYC_SAME(value_of(&bench, "voltage + 10 mV"),
             "11+7: voltage is a name of the present; here a value is due that is known when the "
             "step starts (last.voltage is that of the last step)");
    bench.scope.present = true;
    bench.scope.soc_known = false;
    CYC_SAME(value_of(&bench, "soc < 50 %"),
             "11+3: the protocol has not said where soc stands (let: {soc: 100 %, full_capacity: "
             "…})");
    bench.scope.block_depth = 0;
    bench.scope.in_cycle = false;
    CYC_SAME(value_of(&bench, "block.time > 1 h"),
             "11+5: no block is around this (test.… counts since the start)");
    CYC_SAME(value_of(&bench, "pass > 3"),
             "11+4: pass counts the passes of a block; none is around this (-)");
    CYC_SAME(value_of(&bench, "cycle.time > 3 h"),
             "11+5: no cycles block is around this (cycles.<id>.last reads a cycle from "
             "elsewhere)");
    end(&bench);
}

static void the_operators_of_other_languages_are_answered_with_ours(void)
{
    struct bench bench;
    begin(&bench);
    CYC_SAME(value_of(&bench, "n != 3"),
             "13+2: '!=' has no meaning in an expression (not equal is written ~=)");
    CYC_SAME(value_of(&bench, "n = 3"),
             "13+1: '=' has no meaning in an expression (equality is written ==)");
    CYC_SAME(value_of(&bench, "n > 3 && n < 5"),
             "17+2: '&&' has no meaning in an expression (both conditions: and)");
    CYC_SAME(value_of(&bench, "n ≥ 3"),
             "13+1: '≥' has no meaning in an expression (greater or equal is written >=)");
    CYC_SAME(value_of(&bench, "n ^ 2"),
             "13+1: '^' has no meaning in an expression (there are no powers; multiply)");
    end(&bench);
}

static void broken_texts_are_refused_with_their_place(void)
{
    static const char *const texts[] = {
        "",       "(",        "1 +",      ")",        "voltage >", "voltage 3 V", "1 h 30 min",
        "1:30:00", "1,5 V",   "4.2 Volts", "0x10",    "1e999",     "nan",         "C",
        "..",     "min(",     "min(1,",   "last",     "last.",     "cycles.",     "cycles.a[",
        "cycles.a[1 V].retention", "cycles.a[1]", "\"voltage", "\x01", "\xff\xfe", "voltage > 3 V;",
        "60 C + 5 K", "not voltage", "-true", "1 and 2", "abs", "vs Li", "4 V vs Li/Li+ vs Li/Li+"};
    struct bench bench;
    begin(&bench);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const unsigned before = bench.diags.error_count;
        const struct cyc_expr *const expr = parse(&bench, texts[i]);
        if (expr != NULL) {
            CYC_SAME(texts[i], "(should have been refused)");
        }
        CU_ASSERT_EQUAL(bench.diags.error_count, before + 1);
        bench.diags.count = 0;
    }
    end(&bench);
}

static void depth_and_length_are_bounded(void)
{
    struct bench bench;
    static char text[200000];
    begin(&bench);
    memset(text, '(', sizeof text - 1);
    CU_ASSERT_PTR_NULL(parse(&bench, text));
    text[3000] = '\0';
    CU_ASSERT_PTR_NULL(parse(&bench, text));
    memset(text, '-', 3000);
    CU_ASSERT_PTR_NULL(parse(&bench, text));
    for (size_t i = 0; i < 3000; i += 2) {
        text[i] = '1';
        text[i + 1] = '+';
    }
    CU_ASSERT_PTR_NULL(parse(&bench, text));
    /* 1 + (time + (time + … needs one more place on the stack for each bracket */
    text[0] = '\0';
    struct cyc_text deep = {0};
    for (int i = 0; i < 20; i++) {
        cyc_text_append(&deep, "(n + ");
    }
    cyc_text_append(&deep, "n");
    for (int i = 0; i < 20; i++) {
        cyc_text_append(&deep, ")");
    }
    CYC_SAME(value_of(&bench, cyc_text_get(&deep)) + 6,
             "computing this needs 17 values at once, at most 16 (split it with let)");
    cyc_text_release(&deep);
    end(&bench);
}

static void conditions_that_do_not_fit_a_step_are_refused_and_leave_it_as_it_was(void)
{
    struct bench bench;
    struct cyc_condition condition = {0};
    begin(&bench);
    const struct cyc_expr *const expr = parse(&bench, "voltage > 3 V and dV/dt > 1 V/h");
    CU_ASSERT_PTR_NOT_NULL_FATAL(expr);
    bench.step.op_count = CYC_OPS_MAX - 4;
    CU_ASSERT_EQUAL(
        cyc_expr_compile(expr, &bench.env, 0, NULL, &bench.step, &condition, &bench.err),
        CYC_E_BOUND);
    CU_ASSERT_EQUAL(bench.step.op_count, CYC_OPS_MAX - 4);
    CU_ASSERT_EQUAL(bench.step.slope_count, 0);
    end(&bench);
}

const struct cyc_check cyc_check_expr[] = {
    CYC_CHECK(quantities_have_kind_and_value),
    CYC_CHECK(precedence_is_that_of_lua),
    CYC_CHECK(percent_follows_a_number_and_mod_a_name),
    CYC_CHECK(functions_take_their_arguments),
    CYC_CHECK(products_and_quotients_have_kinds),
    CYC_CHECK(mixing_kinds_is_refused_at_its_place),
    CYC_CHECK(a_quotient_may_meet_a_percentage),
    CYC_CHECK(temperatures_are_points_and_kelvins_distances),
    CYC_CHECK(vs_shifts_a_voltage_and_nothing_else),
    CYC_CHECK(simple_conditions_become_thresholds),
    CYC_CHECK(other_conditions_keep_their_form),
    CYC_CHECK(what_is_known_is_folded),
    CYC_CHECK(what_does_not_exist_makes_a_condition_false),
    CYC_CHECK(slopes_are_watched_long_enough),
    CYC_CHECK(names_reach_results_and_cycles),
    CYC_CHECK(names_of_the_present_are_refused_where_a_value_is_due),
    CYC_CHECK(the_operators_of_other_languages_are_answered_with_ours),
    CYC_CHECK(broken_texts_are_refused_with_their_place),
    CYC_CHECK(depth_and_length_are_bounded),
    CYC_CHECK(conditions_that_do_not_fit_a_step_are_refused_and_leave_it_as_it_was),
    {0}};
