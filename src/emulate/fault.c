/* Faults on demand: how they are asked for, and when they strike.
 *
 *     WORD[:name=value,…]          mute:p=0.01        late:by=2s,after=100,times=1
 *                                  contact:ohm=5,at=1h,for=10min      short:ohm=1,above=4.1,cell=3
 *
 *     p       probability of striking at each occasion (a message, a reading); of faults that last:
 *             in each second. Without it: always
 *     at      not before this time since the start        for    how long it lasts then
 *     after   not before so many occasions                times  at most so often
 *     above, below   not before the cell's voltage was there (V)
 *     unit, link, cell   whom it concerns, by number from 0; without: all
 *     value   how strong; `by`, `ohm`, `V`, `A`, `K`, `Pa` say the same
 *     ramp    faults that last reach `value` only after this time
 *
 * Two sorts. *Occasional* faults are looked up when there is an occasion: a message from the host,
 * a reply, a reading, a setting. With `p` and `for` an occasion begins an episode in which all
 * others strike as well. *Lasting* faults begin and end by themselves: cables, resets, wiring,
 * cell, chamber. Times of faults of wiring, cell and surroundings count in cell time, all others in
 * time of the wire.
 *
 * Chance is a sequence of each fault's own, from the emulation's seed and the fault's number, so
 * that adding a fault leaves the others as they were.
 */
#include "emulate/fault.h"

#include "base/diag.h"
#include "emulate/emulate_int.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define LOOK_NS                                                                                    \
    (10 * CYC_MS_NS) /* at faults that change while they last, or wait for a voltage               \
                      */

struct word_row {
    const char *name;
    enum cyc_fault_layer layer;
    double value;
    const char *help;
};

static const struct word_row words[] = {
#define WORD_ROW(id, word, layer, value, help) {word, CYC_FAULT_##layer, value, help},
    CYC_FAULT_WORDS(WORD_ROW)
#undef WORD_ROW
};

const char *cyc_fault_word_name(enum cyc_fault_word word)
{
    return words[word].name;
}

enum cyc_fault_layer cyc_fault_word_layer(enum cyc_fault_word word)
{
    return words[word].layer;
}

void cyc_emulation_fault_help(struct cyc_text *text)
{
    cyc_text_append(text,
                    "\nfaults: WORD:name=value,… with p, at, for, after, times, above, below, "
                    "unit, link, cell, value, ramp\n");
    for (unsigned i = 0; i < CYC_FAULT_WORD_COUNT; i++) {
        char value[CYC_NUMBER_SIZE];
        cyc_text_format(text, "  %-15s %s", words[i].name, words[i].help);
        if (strstr(words[i].help, "value") != NULL) {
            cyc_text_format(text, " (%s)", cyc_number_brief(value, words[i].value, 4));
        }
        cyc_text_append(text, "\n");
    }
}

/* Faults that begin and end by themselves. */
static bool is_lasting(enum cyc_fault_word word)
{
    const uint64_t others = UINT64_C(1) << CYC_FAULTY_UNPLUG | UINT64_C(1) << CYC_FAULTY_RENUMBER |
                            UINT64_C(1) << CYC_FAULTY_SWAP | UINT64_C(1) << CYC_FAULTY_RESET |
                            UINT64_C(1) << CYC_FAULTY_PON_AUTO | UINT64_C(1) << CYC_FAULTY_ERRQ |
                            UINT64_C(1) << CYC_FAULTY_LATCH | UINT64_C(1) << CYC_FAULTY_KNOB;
    return words[word].layer >= CYC_FAULT_WIRING || (others >> word & 1) != 0;
}

/* ---- Chance -------------------------------------------------------------------------------------
 */

/* Steele, Lea, Flood 2014: SplitMix64. */
double cyc_fault_random(struct cyc_fault_rule *rule)
{
    uint64_t z = rule->random += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return (double)((z ^ z >> 31) >> 11) * 0x1p-53;
}

/* A lasting fault by chance: the time to the next one is exponential. */
static int64_t wait_ns(struct cyc_fault_rule *rule, double rate)
{
    const double seconds = -log1p(-cyc_fault_random(rule)) / (rule->p * rate);
    return seconds < 1e9 ? (int64_t)(seconds * (double)CYC_S_NS) : CYC_NEVER / 4;
}

/* ---- Asking for one -----------------------------------------------------------------------------
 */

static int read_value(const char *text, double *value, struct cyc_err *err)
{
    struct cyc_quantity quantity = {0};
    size_t used = 0;
    if (cyc_number_parse(text, strlen(text), value, &used) && used == strlen(text)) {
        return CYC_OK;
    }
    const int status = cyc_quantity_parse(text, strlen(text), &quantity, err);
    *value = quantity.value;
    return status;
}

static int read_name(struct cyc_fault_rule *rule, const char *name, const char *text, double scale,
                     struct cyc_err *err)
{
    static const char *const names[] = {"p",    "at",   "for",  "after", "times", "above", "below",
                                        "unit", "link", "cell", "value", "by",    "ohm",   "V",
                                        "A",    "K",    "Pa",   "ramp",  NULL};
    double value = 0;
    unsigned i = 0;
    while (names[i] != NULL && strcmp(names[i], name) != 0) {
        i++;
    }
    if (names[i] == NULL) {
        const char *nearest = cyc_nearest(name, names);
        return cyc_err_set(err, CYC_E_INPUT, "there is no '%s=' here%s%s%s", name,
                           nearest != NULL ? "; did you mean '" : "",
                           nearest != NULL ? nearest : "", nearest != NULL ? "'?" : "");
    }
    if (read_value(text, &value, err) != CYC_OK || !isfinite(value)) {
        return cyc_err_set(err, CYC_E_INPUT, "%s=%s is no number", name, text);
    }
    const int64_t wire_ns = (int64_t)(value * scale * (double)CYC_S_NS);
    switch (i) {
    case 0:
        rule->p = value;
        break;
    case 1:
        rule->at_ns += wire_ns;
        break;
    case 2:
        rule->for_ns = wire_ns;
        break;
    case 3:
        rule->after = (uint64_t)fmax(value, 0);
        break;
    case 4:
        rule->times = (uint64_t)fmax(value, 0);
        break;
    case 5:
        rule->above_V = value;
        break;
    case 6:
        rule->below_V = value;
        break;
    case 7:
        rule->unit = (int)value;
        break;
    case 8:
        rule->link = (int)value;
        break;
    case 9:
        rule->cell = (int)value;
        break;
    case 17:
        rule->ramp_ns = wire_ns;
        break;
    default:
        rule->value = value;
        break;
    }
    return CYC_OK;
}

static int find_word(const char *name, enum cyc_fault_word *word, struct cyc_err *err)
{
    const char *names[CYC_FAULT_WORD_COUNT + 1] = {NULL};
    for (unsigned i = 0; i < CYC_FAULT_WORD_COUNT; i++) {
        names[i] = words[i].name;
        if (strcmp(words[i].name, name) == 0) {
            *word = (enum cyc_fault_word)i;
            return CYC_OK;
        }
    }
    const char *nearest = cyc_nearest(name, names);
    return cyc_err_set(err, CYC_E_INPUT, "there is no fault '%s'%s%s%s", name,
                       nearest != NULL ? "; did you mean '" : "", nearest != NULL ? nearest : "",
                       nearest != NULL ? "'?" : "");
}

static int read_rule(const char *text, struct cyc_fault_rule *rule, double rate,
                     struct cyc_err *err)
{
    char copy[256];
    if (!cyc_copy(copy, sizeof copy, text)) {
        return cyc_err_set(err, CYC_E_INPUT, "too long");
    }
    char *rest = strchr(copy, ':');
    if (rest != NULL) {
        *rest++ = '\0';
    }
    int status = find_word(copy, &rule->word, err);
    if (status != CYC_OK) {
        return status;
    }
    rule->value = words[rule->word].value;
    const double scale = words[rule->word].layer >= CYC_FAULT_WIRING ? 1 / rate : 1;
    while (status == CYC_OK && rest != NULL && *rest != '\0') {
        char *next = strchr(rest, ',');
        if (next != NULL) {
            *next++ = '\0';
        }
        char *equals = strchr(rest, '=');
        if (equals == NULL) {
            return cyc_err_set(err, CYC_E_INPUT, "'%s' is no name=value", rest);
        }
        *equals = '\0';
        status = read_name(rule, rest, equals + 1, scale, err);
        rest = next;
    }
    return status;
}

static bool concerns(const struct cyc_fault_rule *rule, const struct cyc_unit *unit)
{
    return (rule->unit < 0 || rule->unit == (int)unit->index) &&
           (rule->link < 0 || rule->link == (int)unit->link->index);
}

/* A fault of an instrument or its measurement that no instrument here has would do nothing. */
static int check_rule(const struct cyc_emulation *emulation, const struct cyc_fault_rule *rule,
                      struct cyc_err *err)
{
    const enum cyc_fault_layer layer = words[rule->word].layer;
    const bool own = (layer == CYC_FAULT_INSTRUMENT || layer == CYC_FAULT_MEASUREMENT) &&
                     rule->word != CYC_FAULTY_RESET && rule->word != CYC_FAULTY_DTR_RESET;
    bool known = !own;
    for (unsigned i = 0; i < emulation->unit_count; i++) {
        known = known || (concerns(rule, emulation->units[i]) &&
                          (emulation->units[i]->emulator->faults >> rule->word & 1) != 0);
    }
    if (!known) {
        return cyc_err_set(err, CYC_E_INPUT,
                           "no instrument here has this fault, so it would do nothing");
    }
    if (rule->p < 0 || rule->p > 1 || rule->for_ns <= 0 ||
        rule->unit >= (int)emulation->unit_count || rule->link >= (int)emulation->link_count ||
        rule->cell >= (int)emulation->bench_count) {
        return cyc_err_set(err, CYC_E_INPUT,
                           "p is 0 to 1, for is above 0, unit, link and cell are numbers from 0");
    }
    if (rule->word == CYC_FAULTY_SWAP &&
        (rule->link < 0 || !(rule->value >= 0 && rule->value < emulation->link_count))) {
        return cyc_err_set(err, CYC_E_INPUT, "say which two links: link=0,value=1");
    }
    if (rule->word == CYC_FAULTY_SWAPPED && !(rule->value >= 0)) {
        return cyc_err_set(err, CYC_E_INPUT, "value is the number of the other cell");
    }
    return CYC_OK;
}

int cyc_emulation_fault(struct cyc_emulation *emulation, const char *text, struct cyc_err *err)
{
    struct cyc_faults *faults = &emulation->faults;
    if (faults->count == CYC_FAULT_RULES_MAX) {
        return cyc_err_set(err, CYC_E_BOUND, "more than %d faults", CYC_FAULT_RULES_MAX);
    }
    struct cyc_fault_rule *rule = &faults->rules[faults->count];
    *rule = (struct cyc_fault_rule){.unit = -1,
                                    .link = -1,
                                    .cell = -1,
                                    .p = 1,
                                    .at_ns = emulation->start_ns,
                                    .for_ns = CYC_NEVER / 4,
                                    .times = UINT64_MAX,
                                    .above_V = NAN,
                                    .below_V = NAN,
                                    .random = emulation->options.seed * 1000003 + faults->count};
    int status = read_rule(text, rule, emulation->options.rate, err);
    status = status == CYC_OK ? check_rule(emulation, rule, err) : status;
    if (status != CYC_OK) {
        (void)cyc_err_wrap(err, "fault '%s'", text);
        return status;
    }
    rule->armed = isnan(rule->above_V) && isnan(rule->below_V);
    const double scale = words[rule->word].layer >= CYC_FAULT_WIRING ? emulation->options.rate : 1;
    const bool by_chance = is_lasting(rule->word) && rule->p < 1;
    rule->next_ns = rule->at_ns + (by_chance ? wait_ns(rule, scale) : 0);
    faults->words |= UINT64_C(1) << rule->word;
    faults->count++;
    return CYC_OK;
}

/* ---- Striking -----------------------------------------------------------------------------------
 */

static void log_rule(const struct cyc_emulation *emulation, const struct cyc_fault_rule *rule,
                     const char *what)
{
    char who[24], number[CYC_NUMBER_SIZE];
    const unsigned cell = rule->cell >= 0 ? (unsigned)rule->cell : 0;
    const int64_t now_ns = cyc_emulation_now_ns(emulation);
    (void)snprintf(who, sizeof who, "fault%u", (unsigned)(rule - emulation->faults.rules));
    if (words[rule->word].layer != CYC_FAULT_SURROUNDINGS || cell >= emulation->bench_count) {
        cyc_truth_line(&emulation->truth, now_ns, who, "%s %s", what, words[rule->word].name);
        return;
    }
    struct cyc_terminals seen; /* what it begins from */
    cyc_bench_advance(emulation->benches[cell], cyc_emulation_cell_ns(emulation, now_ns));
    cyc_bench_look(emulation->benches[cell], &seen);
    cyc_truth_line(&emulation->truth, now_ns, who, "%s %s at %s degC", what, words[rule->word].name,
                   cyc_number_brief(number, seen.sample.ambient_degC, 6));
}

/* Whether the voltage that it waits for was there. */
static bool is_armed(struct cyc_emulation *emulation, struct cyc_fault_rule *rule)
{
    for (unsigned i = 0; !rule->armed && i < emulation->bench_count; i++) {
        if (rule->cell >= 0 && rule->cell != (int)i) {
            continue;
        }
        struct cyc_terminals seen;
        cyc_bench_advance(emulation->benches[i],
                          cyc_emulation_cell_ns(emulation, cyc_emulation_now_ns(emulation)));
        cyc_bench_look(emulation->benches[i], &seen);
        rule->armed = seen.cell_V >= rule->above_V || seen.cell_V <= rule->below_V;
    }
    return rule->armed;
}

/* An occasion of an occasional fault. */
static bool strikes(struct cyc_emulation *emulation, struct cyc_fault_rule *rule, int64_t now_ns)
{
    const bool chance = rule->p < 1;
    if (rule->active && now_ns < rule->until_ns) {
        return true;
    }
    if (rule->active) {
        rule->active = false;
        log_rule(emulation, rule, "end");
    }
    rule->occasions++;
    if (now_ns < rule->at_ns || rule->occasions <= rule->after || rule->strikes >= rule->times ||
        !is_armed(emulation, rule) || (chance && cyc_fault_random(rule) >= rule->p)) {
        return false;
    }
    const bool episode = rule->for_ns < CYC_NEVER / 4;
    if (!chance && episode && now_ns >= rule->at_ns + rule->for_ns) {
        return false; /* a window in time, and it is over */
    }
    rule->strikes++;
    rule->active = episode || (!chance && rule->times == UINT64_MAX);
    rule->until_ns = !episode ? CYC_NEVER
                     : chance ? now_ns + rule->for_ns
                              : rule->at_ns + rule->for_ns;
    log_rule(emulation, rule, rule->active ? "begin" : "strike");
    return true;
}

struct cyc_fault_rule *cyc_fault_strike(struct cyc_unit *unit, enum cyc_fault_word word)
{
    struct cyc_emulation *emulation = unit->emulation;
    struct cyc_faults *faults = &emulation->faults;
    if ((faults->words >> word & 1) == 0) {
        return NULL;
    }
    const int64_t now_ns = cyc_emulation_now_ns(emulation);
    for (unsigned i = 0; i < faults->count; i++) {
        struct cyc_fault_rule *rule = &faults->rules[i];
        if (rule->word == word && concerns(rule, unit) && strikes(emulation, rule, now_ns)) {
            return rule;
        }
    }
    return NULL;
}

bool cyc_unit_fault(struct cyc_unit *unit, enum cyc_fault_word word)
{
    return cyc_fault_strike(unit, word) != NULL;
}

/* ---- Lasting faults -----------------------------------------------------------------------------
 */

static int64_t next_by_chance_ns(const struct cyc_emulation *emulation, struct cyc_fault_rule *rule,
                                 int64_t now_ns)
{
    const double scale = words[rule->word].layer >= CYC_FAULT_WIRING ? emulation->options.rate : 1;
    return rule->p < 1 ? now_ns + wait_ns(rule, scale) : CYC_NEVER;
}

/* Faults that happen and do not last. */
static bool is_momentary(enum cyc_fault_word word)
{
    return word == CYC_FAULTY_RESET || word == CYC_FAULTY_PON_AUTO || word == CYC_FAULTY_ERRQ ||
           word == CYC_FAULTY_KNOB || word == CYC_FAULTY_CAPACITY;
}

static void begin(struct cyc_emulation *emulation, struct cyc_fault_rule *rule, int64_t now_ns)
{
    rule->active = true;
    rule->began_ns = now_ns;
    rule->until_ns = rule->for_ns < CYC_NEVER / 4 ? now_ns + rule->for_ns : CYC_NEVER;
    rule->strikes++;
    log_rule(emulation, rule, "begin");
    cyc_fault_begin(emulation, rule);
    cyc_fault_go_on(emulation, rule, now_ns);
    if (is_momentary(rule->word)) {
        rule->active = false;
        rule->next_ns = next_by_chance_ns(emulation, rule, now_ns);
    }
}

static void end(struct cyc_emulation *emulation, struct cyc_fault_rule *rule, int64_t now_ns)
{
    rule->active = false;
    log_rule(emulation, rule, "end");
    cyc_fault_end(emulation, rule);
    rule->next_ns = next_by_chance_ns(emulation, rule, now_ns);
}

void cyc_faults_run_due(struct cyc_emulation *emulation, int64_t now_ns)
{
    for (unsigned i = 0; i < emulation->faults.count; i++) {
        struct cyc_fault_rule *rule = &emulation->faults.rules[i];
        if (!is_lasting(rule->word)) {
            continue;
        }
        if (rule->active && now_ns >= rule->until_ns) {
            end(emulation, rule, now_ns);
        } else if (rule->active) {
            cyc_fault_go_on(emulation, rule, now_ns);
        } else if (now_ns >= rule->next_ns && rule->strikes < rule->times &&
                   is_armed(emulation, rule)) {
            begin(emulation, rule, now_ns);
        }
    }
}

/* Those that change by themselves while they last. */
static bool is_restless(const struct cyc_fault_rule *rule, int64_t now_ns)
{
    return rule->word == CYC_FAULTY_CONTACT || rule->word == CYC_FAULTY_OVERSHOOT ||
           rule->word == CYC_FAULTY_RIPPLE ||
           (rule->ramp_ns > 0 && now_ns < rule->began_ns + rule->ramp_ns + LOOK_NS);
}

int64_t cyc_faults_due_ns(const struct cyc_emulation *emulation)
{
    const int64_t now_ns = cyc_emulation_now_ns(emulation);
    int64_t due_ns = CYC_NEVER;
    for (unsigned i = 0; i < emulation->faults.count; i++) {
        const struct cyc_fault_rule *rule = &emulation->faults.rules[i];
        int64_t own_ns = CYC_NEVER;
        if (!is_lasting(rule->word)) {
            continue;
        }
        if (rule->active) {
            own_ns = is_restless(rule, now_ns) && now_ns + LOOK_NS < rule->until_ns
                         ? now_ns + LOOK_NS
                         : rule->until_ns;
        } else if (rule->strikes < rule->times && rule->next_ns < CYC_NEVER) {
            own_ns = rule->armed || now_ns < rule->next_ns ? rule->next_ns : now_ns + LOOK_NS;
        }
        due_ns = own_ns < due_ns ? own_ns : due_ns;
    }
    return due_ns;
}
