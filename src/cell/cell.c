/* Time and watches of a simulated cell.
 *
 * A model knows one thing: the state a span after its base state, under the present setpoint, and
 * what is seen there. This file drives it:
 *
 *        base            now                    end = base + reach, or until
 *     ────┼───────────────┼───────────────────────┼──────────►  t, whole nanoseconds
 *         │ kept          │ seen last             │ tried: has a watch changed sides?
 *
 * - Steps run from the base state. When a model's own step is complete, its end becomes the base.
 *   Where `until` or a crossing cuts a step short, the state there is looked at; it becomes the
 *   base when a setpoint changes, or at once where the model's steps are exact anyway.
 * - A watch has a side at the start of the call, below or above its value. The first nanosecond
 *   on the other side (microsecond, where the steps are not exact) is found by trying the same step
 *   with other spans (root.c); the state there is that of a step, not an interpolation. The
 * earliest of several watches wins.
 * - A watch that stands exactly on its value at the start is crossed when it leaves it.
 * - Between two instants on one side a voltage may have been on the other for a while; where the
 *   model's bounds say so, shorter steps are tried down to 1 s.
 *
 * Each call moves time by at least one nanosecond if there is any time to move, and never beyond
 * `until`. Sums grow by what passed between one state seen and the next, so a step that is cut
 * short and later completed counts once.
 *
 * The layers in which faults will be injected have their places: the cell's physics in the models,
 * wiring and instrument between cyc_point and cyc_sample in fill(), surroundings in climate.c.
 */
#include "cell/cell_int.h"
#include "cell/root.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DOUBTFUL_NS CYC_S_NS /* a crossing there and back within this may be overlooked */

/* ---- Making a cell --------------------------------------------------------------------------- */

static void look_anew(struct cyc_cell *cell)
{
    cell->model->applied(cell);
    cell->infeasible =
        cell->model->step(cell, 0, &cell->states[1 - cell->base], cell->now) != CYC_OK ||
        !isfinite(cell->now->signal[CYC_SIGNAL_VOLTAGE]) ||
        (cell->setpoint.control == CYC_CONTROL_LOAD && !(cell->setpoint.value > 0));
}

int cyc_cell_new(const struct cyc_cell_spec *spec, struct cyc_cell **cell, struct cyc_err *err)
{
    const struct cyc_cell_model *model = cyc_cell_model(spec->model);
    if (model == NULL) {
        return cyc_err_set(err, CYC_E_INPUT,
                           "there is no cell model '%s'; known are linear and n_lmro", spec->model);
    }
    struct cyc_cell *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for a simulated cell");
    }
    made->model = model;
    made->now = &made->points[0];
    made->tried = &made->points[1];
    for (unsigned i = 0; i < CYC_SIGNAL_COUNT; i++) {
        made->points[0].signal[i] = NAN;
        made->points[1].signal[i] = NAN;
    }
    int status = model->init(made, spec, err);
    if (status == CYC_OK) {
        status = cyc_climate_check(&made->climate.values, err);
    }
    if (status != CYC_OK) {
        free(made);
        return status;
    }
    cyc_climate_init(&made->climate, &cyc_cell_base(made)->climate,
                     isfinite(spec->temperature_degC) ? spec->temperature_degC : 25,
                     isfinite(spec->pressure_Pa) ? spec->pressure_Pa : 1e5);
    look_anew(made);
    *cell = made;
    return CYC_OK;
}

void cyc_cell_free(struct cyc_cell *cell)
{
    free(cell);
}

/* ---- Setpoints ------------------------------------------------------------------------------- */

/* The state seen last becomes the base, complete step or not. The other state is the one on trial,
 * and the last trial was always for now_ns. */
static void rebase(struct cyc_cell *cell)
{
    if (cell->now_ns > cell->base_ns) {
        cell->base = 1 - cell->base;
        cell->base_ns = cell->now_ns;
        cell->net_Ah += cell->now->net_Ah;
    }
    cell->now->net_Ah = 0;
    cell->now->net_Wh = 0;
}

void cyc_cell_apply(struct cyc_cell *cell, const struct cyc_setpoint *setpoint)
{
    rebase(cell);
    cell->setpoint = *setpoint;
    cell->applied_ns = cell->now_ns;
    look_anew(cell);
}

void cyc_cell_environment(struct cyc_cell *cell, const struct cyc_environment *environment)
{
    rebase(cell);
    cyc_climate_command(&cell->climate, &cyc_cell_base(cell)->climate, environment);
    look_anew(cell);
}

/* ---- Watches --------------------------------------------------------------------------------- */

/* From below to on or above the value, or the other way; off it from exactly on it. */
static inline bool crossed(double before, double after, double value)
{
    if (before < value) {
        return after >= value;
    }
    if (before > value) {
        return after <= value;
    }
    return after < value || after > value;
}

static inline double watched(const struct cyc_point *point, const struct cyc_watch *watch)
{
    const double value = point->signal[watch->signal];
    return watch->magnitude ? fabs(value) : value;
}

static inline bool within(double value, double low, double high)
{
    return value > low && value < high;
}

/* Whether a watch that is not crossed at the end may have been in between, there and back. */
static inline bool maybe_crossed(const struct cyc_point *point, const struct cyc_watch *watch)
{
    if (watch->signal == CYC_SIGNAL_VOLTAGE) {
        return within(watch->value, point->low_V, point->high_V);
    }
    return watch->signal == CYC_SIGNAL_CURRENT &&
           (within(watch->value, point->low_A, point->high_A) ||
            (watch->magnitude && within(-watch->value, point->low_A, point->high_A)));
}

enum verdict { NOT_CROSSED, DOUBTFUL, CROSSED };

static enum verdict judge(const struct cyc_cell *cell, const struct cyc_point *point,
                          const struct cyc_watch *watches, unsigned count)
{
    enum verdict verdict = NOT_CROSSED;
    for (unsigned i = 0; i < count; i++) {
        const double before = watched(cell->now, &watches[i]);
        const double after = watched(point, &watches[i]);
        if (crossed(before, after, watches[i].value)) {
            return CROSSED;
        }
        if (maybe_crossed(point, &watches[i])) {
            verdict = DOUBTFUL;
        }
    }
    return verdict;
}

/* What is seen span_ns after the base state. */
static inline int look(struct cyc_cell *cell, int64_t span_ns, struct cyc_point *point)
{
    const int status = cell->model->step(cell, span_ns, &cell->states[1 - cell->base], point);
    const double *so_far = cell->now->signal;
    const double passed_Ah = point->net_Ah - cell->now->net_Ah;
    const double passed_Wh = point->net_Wh - cell->now->net_Wh;
    struct cyc_sums sums = {so_far[CYC_SIGNAL_CHARGE_CAPACITY],
                            so_far[CYC_SIGNAL_DISCHARGE_CAPACITY], so_far[CYC_SIGNAL_CHARGE_ENERGY],
                            so_far[CYC_SIGNAL_DISCHARGE_ENERGY]};
    if (passed_Ah >= 0) {
        sums.charge_Ah += passed_Ah;
        sums.charge_Wh += passed_Wh;
    } else {
        sums.discharge_Ah -= passed_Ah;
        sums.discharge_Wh -= passed_Wh;
    }
    point->signal[CYC_SIGNAL_CHARGE_CAPACITY] = sums.charge_Ah;
    point->signal[CYC_SIGNAL_DISCHARGE_CAPACITY] = sums.discharge_Ah;
    point->signal[CYC_SIGNAL_NET_CAPACITY] = sums.charge_Ah - sums.discharge_Ah;
    point->signal[CYC_SIGNAL_CAPACITY] = sums.charge_Ah + sums.discharge_Ah;
    point->signal[CYC_SIGNAL_CHARGE_ENERGY] = sums.charge_Wh;
    point->signal[CYC_SIGNAL_DISCHARGE_ENERGY] = sums.discharge_Wh;
    point->signal[CYC_SIGNAL_NET_ENERGY] = sums.charge_Wh - sums.discharge_Wh;
    point->signal[CYC_SIGNAL_ENERGY] = sums.charge_Wh + sums.discharge_Wh;
    return status;
}

/* Sums count from here. */
static void restart_sums(struct cyc_cell *cell)
{
    for (unsigned i = CYC_SIGNAL_CHARGE_CAPACITY; i < CYC_SIGNAL_COUNT; i++) {
        cell->now->signal[i] = 0;
    }
}

struct search {
    struct cyc_cell *cell;
    struct cyc_point *point;
    const struct cyc_watch *watch;
    double before; /* the watched value now */
};

/* Of what is seen in `point`: negative on the side that the watch starts from. */
static double side_of(const struct search *search)
{
    const double value = search->watch->value;
    const double off = watched(search->point, search->watch) - value;
    if (search->before != value) {
        return search->before < value ? off : -off;
    }
    return off != 0 ? fabs(off) : -1;
}

static double search_side(void *context, int64_t span_ns)
{
    const struct search *search = context;
    return look(search->cell, span_ns, search->point) == CYC_OK ? side_of(search) : INFINITY;
}

/* ---- Time ------------------------------------------------------------------------------------ */

/* The span of the first crossing in (now, span_ns], where one is known to be. State on trial and
 * `point` are those at span_ns before and at the crossing after. */
static int64_t first_crossing(struct cyc_cell *cell, const struct cyc_watch *watches,
                              unsigned count, int64_t span_ns, struct cyc_point *point)
{
    int64_t found_ns = span_ns;
    const int64_t now_span_ns = cell->now_ns - cell->base_ns;
    struct search search = {cell, point, NULL, 0};
    for (unsigned i = 0; i < count; i++) {
        search.watch = &watches[i];
        search.before = watched(cell->now, &watches[i]);
        if (!crossed(search.before, watched(point, &watches[i]), watches[i].value)) {
            continue;
        }
        const double off = search.before - watches[i].value;
        found_ns = cyc_first_beyond(now_span_ns, -fabs(off), found_ns, side_of(&search),
                                    cell->model->crossing_ns, search_side, &search);
    }
    return found_ns;
}

/* The last span in (near, far) that the setpoint can be met for; 0: none. */
static int64_t last_feasible_ns(struct cyc_cell *cell, int64_t near_ns, int64_t far_ns,
                                struct cyc_point *point)
{
    const int64_t start_ns = near_ns;
    while (far_ns - near_ns > 1) {
        const int64_t middle_ns = near_ns + (far_ns - near_ns) / 2;
        if (look(cell, middle_ns, point) == CYC_OK) {
            near_ns = middle_ns;
        } else {
            far_ns = middle_ns;
        }
    }
    return near_ns > start_ns && look(cell, near_ns, point) == CYC_OK ? near_ns : 0;
}

/* The state on trial, seen at span_ns, is now; and the new base where the step is complete. */
static void move(struct cyc_cell *cell, int64_t span_ns, bool complete)
{
    struct cyc_point *left = cell->now;
    cell->now = cell->tried;
    cell->tried = left;
    cell->now_ns = cell->base_ns + span_ns;
    if (complete) {
        rebase(cell);
    }
}

static inline void fill(const struct cyc_cell *cell, struct cyc_sample *sample)
{
    const struct cyc_point *now = cell->now;
    const bool on = cell->setpoint.control != CYC_CONTROL_OPEN;
    sample->t_ns = cell->now_ns;
    sample->setpoint_number = cell->setpoint.number;
    sample->flags = (uint32_t)CYC_SAMPLE_EXACT | (uint32_t)CYC_SAMPLE_SETTLED |
                    (on ? (uint32_t)CYC_SAMPLE_OUTPUT_ON : 0) |
                    (now->regulated ? (uint32_t)CYC_SAMPLE_CV : 0);
    sample->voltage_V = now->signal[CYC_SIGNAL_VOLTAGE];
    sample->current_A = now->signal[CYC_SIGNAL_CURRENT];
    sample->temperature_degC = now->signal[CYC_SIGNAL_TEMPERATURE];
    sample->ambient_degC = now->signal[CYC_SIGNAL_AMBIENT];
    sample->pressure_Pa = now->signal[CYC_SIGNAL_PRESSURE];
    for (unsigned i = 0; i < CYC_AUX_MAX; i++) {
        sample->aux[i] = NAN;
    }
    sample->temperature_age_ns = 0;
    sample->pressure_age_ns = 0;
    sample->charge_Ah = now->signal[CYC_SIGNAL_CHARGE_CAPACITY];
    sample->discharge_Ah = now->signal[CYC_SIGNAL_DISCHARGE_CAPACITY];
    sample->charge_Wh = now->signal[CYC_SIGNAL_CHARGE_ENERGY];
    sample->discharge_Wh = now->signal[CYC_SIGNAL_DISCHARGE_ENERGY];
}

/* Tries the step that ends at span_ns at the latest; *span_ns gets where it ended. */
static inline int try_step(struct cyc_cell *cell, int64_t *span_ns, struct cyc_point *point)
{
    if (look(cell, *span_ns, point) == CYC_OK) {
        return CYC_OK;
    }
    const int64_t now_span_ns = cell->now_ns - cell->base_ns;
    *span_ns = last_feasible_ns(cell, now_span_ns, *span_ns, point);
    if (*span_ns > 0) {
        return CYC_OK;
    }
    (void)look(cell, now_span_ns, point); /* the state on trial is that of now */
    return CYC_E_INFEASIBLE;
}

/* One stretch towards until_ns. *crossing: it ended at a watch. CYC_E_INFEASIBLE: time stands. */
static int stretch(struct cyc_cell *cell, int64_t until_ns, const struct cyc_watch *watches,
                   unsigned count, bool *crossing)
{
    struct cyc_point *point = cell->tried;
    const int64_t limit_ns = until_ns - cell->base_ns;
    const int64_t now_span_ns = cell->now_ns - cell->base_ns;
    const int64_t reach_ns = cell->model->reach_ns(cell, limit_ns);
    int64_t span_ns = reach_ns < limit_ns ? reach_ns : limit_ns;
    int status = try_step(cell, &span_ns, point);
    if (status != CYC_OK) {
        return status;
    }
    enum verdict verdict = judge(cell, point, watches, count);
    while (verdict == DOUBTFUL && span_ns - now_span_ns > DOUBTFUL_NS) {
        span_ns = now_span_ns + (span_ns - now_span_ns) / 2;
        status = try_step(cell, &span_ns, point);
        if (status != CYC_OK) {
            return status;
        }
        verdict = judge(cell, point, watches, count);
    }
    *crossing = verdict == CROSSED;
    if (*crossing) {
        span_ns = first_crossing(cell, watches, count, span_ns, point);
    }
    move(cell, span_ns, span_ns == reach_ns || cell->model->keeps_cuts);
    return CYC_OK;
}

int cyc_cell_advance(struct cyc_cell *cell, int64_t until_ns, const struct cyc_watch *watches,
                     unsigned watch_count, struct cyc_sample *sample, struct cyc_err *err)
{
    const int64_t start_ns = cell->now_ns;
    const unsigned count = watch_count < CYC_WATCHES_MAX ? watch_count : CYC_WATCHES_MAX;
    int status = cell->infeasible ? CYC_E_INFEASIBLE : CYC_OK;
    bool crossing = false;
    restart_sums(cell);
    while (status == CYC_OK && cell->now_ns < until_ns && !crossing) {
        status = stretch(cell, until_ns, watches, count, &crossing);
    }
    if (status != CYC_OK && cell->now_ns == start_ns) {
        return cyc_err_set(err, status, "no current satisfies the setpoint");
    }
    fill(cell, sample);
    return CYC_OK;
}

double cyc_cell_net_charge_Ah(const struct cyc_cell *cell)
{
    return cell->net_Ah + cell->now->net_Ah;
}

double cyc_cell_inner(const struct cyc_cell *cell, const char *name)
{
    return cell->model->inner(cell, name);
}
