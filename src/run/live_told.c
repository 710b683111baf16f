/* Chamber and press: are they still set to what this run has told them?
 *
 * A chamber that has lost its power may come back at a setpoint of its own, or switched off, before
 * anybody has missed it; somebody may press its keys; another channel may share it. Its setpoint,
 * which is read back with each measurement, tells. Found otherwise in two readings in a row, it is
 * as if somebody had done something at the cycler (live_away.c): the circuit is opened, the run is
 * held, and nothing is told to the chamber until a person says `resume`, which tells it again.
 *
 * Not judged: what was read before the command was carried out, or while another one waits; a run
 * that is held, since it has to be resumed anyway; the setpoint of a chamber that walks it along a
 * ramp. That it is off counts only when it was on under this command, since not every driver says
 * so, and not of one that drives a cell as well, whose output is the cell's.
 */
#include "run/live_int.h"

#include <math.h>
#include <stdio.h>

/* Of an instrument that does not say how finely it is set. */
#define COARSE_K        0.5
#define COARSE_PRESSURE 0.01 /* of what is asked for */

struct asked {
    int instrument; /* -1: none */
    unsigned output;
    enum cyc_measurand set; /* how it is read back */
    double value;           /* NaN: nothing */
    double coarse;
    bool moves; /* to there, by itself */
};

static bool is_judged(const struct cyc_live *live)
{
    return live->state == CYC_LIVE_RUNNING && !live->held && !live->strayed && !live->lost &&
           !cyc_core_is_interrupted(cyc_session_core(live->session)) && live->told_ns != 0 &&
           !live->environment_wanted && live->environment_count == 0;
}

static bool is_set_otherwise(const struct cyc_live *live, const struct asked *asked,
                             const struct cyc_reading *reading)
{
    const struct cyc_capabilities *can = &live->rig->instruments[asked->instrument].capabilities;
    const double resolution = can->resolution[asked->set];
    /* A digit, and what two numbers of as many digits differ by in their last bit. */
    const double tolerance = isfinite(resolution) ? 1.01 * resolution : asked->coarse;
    return !asked->moves && (reading->valid & (1u << asked->set)) != 0 &&
           fabs(reading->values[asked->set] - asked->value) > tolerance;
}

/* `is`: "set to 25 degC". */
static void find(struct cyc_live *live, const struct asked *asked, const char *is)
{
    char due[64];
    struct cyc_err none = {0};
    (void)snprintf(
        live->found, sizeof live->found,
        "%.40s is %s instead of the %s asked for: somebody has changed it, or it "
        "has lost its power",
        live->rig->instruments[asked->instrument].name, is,
        cyc_quantity_text(due, sizeof due, asked->value, cyc_measurand_kind(asked->set)));
    cyc_live_lose(live, live->rig->channels[live->channel].cycler, "%s", live->found);
    cyc_live_settle(live, CYC_OK, &none);
}

static void judge(struct cyc_live *live, struct cyc_live_told *told, const struct asked *asked,
                  const struct cyc_message *message)
{
    const struct cyc_reading *reading = &message->as.reading;
    if (message->instrument != asked->instrument || message->output != asked->output ||
        !isfinite(asked->value) || reading->t_ns < live->told_ns || !is_judged(live)) {
        return;
    }
    const bool is_on = (reading->flags & CYC_SAMPLE_OUTPUT_ON) != 0;
    const bool drives =
        (live->rig->instruments[asked->instrument].capabilities.roles & CYC_ROLE_CYCLER) != 0;
    const bool otherwise = is_set_otherwise(live, asked, reading);
    told->was_on = told->was_on || (is_on && !drives);
    told->odd = otherwise || (told->was_on && !is_on) ? told->odd + 1 : 0;
    if (told->odd >= 2) {
        char value[64], is[80] = "off";
        if (otherwise) {
            (void)snprintf(is, sizeof is, "set to %s",
                           cyc_quantity_text(value, sizeof value, reading->values[asked->set],
                                             cyc_measurand_kind(asked->set)));
        }
        find(live, asked, is);
    }
}

void cyc_live_told_reading(struct cyc_live *live, const struct cyc_message *message)
{
    const struct cyc_rig_channel *channel = &live->rig->channels[live->channel];
    const struct cyc_environment *to = cyc_core_environment(cyc_session_core(live->session));
    const struct asked chamber = {.instrument = channel->chamber,
                                  .output = channel->chamber_output,
                                  .set = CYC_MEASURAND_TEMPERATURE_SET,
                                  .value = to->temperature_degC,
                                  .coarse = COARSE_K,
                                  .moves = isfinite(to->ramp_K_per_s)};
    const struct asked press = {.instrument = channel->press,
                                .output = channel->press_output,
                                .set = CYC_MEASURAND_PRESSURE_SET,
                                .value = to->pressure_Pa,
                                .coarse = COARSE_PRESSURE * fabs(to->pressure_Pa)};
    judge(live, &live->told[0], &chamber, message);
    judge(live, &live->told[1], &press, message);
}

void cyc_live_told_carried_out(struct cyc_live *live, int64_t t_ns)
{
    live->told_ns = t_ns;
    live->told[0] = live->told[1] = (struct cyc_live_told){0};
}
