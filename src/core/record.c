/* The record rule: which samples become rows.
 *
 * Time rules keep to grids: `every` counts from the step's start, a burst from the start of the
 * step or of each pulse, its stretches one after the other. The rules on voltage, current,
 * temperature, pressure and capacity count from the record before, whatever caused it. The bounds
 * are kept as doubles that are tested here and watched by the host, so both see the same crossing.
 * The first sample under a step's own setpoint and its last one are always kept.
 */
#include "core/core_int.h"

/* The first point of a grid from origin that lies after t. */
static int64_t next_on_grid(int64_t origin_ns, int64_t every_ns, int64_t t_ns)
{
    if (t_ns < origin_ns) {
        return origin_ns;
    }
    return origin_ns + ((t_ns - origin_ns) / every_ns + 1) * every_ns;
}

/* The next burst point after t; the end of the last stretch is one too. */
static int64_t next_burst(const struct cyc_record_rule *rule, int64_t origin_ns, int64_t t_ns)
{
    int64_t from_ns = origin_ns;
    for (unsigned i = 0; i < rule->burst_count; i++) {
        const struct cyc_burst *burst = &rule->bursts[i];
        const int64_t end_ns = from_ns + burst->during_ns;
        if (t_ns < end_ns && burst->every_ns > 0) {
            const int64_t next_ns = next_on_grid(from_ns, burst->every_ns, t_ns);
            return next_ns < end_ns ? next_ns : end_ns;
        }
        from_ns = end_ns;
    }
    return CYC_NEVER;
}

static int64_t burst_origin(const struct cyc_turn *turn)
{
    const struct cyc_core *core = turn->core;
    return turn->step->mode == CYC_MODE_PULSE ? core->pulse_ns : core->origin_ns;
}

static double value_of(const struct cyc_core *core, const struct cyc_delta *delta)
{
    return delta->signal < CYC_DIRECT ? core->direct[delta->signal] : core->last.aux[delta->index];
}

/* Their watches are moved in place, unless values have come or gone. Sensors stand behind the
 * others and have none. */
static void rearm_deltas(struct cyc_core *core)
{
    bool known = true;
    for (unsigned i = 0; i < core->delta_count; i++) {
        struct cyc_delta *delta = &core->deltas[i];
        delta->low = value_of(core, delta) - delta->by;
        delta->high = value_of(core, delta) + delta->by;
        if (delta->signal == CYC_SIGNAL_AUX) {
            continue;
        }
        core->watches[2 * i].value = delta->low;
        core->watches[2 * i + 1].value = delta->high;
        if (!isfinite(delta->low)) {
            known = false;
        }
    }
    if (!known || !core->deltas_known) {
        core->rewatch = true;
    }
    core->deltas_known = known;
}

static void rearm(struct cyc_turn *turn)
{
    struct cyc_core *core = turn->core;
    const struct cyc_record_rule *rule = &turn->step->record;
    const int64_t t_ns = core->last.t_ns;
    if (t_ns >= core->next_every_ns) {
        core->next_every_ns =
            rule->every_ns > 0 ? next_on_grid(core->origin_ns, rule->every_ns, t_ns) : CYC_NEVER;
    }
    if (t_ns >= core->next_burst_ns) {
        core->next_burst_ns = next_burst(rule, burst_origin(turn), t_ns);
    }
    rearm_deltas(core);
    if (rule->capacity_Ah > 0) {
        core->next_capacity_Ah =
            cyc_sums_get(&core->total[CYC_SCOPE_STEP], CYC_SIGNAL_CAPACITY) + rule->capacity_Ah;
        core->rewatch = true;
    }
}

static void write_record(struct cyc_turn *turn)
{
    struct cyc_core *core = turn->core;
    const struct cyc_step *step = turn->step;
    struct cyc_record *record = &turn->out->record;
    core->record_count++;
    core->recorded = true;
    record->sample = core->last;
    record->step_time_ns = core->step_time_ns;
    record->index = core->record_count;
    record->step_count = core->step_count;
    record->step_id = step->id;
    record->cycle_number = step->cycle_number;
    record->step = core->total[CYC_SCOPE_STEP];
    record->cycle = core->total[CYC_SCOPE_CYCLE];
    record->test = core->total[CYC_SCOPE_TEST];
    (void)cyc_core_act(turn, CYC_ACTION_RECORD);
    rearm(turn);
}

void cyc_core_record_begin(struct cyc_turn *turn)
{
    struct cyc_core *core = turn->core;
    const struct cyc_record_rule *rule = &turn->step->record;
    core->next_every_ns = core->origin_ns; /* the first sample, whatever the rule */
    core->next_burst_ns =
        turn->step->mode != CYC_MODE_PULSE && rule->burst_count > 0 ? core->origin_ns : CYC_NEVER;
    core->next_capacity_Ah = INFINITY;
    struct cyc_delta deltas[CYC_DELTAS] = {
        {.signal = CYC_SIGNAL_VOLTAGE, .by = rule->voltage_V},
        {.signal = CYC_SIGNAL_CURRENT, .by = rule->current_A},
        {.signal = CYC_SIGNAL_TEMPERATURE, .by = rule->temperature_K},
        {.signal = CYC_SIGNAL_PRESSURE, .by = rule->pressure_Pa}};
    for (uint8_t i = 0; i < CYC_AUX_MAX; i++) {
        deltas[CYC_DELTAS - CYC_AUX_MAX + i] =
            (struct cyc_delta){.signal = CYC_SIGNAL_AUX, .index = i, .by = rule->aux[i]};
    }
    core->delta_count = 0;
    core->deltas_known = false;
    for (unsigned i = 0; i < CYC_DELTAS; i++) {
        if (deltas[i].by > 0) {
            struct cyc_delta *delta = &core->deltas[core->delta_count++];
            *delta = deltas[i];
            delta->low = -INFINITY;
            delta->high = INFINITY;
        }
    }
}

void cyc_core_record_pulse(struct cyc_turn *turn)
{
    if (turn->step->record.burst_count > 0) {
        turn->core->next_burst_ns = turn->core->pulse_ns;
    }
}

static bool is_due(const struct cyc_core *core)
{
    const int64_t t_ns = core->last.t_ns;
    if (t_ns >= core->next_every_ns || t_ns >= core->next_burst_ns) {
        return true;
    }
    for (unsigned i = 0; i < core->delta_count; i++) {
        const struct cyc_delta *delta = &core->deltas[i];
        const double value = value_of(core, delta);
        if (value <= delta->low || value >= delta->high) {
            return true;
        }
    }
    return cyc_sums_get(&core->total[CYC_SCOPE_STEP], CYC_SIGNAL_CAPACITY) >=
           core->next_capacity_Ah;
}

void cyc_core_record_rule(struct cyc_turn *turn)
{
    if (is_due(turn->core)) {
        write_record(turn);
    }
}

void cyc_core_record_force(struct cyc_turn *turn)
{
    if (!turn->core->recorded) {
        write_record(turn);
    }
}
