#include "wired.h"

#include "protocol/protocol.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct wired *now; /* NULL: nothing is looked at */

void wired_begin(struct wired *wired, enum wired_fault fault, double nominal_Ah)
{
    memset(wired, 0, sizeof *wired);
    wired->fault = fault;
    wired->random = 88172645463325252u;
    wired->compliance_V = 5.0;
    wired->facts = (struct cyc_plausible_facts){.nominal_capacity_Ah = nominal_Ah,
                                                .voltage_min_V = (double)NAN,
                                                .voltage_max_V = (double)NAN,
                                                .voltage_resolution_V = 1e-4,
                                                .current_resolution_A = 1e-6,
                                                .current_accuracy_A = 1e-6};
    wired->plausible = calloc(1, cyc_plausible_size());
    CU_ASSERT_PTR_NOT_NULL_FATAL(wired->plausible);
    cyc_plausible_init(wired->plausible, &wired->facts);
    now = wired;
}

void wired_end(struct wired *wired)
{
    now = NULL;
    free(wired->plausible);
    wired->plausible = NULL;
}

const struct cyc_alarm_report *wired_trip(const struct wired *wired)
{
    for (unsigned i = 0; i < wired->alarm_count; i++) {
        if (wired->alarms[i].trips) {
            return &wired->alarms[i];
        }
    }
    return NULL;
}

void wired_print(const struct wired *wired, const char *title)
{
    for (unsigned i = 0; i < wired->alarm_count; i++) {
        char t_s[CYC_NUMBER_SIZE];
        (void)fprintf(stderr, "\n%s: at %s s: %s%s: %s\n", title,
                      cyc_number_brief(t_s, 1e-9 * (double)wired->alarms[i].t_ns, 9),
                      cyc_alarm_name(wired->alarms[i].alarm),
                      wired->alarms[i].trips ? "" : " (warning)", wired->alarms[i].text);
    }
}

/* ---- What a faulty bench shows -----------------------------------------------------------------
 */

static double uniform(struct wired *wired) /* -1 … 1, xorshift64 */
{
    wired->random ^= wired->random << 13;
    wired->random ^= wired->random >> 7;
    wired->random ^= wired->random << 17;
    return (double)(wired->random >> 11) / 4503599627370496.0 - 1.0;
}

static void lose_current(struct wired *wired, struct cyc_sample *sample)
{
    const bool charges = wired->driven_A > 0.0;
    if (wired->setpoint.control == CYC_CONTROL_CURRENT) {
        sample->voltage_V = charges ? wired->compliance_V : 0.0;
    } else if (wired->setpoint.control == CYC_CONTROL_VOLTAGE) {
        sample->voltage_V = wired->setpoint.value;
    }
    sample->current_A = 0.0;
    sample->charge_Ah = sample->discharge_Ah = sample->charge_Wh = sample->discharge_Wh = 0.0;
}

static void toggle_clip(struct wired *wired, struct cyc_sample *sample)
{
    if (sample->t_ns >= wired->clip_ns) {
        wired->clip_ns = sample->t_ns + 3 * CYC_S_NS + (int64_t)(2e9 * uniform(wired));
        wired->clip_ohm = wired->clip_ohm > 0.0 ? 0.0 : 5.05 + 4.95 * uniform(wired);
    }
    sample->voltage_V += wired->clip_ohm * sample->current_A;
}

static void spoil(struct wired *wired, struct cyc_sample *sample)
{
    const bool rests = wired->setpoint.control == CYC_CONTROL_OPEN;
    switch (wired->fault) {
    case WIRED_SOUND:
        break;
    case WIRED_OPEN_CIRCUIT:
        if (!rests) {
            lose_current(wired, sample);
        }
        break;
    case WIRED_EMPTY_HOLDER:
        lose_current(wired, sample);
        sample->voltage_V = rests ? 0.003 * uniform(wired) : sample->voltage_V;
        break;
    case WIRED_REVERSED:
        sample->voltage_V = -sample->voltage_V;
        break;
    case WIRED_SENSE_OFF:
        sample->voltage_V = 0.001 * uniform(wired);
        break;
    case WIRED_SENSE_FLOATS:
        sample->voltage_V = 3.5 + 1.4 * uniform(wired);
        break;
    case WIRED_OTHER_CELL:
        sample->voltage_V = 3.6 + 0.0001 * uniform(wired);
        break;
    case WIRED_LOOSE_CLIP:
        toggle_clip(wired, sample);
        break;
    case WIRED_FROZEN_VOLTAGE:
        wired->frozen_V = wired->frozen_V > 0.0 ? wired->frozen_V : sample->voltage_V;
        sample->voltage_V = wired->frozen_V;
        break;
    case WIRED_FROZEN_CURRENT:
        wired->frozen_A = isfinite(wired->frozen_A) ? wired->frozen_A : sample->current_A;
        sample->current_A = wired->frozen_A;
        break;
    case WIRED_STUCK_RELAY:
        sample->current_A = rests ? wired->driven_A : sample->current_A;
        break;
    case WIRED_CURRENT_X10:
        sample->current_A *= 10.0;
        break;
    case WIRED_CURRENT_X1000:
        sample->current_A *= 1000.0;
        break;
    case WIRED_VOLTAGE_X10:
        sample->voltage_V *= 10.0;
        break;
    case WIRED_VOLTAGE_X1000:
        sample->voltage_V *= 1000.0;
        break;
    case WIRED_DEAD_RELAY:     /* by what is applied to the cell */
    case WIRED_CURRENT_TURNED: /* likewise, and shown as asked for */
        sample->current_A =
            wired->fault == WIRED_CURRENT_TURNED ? -sample->current_A : sample->current_A;
        break;
    }
}

static void measure(const struct wired *wired, struct wired *noisy, struct cyc_sample *sample)
{
    if (wired->noise_V > 0.0) {
        sample->voltage_V += wired->noise_V * uniform(noisy);
    }
    if (wired->step_V > 0.0) {
        sample->voltage_V = wired->step_V * floor(sample->voltage_V / wired->step_V + 0.5);
    }
}

static void look(struct wired *wired, struct cyc_sample *sample)
{
    struct cyc_alarm_report report = {0};
    const bool faulty = wired->fault != WIRED_SOUND && sample->t_ns >= wired->from_ns;
    if (faulty) {
        wired->drawn_Ah +=
            fabs(sample->current_A) * 1e-9 * (double)(sample->t_ns - wired->t_ns) / 3600.0;
        spoil(wired, sample);
    }
    measure(wired, wired, sample);
    wired->t_ns = sample->t_ns;
    wired->sample_count++;
    if (cyc_plausible_sample(wired->plausible, sample, &report) &&
        wired->alarm_count < WIRED_ALARMS_MAX) {
        wired->alarm_Ah[wired->alarm_count] = wired->drawn_Ah;
        wired->alarms[wired->alarm_count++] = report;
    }
}

/* ---- In between --------------------------------------------------------------------------------
 */

int __real_cyc_cell_advance(struct cyc_cell *cell, int64_t until_ns,
                            const struct cyc_watch *watches, unsigned watch_count,
                            struct cyc_sample *sample, struct cyc_err *err);
int __wrap_cyc_cell_advance(struct cyc_cell *cell, int64_t until_ns,
                            const struct cyc_watch *watches, unsigned watch_count,
                            struct cyc_sample *sample, struct cyc_err *err);
int __wrap_cyc_cell_advance(struct cyc_cell *cell, int64_t until_ns,
                            const struct cyc_watch *watches, unsigned watch_count,
                            struct cyc_sample *sample, struct cyc_err *err)
{
    const int status = __real_cyc_cell_advance(cell, until_ns, watches, watch_count, sample, err);
    if (now != NULL && status == CYC_OK) {
        look(now, sample);
    }
    return status;
}

void __real_cyc_cell_apply(struct cyc_cell *cell, const struct cyc_setpoint *setpoint);
void __wrap_cyc_cell_apply(struct cyc_cell *cell, const struct cyc_setpoint *setpoint);
void __wrap_cyc_cell_apply(struct cyc_cell *cell, const struct cyc_setpoint *setpoint)
{
    struct cyc_setpoint done = *setpoint;
    if (now != NULL) {
        now->setpoint = *setpoint;
        if (setpoint->control == CYC_CONTROL_CURRENT) {
            now->driven_A = setpoint->value;
        }
        now->frozen_A = now->t_ns >= now->from_ns ? now->frozen_A : (double)NAN;
        cyc_plausible_setpoint(now->plausible, setpoint, now->t_ns);
        const bool faulty = now->t_ns >= now->from_ns;
        if (faulty && now->fault == WIRED_DEAD_RELAY) {
            done.control = CYC_CONTROL_OPEN;
        } else if (faulty && now->fault == WIRED_CURRENT_TURNED &&
                   done.control == CYC_CONTROL_CURRENT) {
            done.value = -done.value;
        }
    }
    __real_cyc_cell_apply(cell, &done);
}

int __real_cyc_source_next(struct cyc_source *source, const struct cyc_result *result,
                           struct cyc_item *item, struct cyc_err *err);
int __wrap_cyc_source_next(struct cyc_source *source, const struct cyc_result *result,
                           struct cyc_item *item, struct cyc_err *err);
int __wrap_cyc_source_next(struct cyc_source *source, const struct cyc_result *result,
                           struct cyc_item *item, struct cyc_err *err)
{
    const int status = __real_cyc_source_next(source, result, item, err);
    if (now != NULL && status == CYC_OK && item->kind == CYC_ITEM_STEP) {
        cyc_plausible_step(now->plausible, item->step, now->t_ns);
    }
    return status;
}
