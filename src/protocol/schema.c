#include "protocol/schema.h"

#include "base/text.h"

#include <string.h>

/* Shorthand of the rows. */
#define PROTOCOL   CYC_AT(CYC_PLACE_PROTOCOL)
#define CELL       CYC_AT(CYC_PLACE_CELL)
#define LIMITS     CYC_AT(CYC_PLACE_LIMITS)
#define RECORD     CYC_AT(CYC_PLACE_RECORD)
#define BURST      CYC_AT(CYC_PLACE_BURST)
#define EXPECT     CYC_AT(CYC_PLACE_EXPECT)
#define CUTOFF     CYC_AT(CYC_PLACE_CUTOFF)
#define PULSE      CYC_AT(CYC_PLACE_PULSE)
#define SWEEP      CYC_AT(CYC_PLACE_SWEEP)
#define IMPEDANCE  CYC_AT(CYC_PLACE_IMPEDANCE)
#define CELL_FILE  CYC_AT(CYC_PLACE_CELL_FILE)
#define MODEL      CYC_AT(CYC_PLACE_MODEL)
#define OCV        CYC_AT(CYC_PLACE_OCV)
#define RC         CYC_AT(CYC_PLACE_RC)
#define STEP(kind) CYC_AT(CYC_STEP_##kind)
#define ANY_STEP   (CYC_AT(CYC_STEP_KIND_COUNT) - 1)
#define ELECTRICAL (CYC_AT(CYC_STEP_TEMPERATURE) - 1)
#define BLOCK      (STEP(REPEAT) | STEP(CYCLES) | STEP(EACH) | STEP(INCLUDE))
#define K(kind)    (1u << CYC_KIND_##kind)

/* A type of the table and whether its key makes the step. */
#define ROW_TEXT                 CYC_TYPE_TEXT, false
#define ROW_ID                   CYC_TYPE_ID, false
#define ROW_CHOICE               CYC_TYPE_CHOICE, false
#define ROW_YES_NO               CYC_TYPE_YES_NO, false
#define ROW_NUMBER               CYC_TYPE_NUMBER, false
#define ROW_QUANTITY             CYC_TYPE_QUANTITY, false
#define ROW_QUANTITY_OR_OFF      CYC_TYPE_QUANTITY_OR_OFF, false
#define ROW_QUANTITIES           CYC_TYPE_QUANTITIES, false
#define ROW_PAIR                 CYC_TYPE_PAIR, false
#define ROW_EXPRESSION           CYC_TYPE_EXPRESSION, false
#define ROW_CONDITION            CYC_TYPE_CONDITION, false
#define ROW_CONDITIONS           CYC_TYPE_CONDITIONS, false
#define ROW_CUTOFF               CYC_TYPE_CUTOFF, false
#define ROW_ACTION               CYC_TYPE_ACTION, false
#define ROW_MAPPING              CYC_TYPE_MAPPING, false
#define ROW_MAPPINGS             CYC_TYPE_MAPPINGS, false
#define ROW_NAMES                CYC_TYPE_NAMES, false
#define ROW_STEPS                CYC_TYPE_STEPS, false
#define ROW_OCV                  CYC_TYPE_OCV, false
#define ROW_STEP_TEXT            CYC_TYPE_TEXT, true
#define ROW_STEP_ID              CYC_TYPE_ID, true
#define ROW_STEP_NUMBER          CYC_TYPE_NUMBER, true
#define ROW_STEP_QUANTITY        CYC_TYPE_QUANTITY, true
#define ROW_STEP_QUANTITY_OR_OFF CYC_TYPE_QUANTITY_OR_OFF, true
#define ROW_STEP_CONDITION       CYC_TYPE_CONDITION, true
#define ROW_STEP_MAPPING         CYC_TYPE_MAPPING, true
#define ROW_STEP_MAPPINGS        CYC_TYPE_MAPPINGS, true
#define ROW_STEP_NAMES           CYC_TYPE_NAMES, true
#define ROW_STEP_FILE            CYC_TYPE_FILE, true

const struct cyc_schema_row cyc_schema[CYC_KEY_COUNT] = {
#define ROW(name, key, where, type, kinds, inside, choices, fallback, help)                        \
    {key, where, ROW_##type, kinds, CYC_PLACE_##inside, choices, fallback, help},
    CYC_SCHEMA_ROWS(ROW)
#undef ROW
};

static const char *const step_kind_names[CYC_STEP_KIND_COUNT] = {
    "charge",      "discharge", "hold", "rest",   "pulse",  "sweep", "profile", "impedance",
    "temperature", "pressure",  "ask",  "repeat", "cycles", "each",  "include", "if",
    "let",         "note",      "goto", "leave",  "stop",   "fail",  "step"};

static const char *const place_names[CYC_PLACE_COUNT - CYC_STEP_KIND_COUNT] = {
    "the protocol", "cell",      "limits",      "record", "burst", "expect", "a cutoff", "pulse",
    "sweep",        "impedance", "a cell file", "model",  "ocv",   "rc",     "nothing"};

static const char *const step_place_names[CYC_STEP_KIND_COUNT] = {
    "a charge step",      "a discharge step", "a hold step",     "a rest step",
    "a pulse step",       "a sweep step",     "a profile step",  "an impedance step",
    "a temperature step", "a pressure step",  "an ask step",     "a repeat block",
    "a cycles block",     "an each block",    "an include step", "an if step",
    "a let step",         "a note step",      "a goto step",     "a leave step",
    "a stop step",        "a fail step",      "a sentence step"};

const char *cyc_step_kind_name(enum cyc_step_kind kind)
{
    return (unsigned)kind < CYC_STEP_KIND_COUNT ? step_kind_names[kind] : "?";
}

const char *cyc_place_name(unsigned place)
{
    if (place < CYC_STEP_KIND_COUNT) {
        return step_place_names[place];
    }
    return place < CYC_PLACE_COUNT ? place_names[place - CYC_STEP_KIND_COUNT] : "?";
}

bool cyc_step_kind_is_block(enum cyc_step_kind kind)
{
    return kind >= CYC_STEP_REPEAT && kind <= CYC_STEP_INCLUDE;
}

bool cyc_step_kind_is_electrical(enum cyc_step_kind kind)
{
    return kind <= CYC_STEP_ASK;
}

/* What people write who come from other tools, and what it is called here. */
static const struct {
    const char *word;
    const char *ours;
} foreign_words[] = {
    {"until", "cutoff"},
    {"for", "cutoff"},
    {"duration", "cutoff"},
    {"termination", "cutoff"},
    {"terminations", "cutoff"},
    {"end", "cutoff"},
    {"ends", "cutoff"},
    {"end_condition", "cutoff"},
    {"end_conditions", "cutoff"},
    {"limit", "cutoff (an end condition) or limits (a safety bound)"},
    {"until_time_s", "cutoff: 1 h"},
    {"until_voltage_V", "cutoff: 4.2 V"},
    {"until_current_mA", "cutoff: 1 mA"},
    {"max_time", "cutoff or timeout"},
    {"cc", "charge: 0.5 C or discharge: 0.5 C"},
    {"constant_current", "charge: 0.5 C or discharge: 0.5 C"},
    {"cv", "hold: 4.2 V"},
    {"constant_voltage", "hold: 4.2 V"},
    {"voltage", "hold: 4.2 V (a setpoint) or cutoff: 4.2 V (an end)"},
    {"cccv", "charge: 0.5 C with hold: 4.2 V"},
    {"cc_cv", "charge: 0.5 C with hold: 4.2 V"},
    {"cp", "charge: 1 W or discharge: 1 W"},
    {"power", "charge: 1 W or discharge: 1 W"},
    {"cr", "discharge: 10 ohm"},
    {"load", "discharge: 10 ohm"},
    {"ocv", "rest: 1 h"},
    {"open_circuit_voltage", "rest: 1 h"},
    {"wait", "rest: 1 h"},
    {"pause", "rest: 1 h, or the cutoff action pause"},
    {"sleep", "rest: 1 h"},
    {"eis", "impedance: {amplitude: 10 mV, from: 100 kHz, to: 10 mHz}"},
    {"peis", "impedance: {amplitude: 10 mV, from: 100 kHz, to: 10 mHz}"},
    {"geis", "impedance: {amplitude: 1 mA, from: 100 kHz, to: 10 mHz}"},
    {"lsv", "sweep: {to: 4.2 V, rate: 0.1 mV/s}"},
    {"cyclic_voltammetry", "sweep: {to: [4.2 V, 3 V], rate: 0.1 mV/s}"},
    {"drive_cycle", "profile: file.csv"},
    {"loop", "repeat: 3 or cycles: 3, with steps"},
    {"cycle", "cycles: 3, with steps"},
    {"repeats", "repeat"},
    {"while", "repeat with leave_when"},
    {"tag", "id"},
    {"name", "id (a name for references) or label (free text)"},
    {"comment", "note (in the event log) or label"},
    {"message", "note or ask"},
    {"sample", "record"},
    {"period", "record: {every: 10 s}"},
    {"log", "record"},
    {"safety", "limits"},
    {"capacity_mAh", "cell: {nominal_capacity: 2.5 mAh}, the unit beside the number"},
    {"capacity", "cell: {nominal_capacity: 290 mAh/g}"},
    {"mass", "active_mass"},
    {"steps", "method (of the protocol) or repeat: 1 with steps"},
    {"protocol", "method"},
    {"description", "label, or a # comment"},
    {"version", "cyclostat: 1"},
};

const char *cyc_foreign_word(const char *word, size_t size)
{
    for (size_t i = 0; i < sizeof foreign_words / sizeof foreign_words[0]; i++) {
        const char *const candidate = foreign_words[i].word;
        if (cyc_same_word(candidate, word, size)) {
            return foreign_words[i].ours;
        }
    }
    return NULL;
}

bool cyc_schema_is_sensor(const struct cyc_schema_row *row)
{
    return row->key[0] == '<';
}

bool cyc_schema_has_sensors(unsigned place)
{
    return place == CYC_PLACE_LIMITS || place == CYC_PLACE_RECORD;
}

static unsigned slot_of(const char *key, size_t size)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ (unsigned char)key[i]) * 16777619u;
    }
    return (hash ^ (hash >> 15)) & 511u;
}

void cyc_schema_index_init(struct cyc_schema_index *index)
{
    _Static_assert(CYC_KEY_COUNT < 255, "a row must fit a slot");
    memset(index, 0, sizeof *index);
    for (unsigned row = 0; row < CYC_KEY_COUNT; row++) {
        if (cyc_schema_is_sensor(&cyc_schema[row])) {
            continue;
        }
        unsigned slot = slot_of(cyc_schema[row].key, strlen(cyc_schema[row].key));
        while (index->slot[slot] != 0) {
            slot = (slot + 1) & 511u;
        }
        index->slot[slot] = (uint8_t)(row + 1);
    }
}

static bool is_key(const struct cyc_schema_row *row, const char *key, size_t size)
{
    return memcmp(row->key, key, size) == 0 && row->key[size] == '\0';
}

/* Rows of one key follow each other along the probe sequence, among others. */
static int find(const struct cyc_schema_index *index, const char *key, size_t size, uint64_t where,
                bool step_key)
{
    if (size == 0 || size > 31) {
        return -1;
    }
    for (unsigned slot = slot_of(key, size); index->slot[slot] != 0; slot = (slot + 1) & 511u) {
        const int row = index->slot[slot] - 1;
        const struct cyc_schema_row *const candidate = &cyc_schema[row];
        if ((candidate->where & where) != 0 && (!step_key || candidate->step_key) &&
            strlen(candidate->key) == size && is_key(candidate, key, size)) {
            return row;
        }
    }
    return -1;
}

int cyc_schema_find(const struct cyc_schema_index *index, const char *key, size_t size,
                    unsigned place)
{
    return find(index, key, size, CYC_AT(place), false);
}

int cyc_schema_step_kind(const struct cyc_schema_index *index, const char *key, size_t size)
{
    const int row = find(index, key, size, ANY_STEP, true);
    if (row < 0) {
        return -1;
    }
    if (row == CYC_KEY_HOLD) {
        return CYC_STEP_HOLD;
    }
    return __builtin_ctzll(cyc_schema[row].where);
}
