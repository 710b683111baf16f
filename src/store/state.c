/* The executor's state as text, and back.
 *
 *     executor 3
 *     state 2
 *     total.charge_Ah 0.0012*3 0*16
 *     cutoffs.since_ns 9223372036854775807*32
 *
 * One line per field: its name and its values, equal neighbours written once with their count.
 * Doubles are exact, so that a state that was saved and loaded decides as if nothing had happened.
 * Which fields there are is said once, in the table below; a test holds it against core_state.h.
 * What is derived from the step alone, the compiled conditions, is not saved but made anew.
 *
 * A text that does not fit (another version, a field missing, a number that would lead out of a
 * table) is refused as a whole: the state stays as it was.
 */
#include "store/state.h"

#include "core/core_state.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#define HEADING "executor 3\n"

enum field_type { BOOL, U8, U16, U32, U64, I64, F64 };

struct field {
    const char *name;
    uint32_t offset;
    uint16_t stride;
    uint16_t count;
    uint8_t type;
};

#define SIZE_OF(member) sizeof(((struct cyc_core *)NULL)->member)
#define COUNT_OF(array) (SIZE_OF(array) / SIZE_OF(array[0]))
/* A member alone; an array of plain values; one member of each element of an array. */
#define ONE(type, member)                                                                          \
    {                                                                                              \
#member, offsetof(struct cyc_core, member), 0, 1, type                                     \
    }
#define ALL(type, array)                                                                           \
    {                                                                                              \
#array, offsetof(struct cyc_core, array), SIZE_OF(array[0]), COUNT_OF(array), type         \
    }
#define EACH(type, array, member)                                                                  \
    {                                                                                              \
#array "." #member, offsetof(struct cyc_core, array[0].member), SIZE_OF(array[0]),         \
            COUNT_OF(array), type                                                                  \
    }
#define SUMS(array)                                                                                \
    EACH(F64, array, charge_Ah), EACH(F64, array, discharge_Ah), EACH(F64, array, charge_Wh),      \
        EACH(F64, array, discharge_Wh)

static const struct field fields[] = {
    ONE(U32, state),
    ONE(I64, now_ns),
    ONE(U32, fault.kind),
    ONE(U8, fault.signal),
    ONE(U8, fault.index),
    ONE(U8, fault.level),
    ONE(F64, fault.value),
    ONE(F64, fault.bound),
    ONE(I64, fault.t_ns),
    ONE(U32, setpoint.number),
    ONE(U32, setpoint.control),
    ONE(F64, setpoint.value),
    ONE(F64, setpoint.slope_per_s),
    ONE(F64, setpoint.current_min_A),
    ONE(F64, setpoint.current_max_A),
    ONE(F64, environment.temperature_degC),
    ONE(F64, environment.ramp_K_per_s),
    ONE(BOOL, environment.temperature_off),
    ONE(F64, environment.pressure_Pa),
    ONE(BOOL, environment.pressure_off),
    ONE(U32, step_count),
    ONE(U64, record_count),
    ONE(I64, still_ns),
    ONE(U32, still_count),

    ONE(BOOL, has_sample),
    ONE(I64, last.t_ns),
    ONE(U32, last.setpoint_number),
    ONE(U32, last.flags),
    ONE(F64, last.voltage_V),
    ONE(F64, last.current_A),
    ONE(F64, last.temperature_degC),
    ONE(F64, last.ambient_degC),
    ONE(F64, last.pressure_Pa),
    ALL(F64, last.aux),
    ONE(I64, last.temperature_age_ns),
    ONE(I64, last.pressure_age_ns),
    ONE(I64, last.since_ns),
    ONE(F64, last.charge_Ah),
    ONE(F64, last.discharge_Ah),
    ONE(F64, last.charge_Wh),
    ONE(F64, last.discharge_Wh),
    ALL(F64, direct),
    ALL(U8, validity),
    ONE(BOOL, all_valid),
    ONE(BOOL, has_previous),
    ONE(I64, previous_ns),
    ONE(F64, previous_V),
    ONE(F64, previous_A),
    SUMS(base),
    SUMS(total),
    ALL(I64, scope_start_ns),
    ONE(U8, block_depth),
    ONE(I64, bad_since_ns),
    ONE(U32, bad_kind),
    ONE(U8, bad_signal),
    ONE(U8, bad_index),
    ONE(U32, breached),
    ONE(U32, breached_number),
    ONE(U8, band_count),
    EACH(F64, bands, low),
    EACH(F64, bands, high),
    EACH(F64, bands, low_bound),
    EACH(F64, bands, high_bound),
    EACH(U8, bands, low_level),
    EACH(U8, bands, high_level),
    EACH(U8, bands, signal),
    EACH(U8, bands, index),

    ONE(BOOL, entry_pending),
    ONE(BOOL, started),
    ONE(BOOL, clock_on),
    ONE(BOOL, hold),
    ONE(BOOL, settled_once),
    ONE(BOOL, at_entry),
    ONE(BOOL, exact),
    ONE(BOOL, recorded),
    ONE(BOOL, paused_once),
    ONE(BOOL, interrupted),
    ONE(BOOL, interrupted_once),
    ONE(BOOL, restarted),
    ONE(BOOL, estimated),
    ONE(I64, start_ns),
    ONE(I64, origin_ns),
    ONE(I64, clock_ns),
    ONE(I64, step_time_ns),
    ONE(I64, hold_time_ns),
    ONE(F64, start_V),
    ONE(F64, peak_V),
    ONE(F64, hold_from_Ah),
    ONE(U16, paused_by),
    ONE(I64, pause_ns),
    EACH(I64, cutoffs, since_ns),

    ONE(U32, segment),
    ONE(U32, pass),
    ONE(I64, segment_ns),
    ONE(I64, segment_end_ns),
    ONE(F64, sweep_from_V),
    ONE(F64, sweep_slope_V_per_s),
    ONE(BOOL, in_pulse),
    ONE(U32, pulse_count),
    ONE(I64, pulse_ns),
    ONE(F64, pulse_before_V),
    ONE(U8, pulse_taken),
    ONE(BOOL, pulse_seen),
    ONE(I64, pulse_seen_ns),
    ONE(F64, pulse_seen_V),
    ONE(F64, pulse_seen_A),
    ALL(F64, resistances_ohm),

    ONE(I64, next_every_ns),
    ONE(I64, next_burst_ns),
    ONE(U8, delta_count),
    ONE(BOOL, deltas_known),
    EACH(F64, deltas, by),
    EACH(F64, deltas, low),
    EACH(F64, deltas, high),
    EACH(U8, deltas, signal),
    EACH(U8, deltas, index),
    ONE(F64, next_capacity_Ah),

    ALL(F64, slopes),
    ALL(U16, slope_first),
    ALL(U16, slope_count),
    EACH(I64, points, t_ns),
    EACH(F64, points, value),

    ONE(BOOL, rewatch),
    ONE(BOOL, rewake),
    ONE(BOOL, sampled),
    ONE(BOOL, ask_now),
    ONE(U8, settle_count),
    ONE(U8, dull_count),
    ONE(I64, wake_ns),
    ONE(I64, demand_ns),
    ONE(U8, watch_count),
    ONE(U8, sum_count),
    EACH(U8, watches, signal),
    EACH(BOOL, watches, magnitude),
    EACH(F64, watches, value),
    EACH(F64, sum_watches, value),
    EACH(U8, sum_watches, signal),
    EACH(U8, sum_watches, scope),
};
#define FIELD_COUNT (sizeof fields / sizeof fields[0])

_Static_assert(sizeof(enum cyc_state) == sizeof(uint32_t) &&
                   sizeof(enum cyc_fault_kind) == sizeof(uint32_t) &&
                   sizeof(enum cyc_control) == sizeof(uint32_t),
               "enumerations are saved as 32 bits");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "values are taken by their low bytes");

const char *cyc_state_field_name(unsigned index)
{
    return index < FIELD_COUNT ? fields[index].name : NULL;
}

/* ---- Saving ---------------------------------------------------------------------------------- */

static const size_t sizes[] = {
    [BOOL] = sizeof(bool),    [U8] = sizeof(uint8_t),   [U16] = sizeof(uint16_t),
    [U32] = sizeof(uint32_t), [U64] = sizeof(uint64_t), [I64] = sizeof(int64_t),
    [F64] = sizeof(double),
};

static void put_value(struct cyc_text *text, const struct field *field, const char *from)
{
    char number[CYC_NUMBER_SIZE];
    uint64_t bits = 0;
    double value;
    memcpy(&bits, from, sizes[field->type]); /* the low end comes first */
    if (field->type == F64) {
        memcpy(&value, from, sizeof value);
        cyc_text_format(text, " %s", cyc_number_exact(number, value));
    } else if (field->type == I64) {
        cyc_text_format(text, " %lld", (long long)bits);
    } else {
        cyc_text_format(text, " %llu", (unsigned long long)bits);
    }
}

static unsigned same_values(const struct field *field, const char *base, unsigned from)
{
    unsigned to = from + 1;
    while (to < field->count &&
           memcmp(base + (size_t)from * field->stride, base + (size_t)to * field->stride,
                  sizes[field->type]) == 0) {
        to++;
    }
    return to - from;
}

void cyc_state_save(const struct cyc_core *core, struct cyc_text *text)
{
    cyc_text_append(text, HEADING);
    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        const struct field *field = &fields[i];
        const char *base = (const char *)core + field->offset;
        cyc_text_append(text, field->name);
        for (unsigned at = 0; at < field->count;) {
            const unsigned count = same_values(field, base, at);
            put_value(text, field, base + (size_t)at * field->stride);
            if (count > 1) {
                cyc_text_format(text, "*%u", count);
            }
            at += count;
        }
        cyc_text_append(text, "\n");
    }
}

/* ---- Loading --------------------------------------------------------------------------------- */

/* Digits with an optional minus; false when there is none or it leaves 64 bits. */
static bool read_integer(const char **at, bool *negative, uint64_t *magnitude)
{
    const char *from = *at;
    *negative = *from == '-';
    from += *negative ? 1 : 0;
    const char *digits = from;
    *magnitude = 0;
    for (; *from >= '0' && *from <= '9'; from++) {
        const uint64_t digit = (uint64_t)(*from - '0');
        if (*magnitude > (UINT64_MAX - digit) / 10) {
            return false;
        }
        *magnitude = *magnitude * 10 + digit;
    }
    *at = from;
    return from != digits;
}

static bool starts(const char *at, const char *word)
{
    for (; *word != '\0'; at++, word++) {
        if (*at != *word) {
            return false;
        }
    }
    return true;
}

static bool read_double(const char **at, double *value)
{
    static const struct {
        const char *word;
        double value;
    } words[] = {{"nan", NAN}, {"inf", INFINITY}, {"-inf", -INFINITY}};
    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (starts(*at, words[i].word)) {
            *value = words[i].value;
            *at += strlen(words[i].word);
            return true;
        }
    }
    size_t used;
    const bool read = cyc_number_parse(*at, strlen(*at), value, &used);
    *at += used;
    return read;
}

static const uint64_t greatest[] = {
    [BOOL] = 1,         [U8] = UINT8_MAX,   [U16] = UINT16_MAX,
    [U32] = UINT32_MAX, [U64] = UINT64_MAX, [I64] = INT64_MAX,
};

static bool read_value(const char **at, const struct field *field, char *to)
{
    if (field->type == F64) {
        double value;
        const bool read = read_double(at, &value);
        memcpy(to, &value, sizeof value);
        return read;
    }
    bool negative;
    uint64_t magnitude;
    if (!read_integer(at, &negative, &magnitude) || magnitude > greatest[field->type] ||
        (negative && field->type != I64)) {
        return false;
    }
    const uint64_t bits = negative ? 0 - magnitude : magnitude;
    memcpy(to, &bits, sizes[field->type]); /* the low end comes first */
    return true;
}

static bool read_count(const char **at, unsigned room, unsigned *count)
{
    bool negative;
    uint64_t magnitude;
    *count = 1;
    if (**at != '*') {
        return true;
    }
    ++*at;
    if (!read_integer(at, &negative, &magnitude) || negative || magnitude == 0 ||
        magnitude > room) {
        return false;
    }
    *count = (unsigned)magnitude;
    return true;
}

static bool read_field(const char **at, const struct field *field, struct cyc_core *core)
{
    if (!starts(*at, field->name)) {
        return false;
    }
    *at += strlen(field->name);
    char *base = (char *)core + field->offset;
    for (unsigned i = 0; i < field->count;) {
        unsigned count;
        char *first = base + (size_t)i * field->stride;
        if (*(*at)++ != ' ' || !read_value(at, field, first) ||
            !read_count(at, field->count - i, &count)) {
            return false;
        }
        for (unsigned more = 1; more < count; more++) {
            memcpy(first + (size_t)more * field->stride, first, sizes[field->type]);
        }
        i += count;
    }
    return *(*at)++ == '\n';
}

static int refuse(struct cyc_err *err, const char *what)
{
    return cyc_err_set(
        err, CYC_E_JOURNAL,
        "the saved state of the run cannot be used: %.40s; it was written by another "
        "version of cyclostat, or is damaged",
        what);
}

/* The name of the field that does not fit, or what else is wrong; NULL: all was read. */
static const char *read_all(const char *text, struct cyc_core *core)
{
    if (!starts(text, HEADING)) {
        return "its first line";
    }
    const char *at = text + strlen(HEADING);
    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        if (!read_field(&at, &fields[i], core)) {
            return fields[i].name;
        }
    }
    return *at != '\0' ? "there is more than it should hold" : NULL;
}

bool cyc_state_peek(const char *text, enum cyc_state *state, uint32_t *step_count)
{
    struct cyc_core core;
    cyc_core_init(&core);
    const bool read = read_all(text, &core) == NULL && core.state <= CYC_STATE_FINISHED;
    *state = core.state;
    *step_count = core.step_count;
    return read;
}

int cyc_state_load(struct cyc_core *core, const struct cyc_step *step, const char *text,
                   struct cyc_err *err)
{
    struct cyc_core loaded;
    const bool prepared = cyc_core_prepare(&loaded, step);
    const char *wrong = read_all(text, &loaded);
    if (wrong != NULL) {
        return refuse(err, wrong);
    }
    if (!cyc_core_is_sound(&loaded, prepared ? step : NULL)) {
        return refuse(err, "a number is out of its bounds, or it is in the midst of another step");
    }
    *core = loaded;
    return CYC_OK;
}
