#include "run/live.h"

#include <math.h>

/* Places in the arrays of sensors. */
enum { TEMPERATURE, AMBIENT, PRESSURE, AUX };

#define FLAGS                                                                                      \
    ((uint32_t)(CYC_SAMPLE_OUTPUT_ON | CYC_SAMPLE_CV | CYC_SAMPLE_ENDED | CYC_SAMPLE_PROTECTION))

static const struct cyc_rig_channel *channel_of(const struct cyc_merge *merge)
{
    return &merge->rig->channels[merge->channel];
}

/* The sensor in a place; -1: none. */
static int sensor_at(const struct cyc_rig_channel *channel, unsigned place)
{
    switch (place) {
    case TEMPERATURE:
        return channel->temperature;
    case AMBIENT:
        return channel->ambient;
    case PRESSURE:
        return channel->pressure;
    default:
        return channel->aux[place - AUX];
    }
}

/* The chamber's own thermometer, or the press's gauge, where no sensor is named. */
static int instrument_at(const struct cyc_rig_channel *channel, unsigned place, unsigned *output,
                         enum cyc_measurand *measurand)
{
    *measurand = place == PRESSURE ? CYC_MEASURAND_PRESSURE : CYC_MEASURAND_TEMPERATURE;
    if (place == AMBIENT || place == TEMPERATURE) {
        *output = channel->chamber_output;
        return channel->chamber;
    }
    *output = channel->press_output;
    return place == PRESSURE ? channel->press : -1;
}

static void take(struct cyc_merge *merge, unsigned place, const struct cyc_message *message)
{
    const struct cyc_rig_channel *channel = channel_of(merge);
    const struct cyc_reading *reading = &message->as.reading;
    const int sensor = sensor_at(channel, place);
    double value = NAN;
    if (sensor >= 0) {
        const struct cyc_rig_sensor *of = &merge->rig->sensors[sensor];
        if (of->instrument != message->instrument || of->output != message->output) {
            return;
        }
        value = cyc_rig_sensor_value(of, reading);
    } else {
        unsigned output = 0;
        enum cyc_measurand measurand;
        const int instrument = instrument_at(channel, place, &output, &measurand);
        if (instrument < 0 || instrument != message->instrument || output != message->output) {
            return;
        }
        value = (reading->valid & (1u << measurand)) != 0 ? reading->values[measurand] : NAN;
    }
    if (reading->t_ns >= merge->times_ns[place]) {
        merge->values[place] = value;
        merge->times_ns[place] = reading->t_ns;
    }
}

void cyc_merge_init(struct cyc_merge *merge, const struct cyc_rig *rig, unsigned channel)
{
    *merge = (struct cyc_merge){.rig = rig, .channel = channel};
    for (unsigned i = 0; i < CYC_MERGE_SENSORS; i++) {
        merge->values[i] = NAN;
    }
}

static int64_t age_at(const struct cyc_merge *merge, unsigned place, int64_t t_ns)
{
    const int64_t age_ns = t_ns - merge->times_ns[place];
    const bool known = merge->times_ns[place] > 0; /* else it is not old, but not there */
    return known && age_ns > 0 ? age_ns : 0;       /* read a moment later than the voltage: 0 */
}

static double electrical(const struct cyc_reading *reading, enum cyc_measurand measurand,
                         const struct cyc_calibration *calibration)
{
    return (reading->valid & (1u << measurand)) != 0
               ? cyc_calibration_apply(calibration, reading->values[measurand])
               : (double)NAN;
}

static int64_t patience_of(const struct cyc_rig *rig, int instrument)
{
    const int64_t polls_ns = instrument >= 0 ? 3 * rig->instruments[instrument].poll_ns : 0;
    return polls_ns > CYC_STALE_NS ? polls_ns : CYC_STALE_NS;
}

/* A named sensor has no age of its own in a sample: a value too old is none. */
static double aux_at(const struct cyc_merge *merge, unsigned index, int64_t t_ns)
{
    const int sensor = channel_of(merge)->aux[index];
    if (sensor < 0) {
        return NAN;
    }
    const int64_t patience_ns = patience_of(merge->rig, merge->rig->sensors[sensor].instrument);
    return age_at(merge, AUX + index, t_ns) <= patience_ns ? merge->values[AUX + index]
                                                           : (double)NAN;
}

static void fill(const struct cyc_merge *merge, struct cyc_sample *sample)
{
    const struct cyc_rig_channel *channel = channel_of(merge);
    const struct cyc_reading *reading = &merge->electrical;
    *sample = (struct cyc_sample){
        .t_ns = reading->t_ns,
        .flags = reading->flags & FLAGS,
        .voltage_V = electrical(reading, CYC_MEASURAND_VOLTAGE, &channel->voltage),
        .current_A = electrical(reading, CYC_MEASURAND_CURRENT, &channel->current),
        .temperature_degC = merge->values[TEMPERATURE],
        .ambient_degC = merge->values[AMBIENT],
        .pressure_Pa = merge->values[PRESSURE],
        .temperature_age_ns = age_at(merge, TEMPERATURE, reading->t_ns),
        .pressure_age_ns = age_at(merge, PRESSURE, reading->t_ns),
        .since_ns = reading->since_ns,
    };
    for (unsigned i = 0; i < CYC_AUX_MAX; i++) {
        sample->aux[i] = aux_at(merge, i, reading->t_ns);
    }
}

bool cyc_merge_reading(struct cyc_merge *merge, const struct cyc_message *message,
                       struct cyc_sample *sample)
{
    const struct cyc_rig_channel *channel = channel_of(merge);
    for (unsigned place = 0; place < CYC_MERGE_SENSORS; place++) {
        take(merge, place, message);
    }
    if (message->instrument != channel->cycler || message->output != channel->output) {
        return false;
    }
    merge->electrical = message->as.reading;
    merge->has_electrical = true;
    fill(merge, sample);
    return true;
}

void cyc_merge_latest(const struct cyc_merge *merge, int64_t now_ns, struct cyc_sample *sample)
{
    fill(merge, sample);
    if (!merge->has_electrical) {
        sample->t_ns = now_ns;
        sample->voltage_V = sample->current_A = NAN;
    }
}

static int instrument_of(const struct cyc_rig *rig, const struct cyc_rig_channel *channel,
                         unsigned place)
{
    const int sensor = sensor_at(channel, place);
    unsigned output = 0;
    enum cyc_measurand measurand;
    return sensor >= 0 ? rig->sensors[sensor].instrument
                       : instrument_at(channel, place, &output, &measurand);
}

void cyc_merge_patience(const struct cyc_rig *rig, unsigned channel, struct cyc_patience *patience)
{
    const struct cyc_rig_channel *of = &rig->channels[channel];
    const int64_t cell_ns = patience_of(rig, instrument_of(rig, of, TEMPERATURE));
    const int64_t ambient_ns = patience_of(rig, instrument_of(rig, of, AMBIENT));
    patience->sample_ns = patience_of(rig, of->cycler);
    patience->temperature_ns = cell_ns > ambient_ns ? cell_ns : ambient_ns;
    patience->pressure_ns = patience_of(rig, instrument_of(rig, of, PRESSURE));
}
