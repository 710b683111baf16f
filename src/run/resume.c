#include "run/resume.h"

#include "store/state.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- What the host remembers: one line per field ----------------------------------------------
 */

#define HOST_HEADING "host 1\n"

static void put_line(struct cyc_text *text, const char *name, double value)
{
    char number[CYC_NUMBER_SIZE];
    cyc_text_append(text, name);
    cyc_text_append(text, cyc_number_exact(number, value));
    cyc_text_append(text, "\n");
}

/* Instruments say what they like; a line feed would end the line. */
static void put_word(struct cyc_text *text, const char *name, const char *value)
{
    cyc_text_append(text, name);
    for (; *value != '\0'; value++) {
        cyc_text_append_size(text, (unsigned char)*value < 0x20u ? " " : value, 1);
    }
    cyc_text_append(text, "\n");
}

void cyc_resume_host_save(const struct cyc_resume_host *host, struct cyc_text *text)
{
    cyc_text_append(text, HOST_HEADING);
    put_line(text, "rate ", host->rate);
    cyc_text_format(text, "boot_ns %lld\ntime_ns %lld\n", (long long)host->boot_ns,
                    (long long)host->time_ns);
    cyc_text_format(text, "t_ns %lld\nunix_ns %lld\n", (long long)host->t_ns,
                    (long long)host->unix_ns);
    cyc_text_format(text, "settle_number %lu\nsettle_ns %lld\n", (unsigned long)host->settle_number,
                    (long long)host->settle_ns);
    cyc_text_format(text, "awake_ns %lld\n", (long long)host->awake_ns);
    cyc_text_format(text, "power_on %d\n", host->cycler.power_on ? 1 : 0);
    put_word(text, "maker ", host->cycler.maker);
    put_word(text, "model ", host->cycler.model);
    put_word(text, "serial_number ", host->cycler.serial_number);
    put_word(text, "firmware ", host->cycler.firmware);
    for (unsigned i = 0; i < CYC_RESUME_SENSORS; i++) {
        if (!isnan(host->values[i])) {
            cyc_text_format(text, "sensor %u %lld", i, (long long)host->times_ns[i]);
            put_line(text, " ", host->values[i]);
        }
    }
}

/* The rest of the line after `name`, which must come next; NULL: it does not. *at goes behind. */
static const char *take_line(const char **at, const char *name, size_t *size)
{
    const size_t length = strlen(name);
    if (strncmp(*at, name, length) != 0) {
        return NULL;
    }
    const char *from = *at + length;
    *size = strcspn(from, "\n");
    if (from[*size] == '\0') {
        return NULL; /* torn */
    }
    *at = from + *size + 1;
    return from;
}

static bool take_number(const char **at, const char *name, double *value)
{
    size_t size, used;
    const char *from = take_line(at, name, &size);
    return from != NULL && cyc_number_parse(from, size, value, &used) && used == size;
}

static bool take_integer(const char **at, const char *name, int64_t *value)
{
    size_t size;
    const char *from = take_line(at, name, &size);
    if (from == NULL) {
        return false;
    }
    char *end = NULL;
    *value = strtoll(from, &end, 10);
    return end == from + size && size > 0;
}

static bool take_word(const char **at, const char *name, char *word, size_t room)
{
    size_t size;
    const char *from = take_line(at, name, &size);
    if (from == NULL || size >= room) {
        return false;
    }
    memcpy(word, from, size);
    word[size] = '\0';
    return true;
}

static bool take_sensors(const char **at, struct cyc_resume_host *host)
{
    size_t size, used;
    const char *from;
    while ((from = take_line(at, "sensor ", &size)) != NULL) {
        char *end = NULL;
        const unsigned long index = strtoul(from, &end, 10);
        const long long t_ns = strtoll(end, &end, 10);
        const size_t passed = (size_t)(end - from) + 1;
        if (index >= CYC_RESUME_SENSORS || passed >= size || *end != ' ' ||
            !cyc_number_parse(from + passed, size - passed, &host->values[index], &used)) {
            return false;
        }
        host->times_ns[index] = t_ns;
    }
    return **at == '\0';
}

int cyc_resume_host_load(struct cyc_resume_host *host, const char *text, struct cyc_err *err)
{
    struct cyc_identity *who = &host->cycler;
    int64_t number = 0, power_on = 0;
    size_t size;
    *host = (struct cyc_resume_host){0};
    for (unsigned i = 0; i < CYC_RESUME_SENSORS; i++) {
        host->values[i] = (double)NAN;
    }
    const char *at = text;
    const bool read =
        take_line(&at, "host 1", &size) != NULL && size == 0 &&
        take_number(&at, "rate ", &host->rate) && host->rate > 0 &&
        take_integer(&at, "boot_ns ", &host->boot_ns) &&
        take_integer(&at, "time_ns ", &host->time_ns) && take_integer(&at, "t_ns ", &host->t_ns) &&
        take_integer(&at, "unix_ns ", &host->unix_ns) &&
        take_integer(&at, "settle_number ", &number) &&
        take_integer(&at, "settle_ns ", &host->settle_ns) &&
        take_integer(&at, "awake_ns ", &host->awake_ns) &&
        take_integer(&at, "power_on ", &power_on) &&
        take_word(&at, "maker ", who->maker, sizeof who->maker) &&
        take_word(&at, "model ", who->model, sizeof who->model) &&
        take_word(&at, "serial_number ", who->serial_number, sizeof who->serial_number) &&
        take_word(&at, "firmware ", who->firmware, sizeof who->firmware) && take_sensors(&at, host);
    host->settle_number = (uint32_t)number;
    who->power_on = power_on != 0;
    return read ? CYC_OK
                : cyc_err_set(err, CYC_E_JOURNAL,
                              "what the host wrote into the mark of the run cannot be read");
}

/* ---- The folder ------------------------------------------------------------------------------ */

static bool is_in_step(enum cyc_state state)
{
    return state >= CYC_STATE_SETTLE && state <= CYC_STATE_PAUSED;
}

int cyc_resume_open(const char *folder, struct cyc_resume **resume, struct cyc_err *err)
{
    struct cyc_resume *opened = calloc(1, sizeof *opened);
    if (opened == NULL) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory to resume a run");
    }
    const int status = cyc_run_journal_read(folder, &opened->journal, err);
    if (status != CYC_OK) {
        free(opened);
        return status;
    }
    const struct cyc_run_journal *journal = &opened->journal;
    struct cyc_err changed = {0};
    if (cyc_run_files_check(folder, &changed) != CYC_OK) {
        (void)cyc_copy(opened->changed, sizeof opened->changed, changed.text);
    }
    opened->kind = journal->same_boot ? CYC_ABSENCE_PROGRAM : CYC_ABSENCE_MACHINE;
    opened->has_state = cyc_state_peek(journal->state, &opened->state, &opened->step_count) &&
                        cyc_resume_host_load(&opened->host, journal->host, NULL) == CYC_OK;
    opened->in_step =
        opened->has_state && is_in_step(opened->state) && journal->open_step == opened->step_count;
    opened->begun = opened->has_state && opened->state == CYC_STATE_IDLE &&
                    journal->open_step == opened->step_count + 1;
    /* An open step that is neither of the two does not belong to this state. */
    const bool fits =
        opened->in_step || opened->begun || (journal->open_step == 0 && !is_in_step(opened->state));
    opened->has_state = opened->has_state && fits;
    *resume = opened;
    return CYC_OK;
}

void cyc_resume_close(struct cyc_resume *resume)
{
    if (resume != NULL) {
        cyc_run_journal_release(&resume->journal);
        free(resume);
    }
}

int64_t cyc_resume_time_ns(const struct cyc_resume *resume, int64_t boot_now_ns,
                           int64_t unix_now_ns)
{
    const struct cyc_resume_host *host = &resume->host;
    const bool rebooted = resume->kind == CYC_ABSENCE_MACHINE;
    if (resume->has_state && host->boot_ns == 0) { /* its clock had not begun */
        return host->time_ns > resume->journal.open_start_ns ? host->time_ns
                                                             : resume->journal.open_start_ns;
    }
    const int64_t passed_ns = rebooted ? unix_now_ns - host->unix_ns : boot_now_ns - host->boot_ns;
    if (!resume->has_state || passed_ns < 0) {
        return CYC_NEVER;
    }
    return (rebooted ? host->t_ns : host->time_ns) + (int64_t)((double)passed_ns * host->rate);
}

int cyc_resume_reopen(const struct cyc_resume *resume, struct cyc_run **run,
                      struct cyc_run_tail *tail, struct cyc_err *err)
{
    return cyc_run_reopen(&resume->journal, run, tail, err);
}

int cyc_resume_restore(const struct cyc_resume *resume, const struct cyc_step *step,
                       struct cyc_core *core, struct cyc_err *err)
{
    if (!resume->has_state) {
        return cyc_err_set(err, CYC_E_JOURNAL,
                           "the journal of %s holds no state that this version can go on from",
                           resume->journal.id);
    }
    return cyc_state_load(core, resume->in_step ? step : NULL, resume->journal.state, err);
}

/* ---- The gap --------------------------------------------------------------------------------- */

/* Net charge of a current over a time. */
static double charge_Ah(double current_A, int64_t from_ns, int64_t to_ns)
{
    return to_ns > from_ns ? current_A * ((double)(to_ns - from_ns) / 3.6e12) : 0;
}

/* What rows tell that the executor has not seen: totals of the test, to the digits of the file. */
static void add_rows(struct cyc_sums *sums, const struct cyc_sums *rows,
                     const struct cyc_sums *known)
{
    sums->charge_Ah += fmax(rows->charge_Ah - known->charge_Ah, 0);
    sums->discharge_Ah += fmax(rows->discharge_Ah - known->discharge_Ah, 0);
    sums->charge_Wh += fmax(rows->charge_Wh - known->charge_Wh, 0);
    sums->discharge_Wh += fmax(rows->discharge_Wh - known->discharge_Wh, 0);
}

struct range {
    double low, high;
};

static void widen(struct range *range, double value)
{
    range->low = fmin(range->low, value);
    range->high = fmax(range->high, value);
}

/* Segments of one step follow each other, and a pause, without an intent of their own. False:
 * nobody can say what current belongs to them. */
static bool widen_by_segments(struct range *range, const struct cyc_outage *outage)
{
    const struct cyc_step *step = outage->step;
    const uint32_t count = step != NULL ? step->segment_count : 0;
    const bool may_follow = count > 1 || outage->gone_on;
    for (uint32_t i = 0; i < count; i++) {
        const struct cyc_segment *segment = &step->segments[i];
        const bool swept = segment->slope_per_s < 0 || segment->slope_per_s > 0;
        if (swept || (may_follow && segment->control != CYC_CONTROL_CURRENT &&
                      segment->control != CYC_CONTROL_OPEN)) {
            return false;
        }
        if (segment->control == CYC_CONTROL_CURRENT) {
            widen(range, segment->value);
        }
    }
    return true;
}

/* Between what currents it can have been unseen, where the last one seen was under that setpoint
 * (`own`) or under the one before: under a setpoint of current it was that or, where the instrument
 * crossed over, less; under one of voltage anything within the compliance. */
static struct range current_range(const struct cyc_outage *outage,
                                  const struct cyc_setpoint *setpoint, double current_A, bool own)
{
    const double most_A = outage->current_max_A;
    const struct range any = {-most_A, most_A};
    struct range range = {0, 0};
    widen(&range, current_A);
    if (!widen_by_segments(&range, outage)) {
        return any;
    }
    switch (setpoint->control) {
    case CYC_CONTROL_OPEN:
        break;
    case CYC_CONTROL_CURRENT:
        widen(&range, setpoint->value);
        break;
    case CYC_CONTROL_VOLTAGE:
        widen(&range, fmax(setpoint->current_min_A, -most_A));
        widen(&range, fmin(setpoint->current_max_A, most_A));
        break;
    case CYC_CONTROL_POWER:
    case CYC_CONTROL_LOAD:
        widen(&range, 1.25 * current_A); /* the voltage moves less than this in so short a time */
        return own ? range : any;
    }
    return range;
}

/* Was anything driven when it was seen last, or asked for? */
static bool is_driven(const struct cyc_setpoint *setpoint, const struct cyc_sample *last)
{
    const bool still = last != NULL && last->setpoint_number != setpoint->number &&
                       (last->flags & CYC_SAMPLE_OUTPUT_ON) != 0;
    return setpoint->control != CYC_CONTROL_OPEN || still;
}

/* *middle_Ah gets the estimate; returns what it can be off by. */
static double unseen_charge(const struct cyc_outage *outage, int64_t from_ns, double current_A,
                            const struct range *range, double *middle_Ah)
{
    const int64_t early_ns = outage->off_earliest_ns, late_ns = outage->off_latest_ns;
    *middle_Ah =
        0.5 * (charge_Ah(current_A, from_ns, early_ns) + charge_Ah(current_A, from_ns, late_ns));
    const double low_Ah = charge_Ah(range->low, from_ns, late_ns);   /* it is not above zero, */
    const double high_Ah = charge_Ah(range->high, from_ns, late_ns); /* and this not below */
    return fmax(*middle_Ah - low_Ah, high_Ah - *middle_Ah);
}

void cyc_resume_gap(const struct cyc_core *core, const struct cyc_outage *outage,
                    struct cyc_absence *absence, struct cyc_gap *gap)
{
    const struct cyc_sample *last = cyc_core_last(core);
    const struct cyc_setpoint *setpoint = cyc_core_setpoint(core);
    const int64_t counted_ns = cyc_core_counted_ns(core);
    if (last != NULL && last->t_ns < counted_ns) {
        last = NULL; /* from before another gap, which has its own estimate */
    }
    int64_t from_ns = last != NULL ? last->t_ns : outage->seen_ns;
    from_ns = counted_ns > from_ns ? counted_ns : from_ns;
    double current_A =
        last == NULL && setpoint->control == CYC_CONTROL_CURRENT ? setpoint->value : 0;
    current_A = last != NULL && isfinite(last->current_A) ? last->current_A : current_A;
    double voltage_V = last != NULL && isfinite(last->voltage_V) ? last->voltage_V : 0;
    *absence = (struct cyc_absence){0};
    if (outage->tail != NULL && outage->tail->rows > 0) {
        const struct cyc_run_tail *tail = outage->tail;
        add_rows(&absence->passed, &tail->test, cyc_core_sums(core, CYC_SCOPE_TEST));
        absence->record_count = tail->index;
        from_ns = tail->t_ns > from_ns ? tail->t_ns : from_ns;
        current_A = isfinite(tail->current_A) ? tail->current_A : current_A;
        voltage_V = isfinite(tail->voltage_V) ? tail->voltage_V : voltage_V;
    }
    *gap = (struct cyc_gap){
        .start_ns = from_ns, .end_ns = outage->now_ns, .step_count = cyc_core_step_count(core)};
    const bool driven = outage->gone_on || is_driven(setpoint, last);
    if (driven && outage->off_latest_ns > from_ns) {
        double middle_Ah;
        const bool own = last != NULL && last->setpoint_number == setpoint->number;
        const struct range range = current_range(outage, setpoint, current_A, own);
        gap->bound_Ah = unseen_charge(outage, from_ns, current_A, &range, &middle_Ah);
        gap->estimate_Ah = middle_Ah;
        cyc_sums_pass(&absence->passed, middle_Ah, voltage_V);
    }
}
