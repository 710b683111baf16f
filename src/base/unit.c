#include "base/unit_int.h"

#include "base/diag.h"
#include "base/text.h"
#include "base/text_int.h"

#include <math.h>
#include <string.h>

/* ---- Kinds ------------------------------------------------------------------------------------
 */

struct kind_row {
    const char *name;
    const char *unit;  /* SI unit as printed */
    const char *units; /* for messages and the manual */
};

static const struct kind_row kind_rows[CYC_KIND_COUNT] = {
    [CYC_KIND_NUMBER] = {"number", "", ""},
    [CYC_KIND_FRACTION] = {"fraction", "", "%"},
    [CYC_KIND_VOLTAGE] = {"voltage", "V", "V, mV, uV"},
    [CYC_KIND_CURRENT] = {"current", "A", "A, mA, uA, nA, C, mA/g, mA/cm2"},
    [CYC_KIND_CAPACITY] = {"charge", "Ah", "Ah, mAh, uAh, mAh/g, mAh/cm2"},
    [CYC_KIND_ENERGY] = {"energy", "Wh", "Wh, mWh, kWh, mWh/g"},
    [CYC_KIND_POWER] = {"power", "W", "W, mW, kW, W/g, mW/cm2"},
    [CYC_KIND_RESISTANCE] = {"resistance", "ohm", "ohm, mohm, kohm"},
    [CYC_KIND_TIME] = {"time", "s", "s, ms, min, h, d"},
    [CYC_KIND_TEMPERATURE] = {"temperature", "degC", "degC"},
    [CYC_KIND_TEMPERATURE_DIFFERENCE] = {"temperature difference", "K", "K"},
    [CYC_KIND_PRESSURE] = {"pressure", "Pa", "Pa, kPa, MPa, bar"},
    [CYC_KIND_FORCE] = {"force", "N", "N, kN, kgf"},
    [CYC_KIND_FREQUENCY] = {"frequency", "Hz", "mHz, Hz, kHz, MHz"},
    [CYC_KIND_MASS] = {"mass", "g", "mg, g"},
    [CYC_KIND_AREA] = {"area", "cm2", "mm2, cm2"},
    [CYC_KIND_VOLTAGE_RATE] = {"voltage rate", "V/s", "V/s, mV/s, mV/min, mV/h"},
    [CYC_KIND_CURRENT_RATE] = {"current rate", "A/s", "A/s, mA/s, mA/min, mA/h"},
    [CYC_KIND_TEMPERATURE_RATE] = {"temperature rate", "K/s", "K/s, K/min, K/h"},
    [CYC_KIND_PRESSURE_RATE] = {"pressure rate", "Pa/s", "Pa/s, kPa/min, MPa/h, bar/h"},
    [CYC_KIND_FRACTION_RATE] = {"fraction rate", "1/s", "%/s, %/min, %/h"},
    [CYC_KIND_BOOLEAN] = {"condition", "", ""},
    [CYC_KIND_TEXT] = {"text", "", ""},
};

static bool is_kind(enum cyc_kind kind)
{
    return (unsigned)kind < CYC_KIND_COUNT;
}

const char *cyc_kind_name(enum cyc_kind kind)
{
    return is_kind(kind) ? kind_rows[kind].name : "unknown kind";
}

const char *cyc_kind_units(enum cyc_kind kind)
{
    return is_kind(kind) ? kind_rows[kind].units : "";
}

const char *cyc_kind_unit(enum cyc_kind kind)
{
    return is_kind(kind) ? kind_rows[kind].unit : "";
}

/* ---- Units ------------------------------------------------------------------------------------
 */

struct unit_row {
    const char *name;
    enum cyc_kind kind;
    double factor;
};

/* The C-rate stands apart (its basis is the cell's one_c): see cyc_unit_find(). */
static const struct unit_row unit_rows[] = {
    {"V", CYC_KIND_VOLTAGE, 1.0},        {"mV", CYC_KIND_VOLTAGE, 1e-3},
    {"uV", CYC_KIND_VOLTAGE, 1e-6},      {"A", CYC_KIND_CURRENT, 1.0},
    {"mA", CYC_KIND_CURRENT, 1e-3},      {"uA", CYC_KIND_CURRENT, 1e-6},
    {"nA", CYC_KIND_CURRENT, 1e-9},      {"Ah", CYC_KIND_CAPACITY, 1.0},
    {"mAh", CYC_KIND_CAPACITY, 1e-3},    {"uAh", CYC_KIND_CAPACITY, 1e-6},
    {"Wh", CYC_KIND_ENERGY, 1.0},        {"mWh", CYC_KIND_ENERGY, 1e-3},
    {"kWh", CYC_KIND_ENERGY, 1e3},       {"W", CYC_KIND_POWER, 1.0},
    {"mW", CYC_KIND_POWER, 1e-3},        {"kW", CYC_KIND_POWER, 1e3},
    {"ohm", CYC_KIND_RESISTANCE, 1.0},   {"mohm", CYC_KIND_RESISTANCE, 1e-3},
    {"kohm", CYC_KIND_RESISTANCE, 1e3},  {"s", CYC_KIND_TIME, 1.0},
    {"ms", CYC_KIND_TIME, 1e-3},         {"min", CYC_KIND_TIME, 60.0},
    {"h", CYC_KIND_TIME, 3600.0},        {"d", CYC_KIND_TIME, 86400.0},
    {"degC", CYC_KIND_TEMPERATURE, 1.0}, {"K", CYC_KIND_TEMPERATURE_DIFFERENCE, 1.0},
    {"Pa", CYC_KIND_PRESSURE, 1.0},      {"kPa", CYC_KIND_PRESSURE, 1e3},
    {"MPa", CYC_KIND_PRESSURE, 1e6},     {"bar", CYC_KIND_PRESSURE, 1e5},
    {"N", CYC_KIND_FORCE, 1.0},          {"kN", CYC_KIND_FORCE, 1e3},
    {"kgf", CYC_KIND_FORCE, 9.80665}, /* standard gravity, 3rd CGPM 1901 */
    {"mHz", CYC_KIND_FREQUENCY, 1e-3},   {"Hz", CYC_KIND_FREQUENCY, 1.0},
    {"kHz", CYC_KIND_FREQUENCY, 1e3},    {"MHz", CYC_KIND_FREQUENCY, 1e6},
    {"%", CYC_KIND_FRACTION, 1e-2},      {"mg", CYC_KIND_MASS, 1e-3},
    {"g", CYC_KIND_MASS, 1.0},           {"mm2", CYC_KIND_AREA, 1e-2},
    {"cm2", CYC_KIND_AREA, 1.0},         {NULL, CYC_KIND_NUMBER, 0.0},
};

/* What people write instead; matched without case, answered with ours. */
static const char *const habits[][2] = {
    {"volt", "V"},      {"volts", "V"},     {"amp", "A"},          {"amps", "A"},
    {"ampere", "A"},    {"sec", "s"},       {"secs", "s"},         {"second", "s"},
    {"seconds", "s"},   {"msec", "ms"},     {"mins", "min"},       {"minute", "min"},
    {"minutes", "min"}, {"hr", "h"},        {"hrs", "h"},          {"hour", "h"},
    {"hours", "h"},     {"day", "d"},       {"days", "d"},         {"celsius", "degC"},
    {"deg", "degC"},    {"kelvin", "K"},    {"percent", "%"},      {"pct", "%"},
    {"ohms", "ohm"},    {"watt", "W"},      {"watts", "W"},        {"crate", "C"},
    {"A/kg", "mA/g"},   {"Ah/kg", "mAh/g"}, {"Wh/kg", "mWh/g"},    {"hertz", "Hz"},
    {"As", "Ah"},       {"m", "min"},       {"mA/cm^2", "mA/cm2"}, {NULL, NULL},
};

/* Two ways to write one character: what protocols may hold, and what this file compares with. */
static const char *const spellings[][2] = {
    {"\xC2\xB0"
     "C",
     "degC"},                /* degree sign */
    {"\xCE\xA9", "ohm"},     /* Greek capital omega */
    {"\xE2\x84\xA6", "ohm"}, /* ohm sign */
    {"\xC2\xB5", "u"},       /* micro sign */
    {"\xCE\xBC", "u"},       /* Greek small mu */
    {NULL, NULL},
};

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || ((unsigned char)c & 0x80u) != 0;
}

/* Letters, and the 2 of cm2 and mm2. */
static size_t word_span(const char *string, size_t size)
{
    if (size > 0 && string[0] == '%') {
        return 1;
    }
    size_t length = 0;
    while (length < size && is_letter(string[length])) {
        length++;
    }
    if (length >= 2 && length < size && string[length] == '2' && string[length - 1] == 'm') {
        length++;
    }
    return length;
}

size_t cyc_unit_span(const char *string, size_t size)
{
    const size_t word = word_span(string, size);
    if (word == 0 || word + 1 >= size || string[word] != '/') {
        return word;
    }
    const size_t below = word_span(string + word + 1, size - word - 1);
    return below > 0 ? word + 1 + below : word;
}

/* Copies a unit with its characters in ASCII. False when it is too long to be one. */
static bool normalise(const char *string, size_t size, char unit[CYC_UNIT_SIZE])
{
    size_t length = 0;
    for (size_t at = 0; at < size;) {
        const char *replacement = NULL;
        size_t used = 1;
        const bool ascii = ((unsigned char)string[at] & 0x80u) == 0;
        for (size_t i = 0; !ascii && spellings[i][0] != NULL && replacement == NULL; i++) {
            const size_t spelled = strlen(spellings[i][0]);
            if (spelled <= size - at && memcmp(string + at, spellings[i][0], spelled) == 0) {
                replacement = spellings[i][1];
                used = spelled;
            }
        }
        const size_t added = replacement != NULL ? strlen(replacement) : 1;
        if (length + added >= CYC_UNIT_SIZE || string[at] == '\0') {
            return false;
        }
        memcpy(unit + length, replacement != NULL ? replacement : string + at, added);
        length += added;
        at += used;
    }
    unit[length] = '\0';
    return length > 0;
}

static const struct unit_row *find_row(const char *name)
{
    for (const struct unit_row *row = unit_rows; row->name != NULL; row++) {
        if (row->name[0] == name[0] && strcmp(row->name, name) == 0) {
            return row;
        }
    }
    return NULL;
}

/* The kind of a quantity per time, or NUMBER where protocols have no use for it. */
static enum cyc_kind rate_of(enum cyc_kind kind)
{
    static const enum cyc_kind rates[][2] = {
        {CYC_KIND_VOLTAGE, CYC_KIND_VOLTAGE_RATE},
        {CYC_KIND_CURRENT, CYC_KIND_CURRENT_RATE},
        {CYC_KIND_TEMPERATURE_DIFFERENCE, CYC_KIND_TEMPERATURE_RATE},
        {CYC_KIND_PRESSURE, CYC_KIND_PRESSURE_RATE},
        {CYC_KIND_FRACTION, CYC_KIND_FRACTION_RATE},
    };
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        if (rates[i][0] == kind) {
            return rates[i][1];
        }
    }
    return CYC_KIND_NUMBER;
}

static bool is_related_to_size(enum cyc_kind kind)
{
    return kind == CYC_KIND_CURRENT || kind == CYC_KIND_CAPACITY || kind == CYC_KIND_ENERGY ||
           kind == CYC_KIND_POWER;
}

/* Composes above/below. */
static bool compose(const struct unit_row *above, const char *below, struct cyc_unit *unit)
{
    const bool per_mass = strcmp(below, "g") == 0;
    if (per_mass || strcmp(below, "cm2") == 0) {
        *unit = (struct cyc_unit){above->kind, per_mass ? CYC_BASIS_PER_MASS : CYC_BASIS_PER_AREA,
                                  above->factor};
        return is_related_to_size(above->kind);
    }
    const struct unit_row *time = find_row(below);
    if (time == NULL || time->kind != CYC_KIND_TIME || time->factor < 1.0) {
        return false;
    }
    *unit =
        (struct cyc_unit){rate_of(above->kind), CYC_BASIS_ABSOLUTE, above->factor / time->factor};
    return unit->kind != CYC_KIND_NUMBER;
}

bool cyc_unit_find(const char *string, size_t size, struct cyc_unit *unit)
{
    char name[CYC_UNIT_SIZE];
    if (!normalise(string, size, name)) {
        return false;
    }
    if (strcmp(name, "C") == 0) {
        *unit = (struct cyc_unit){CYC_KIND_CURRENT, CYC_BASIS_C_RATE, 1.0};
        return true;
    }
    char *slash = strchr(name, '/');
    if (slash != NULL) {
        *slash = '\0';
    }
    const struct unit_row *row = find_row(name);
    if (row == NULL) {
        return false;
    }
    if (slash != NULL) {
        return compose(row, slash + 1, unit);
    }
    *unit = (struct cyc_unit){row->kind, CYC_BASIS_ABSOLUTE, row->factor};
    return true;
}

const char *cyc_unit_nearest(const char *string, size_t size)
{
    char word[CYC_UNIT_SIZE];
    if (!normalise(string, size, word)) {
        return NULL;
    }
    for (size_t i = 0; habits[i][0] != NULL; i++) {
        if (cyc_same_word(habits[i][0], word, strlen(word))) {
            return habits[i][1];
        }
    }
    static const char *const names[] = {
        "V",    "mV",   "uV",   "A",    "mA",     "uA",      "nA",   "C",    "mA/g", "mA/cm2",
        "mA/s", "Ah",   "mAh",  "uAh",  "mAh/g",  "mAh/cm2", "Wh",   "mWh",  "kWh",  "mWh/g",
        "W",    "mW",   "kW",   "W/g",  "mW/cm2", "ohm",     "mohm", "kohm", "s",    "ms",
        "min",  "h",    "d",    "degC", "K",      "kPa",     "MPa",  "Pa",   "bar",  "N",
        "kN",   "kgf",  "mHz",  "Hz",   "kHz",    "MHz",     "%",    "mg",   "g",    "mm2",
        "cm2",  "mV/s", "mV/h", "V/s",  "K/min",  "K/h",     "%/h",  NULL,
    };
    return cyc_nearest(word, names);
}

/* ---- Values for people ------------------------------------------------------------------------
 */

struct scale_row {
    enum cyc_kind kind;
    const char *unit;
    double factor;
    double from; /* used for magnitudes from here on */
};

/* Within a kind from large to small; the last row takes what is left. */
static const struct scale_row scale_rows[] = {
    {CYC_KIND_FRACTION, "%", 1e-2, 0},
    {CYC_KIND_VOLTAGE, "V", 1, 0.1},
    {CYC_KIND_VOLTAGE, "mV", 1e-3, 1e-4},
    {CYC_KIND_VOLTAGE, "uV", 1e-6, 0},
    {CYC_KIND_CURRENT, "A", 1, 1},
    {CYC_KIND_CURRENT, "mA", 1e-3, 1e-3},
    {CYC_KIND_CURRENT, "uA", 1e-6, 1e-6},
    {CYC_KIND_CURRENT, "nA", 1e-9, 0},
    {CYC_KIND_CAPACITY, "Ah", 1, 1},
    {CYC_KIND_CAPACITY, "mAh", 1e-3, 1e-3},
    {CYC_KIND_CAPACITY, "uAh", 1e-6, 0},
    {CYC_KIND_ENERGY, "kWh", 1e3, 1e3},
    {CYC_KIND_ENERGY, "Wh", 1, 1},
    {CYC_KIND_ENERGY, "mWh", 1e-3, 0},
    {CYC_KIND_POWER, "kW", 1e3, 1e3},
    {CYC_KIND_POWER, "W", 1, 1},
    {CYC_KIND_POWER, "mW", 1e-3, 0},
    {CYC_KIND_RESISTANCE, "kohm", 1e3, 1e3},
    {CYC_KIND_RESISTANCE, "ohm", 1, 1},
    {CYC_KIND_RESISTANCE, "mohm", 1e-3, 0},
    {CYC_KIND_PRESSURE, "MPa", 1e6, 1e5},
    {CYC_KIND_PRESSURE, "kPa", 1e3, 1e3},
    {CYC_KIND_PRESSURE, "Pa", 1, 0},
    {CYC_KIND_FORCE, "kN", 1e3, 1e3},
    {CYC_KIND_FORCE, "N", 1, 0},
    {CYC_KIND_FREQUENCY, "MHz", 1e6, 1e6},
    {CYC_KIND_FREQUENCY, "kHz", 1e3, 1e3},
    {CYC_KIND_FREQUENCY, "Hz", 1, 1},
    {CYC_KIND_FREQUENCY, "mHz", 1e-3, 0},
    {CYC_KIND_MASS, "g", 1, 1},
    {CYC_KIND_MASS, "mg", 1e-3, 0},
    {CYC_KIND_VOLTAGE_RATE, "V/s", 1, 1},
    {CYC_KIND_VOLTAGE_RATE, "mV/s", 1e-3, 1e-5},
    {CYC_KIND_VOLTAGE_RATE, "mV/h", 1e-3 / 3600.0, 0},
    {CYC_KIND_CURRENT_RATE, "A/s", 1, 1},
    {CYC_KIND_CURRENT_RATE, "mA/s", 1e-3, 0},
    {CYC_KIND_TEMPERATURE_RATE, "K/min", 1.0 / 60.0, 0},
    {CYC_KIND_FRACTION_RATE, "%/h", 1e-2 / 3600.0, 0},
};

/* Times are read in the largest unit in which they come out short: 1.5 h, 90 s, 100 h. */
static const char *time_text(char *buffer, size_t size, double value)
{
    static const struct scale_row units[] = {
        {CYC_KIND_TIME, "d", 86400, 0}, {CYC_KIND_TIME, "h", 3600, 0},
        {CYC_KIND_TIME, "min", 60, 0},  {CYC_KIND_TIME, "s", 1, 0},
        {CYC_KIND_TIME, "ms", 1e-3, 0},
    };
    const struct scale_row *unit = &units[fabs(value) < 1.0 && value != 0.0 ? 4 : 3];
    for (size_t i = 0; i < 3; i++) {
        const double number = value / units[i].factor;
        if (fabs(number) >= 1.0 && fabs(number * 100.0 - rint(number * 100.0)) < 1e-9) {
            unit = &units[i];
            break;
        }
    }
    char number[CYC_NUMBER_SIZE];
    (void)cyc_format(buffer, size, "%s %s", cyc_number_brief(number, value / unit->factor, 6),
                     unit->unit);
    return buffer;
}

const char *cyc_quantity_text(char *buffer, size_t size, double value, enum cyc_kind kind)
{
    if (size == 0) {
        return "";
    }
    if (kind == CYC_KIND_TIME && isfinite(value)) {
        return time_text(buffer, size, value);
    }
    const char *unit = cyc_kind_unit(kind);
    double factor = 1.0;
    const double magnitude = value == 0.0 ? 1.0 : fabs(value);
    for (size_t i = 0; i < sizeof scale_rows / sizeof scale_rows[0]; i++) {
        if (scale_rows[i].kind == kind && magnitude >= scale_rows[i].from) {
            unit = scale_rows[i].unit;
            factor = scale_rows[i].factor;
            break;
        }
    }
    char number[CYC_NUMBER_SIZE];
    (void)cyc_number_brief(number, value / factor, 6);
    const bool bare = unit[0] == '\0' || isnan(value);
    (void)cyc_format(buffer, size, "%s%s%s", number, bare ? "" : " ", bare ? "" : unit);
    return buffer;
}
