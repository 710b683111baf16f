#include "base/quantity.h"

#include "base/text.h"
#include "base/text_int.h"
#include "base/unit_int.h"

#include <math.h>
#include <string.h>

#define QUOTE_SIZE_MAX 40 /* bytes of the author's text repeated in a message */

/* ---- What a cell brings -----------------------------------------------------------------------
 */

struct cyc_cell_basis cyc_cell_basis_none(void)
{
    return (struct cyc_cell_basis){
        .active_mass_g = NAN,
        .area_cm2 = NAN,
        .one_c = {NAN, CYC_KIND_CURRENT, CYC_BASIS_ABSOLUTE},
        .nominal_capacity = {NAN, CYC_KIND_CAPACITY, CYC_BASIS_ABSOLUTE},
    };
}

/* From "per gram" or "per cm2" to the whole cell; NULL, or what the cell lacks for it. */
static const char *scale_to_cell(const struct cyc_quantity *quantity,
                                 const struct cyc_cell_basis *cell, double *value)
{
    switch (quantity->basis) {
    case CYC_BASIS_ABSOLUTE:
        *value = quantity->value;
        return NULL;
    case CYC_BASIS_PER_MASS:
        if (!(cell->active_mass_g > 0.0)) {
            return "cell.active_mass";
        }
        *value = quantity->value * cell->active_mass_g;
        return NULL;
    case CYC_BASIS_PER_AREA:
        if (!(cell->area_cm2 > 0.0)) {
            return "cell.area";
        }
        *value = quantity->value * cell->area_cm2;
        return NULL;
    case CYC_BASIS_C_RATE:
        break;
    }
    return "mA/g, mA/cm2 or mA instead of a C-rate";
}

static int scale_fact(const struct cyc_quantity *quantity, const struct cyc_cell_basis *cell,
                      const char *name, double *value, struct cyc_err *err)
{
    const char *lacking = scale_to_cell(quantity, cell, value);
    return lacking == NULL ? CYC_OK : cyc_err_set(err, CYC_E_INPUT, "%s needs %s", name, lacking);
}

int cyc_one_c_A(const struct cyc_cell_basis *cell, double *one_c_A, bool *guessed,
                struct cyc_err *err)
{
    double value = NAN;
    const bool stated = !isnan(cell->one_c.value);
    if (!stated && isnan(cell->nominal_capacity.value)) {
        return cyc_err_set(err, CYC_E_INPUT, "a C-rate needs cell.one_c or cell.nominal_capacity");
    }
    /* Without one_c the whole capacity in one hour: Ah and A are then the same number. */
    const int status =
        stated ? scale_fact(&cell->one_c, cell, "cell.one_c", &value, err)
               : scale_fact(&cell->nominal_capacity, cell, "cell.nominal_capacity", &value, err);
    if (status != CYC_OK) {
        return status;
    }
    *one_c_A = value;
    if (guessed != NULL) {
        *guessed = !stated;
    }
    return CYC_OK;
}

int cyc_nominal_capacity_Ah(const struct cyc_cell_basis *cell, double *capacity_Ah,
                            struct cyc_err *err)
{
    if (isnan(cell->nominal_capacity.value)) {
        return cyc_err_set(err, CYC_E_INPUT, "cell.nominal_capacity is not stated");
    }
    return scale_fact(&cell->nominal_capacity, cell, "cell.nominal_capacity", capacity_Ah, err);
}

/* "0.5 C", "180 mAh/g": a value on its basis, for messages. */
static void describe(const struct cyc_quantity *quantity, char *buffer, size_t size)
{
    char text[2 * CYC_NUMBER_SIZE];
    if (quantity->basis == CYC_BASIS_C_RATE) {
        (void)cyc_number_brief(text, quantity->value, 6);
        (void)cyc_format(buffer, size, "%s C", text);
        return;
    }
    (void)cyc_quantity_text(text, sizeof text, quantity->value, quantity->kind);
    (void)cyc_format(buffer, size, "%s%s", text,
                     quantity->basis == CYC_BASIS_PER_MASS   ? "/g"
                     : quantity->basis == CYC_BASIS_PER_AREA ? "/cm2"
                                                             : "");
}

int cyc_quantity_resolve(const struct cyc_quantity *quantity, const struct cyc_cell_basis *cell,
                         double *value, struct cyc_err *err)
{
    const char *lacking = NULL;
    struct cyc_err problem;
    if (quantity->basis != CYC_BASIS_C_RATE) {
        lacking = scale_to_cell(quantity, cell, value);
        if (lacking == NULL) {
            return CYC_OK;
        }
    } else {
        double one_c_A = NAN;
        if (cyc_one_c_A(cell, &one_c_A, NULL, &problem) == CYC_OK) {
            *value = quantity->value * one_c_A;
            return CYC_OK;
        }
    }
    char what[2 * CYC_NUMBER_SIZE + 8];
    describe(quantity, what, sizeof what);
    if (lacking != NULL) {
        return cyc_err_set(err, CYC_E_INPUT, "%s needs %s; state it in the cell", what, lacking);
    }
    if (isnan(cell->one_c.value) && isnan(cell->nominal_capacity.value)) {
        return cyc_err_set(
            err, CYC_E_INPUT,
            "%s needs cell.one_c or cell.nominal_capacity; for example, cell: {one_c: "
            "200 mA/g, active_mass: 9 mg}",
            what);
    }
    return cyc_err_set(err, problem.status, "%s: %s; state it in the cell", what, problem.text);
}

/* ---- Words of a message -----------------------------------------------------------------------
 */

static const char *article(enum cyc_kind kind)
{
    return kind == CYC_KIND_ENERGY || kind == CYC_KIND_AREA ? "an" : "a";
}

static void quote(char *buffer, size_t size, const char *string, size_t length)
{
    const bool cut = length > QUOTE_SIZE_MAX;
    const size_t kept = cut ? cyc_utf8_cut(string, QUOTE_SIZE_MAX) : length;
    (void)cyc_format(buffer, size, "'%.*s%s'", (int)kept, string, cut ? "..." : "");
}

#define QUOTED_SIZE (QUOTE_SIZE_MAX + 8)

/* ---- Reading ----------------------------------------------------------------------------------
 */

static bool is_digit_at(const char *string, size_t size, size_t at)
{
    return at < size && string[at] >= '0' && string[at] <= '9';
}

static bool is_blank_at(const char *string, size_t size, size_t at)
{
    return at < size && (string[at] == ' ' || string[at] == '\t');
}

static size_t skip_blanks(const char *string, size_t size, size_t at)
{
    while (is_blank_at(string, size, at)) {
        at++;
    }
    return at;
}

static bool starts_with_word(const char *string, size_t size, const char *word)
{
    const size_t length = strlen(word);
    if (size < length) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (cyc_ascii_lower(string[i]) != word[i]) {
            return false;
        }
    }
    return true;
}

/* Nothing that could be read as a number stands at the start: why? */
static int explain_no_number(const char *string, size_t size, struct cyc_err *err)
{
    char quoted[QUOTED_SIZE];
    quote(quoted, sizeof quoted, string, size);
    const size_t sign = size > 0 && (string[0] == '-' || string[0] == '+') ? 1 : 0;
    const char *rest = string + sign;
    const size_t left = size - sign;
    if (size == 0) {
        return cyc_err_set(err, CYC_E_SYNTAX,
                           "a quantity is missing; write a number and its unit, such as 4.2 V");
    }
    if (is_digit_at(rest, left, 0)) { /* only '+' leads here */
        return cyc_err_set(err, CYC_E_SYNTAX, "%s has a plus sign; write %.*s", quoted,
                           (int)(left < QUOTE_SIZE_MAX ? left : QUOTE_SIZE_MAX), rest);
    }
    if (left > 1 && rest[0] == '.' && is_digit_at(rest, left, 1)) {
        return cyc_err_set(err, CYC_E_SYNTAX, "%s has no digit before the point; write %s0%.*s",
                           quoted, sign != 0 && string[0] == '-' ? "-" : "",
                           (int)(left < QUOTE_SIZE_MAX ? left : QUOTE_SIZE_MAX), rest);
    }
    if (starts_with_word(rest, left, "nan") || starts_with_word(rest, left, "inf") ||
        starts_with_word(rest, left, ".nan") || starts_with_word(rest, left, ".inf")) {
        return cyc_err_set(err, CYC_E_SYNTAX,
                           "%s is not a number; write a finite number and its unit", quoted);
    }
    if (starts_with_word(string, size, "\xE2\x88\x92")) { /* U+2212 */
        return cyc_err_set(err, CYC_E_SYNTAX,
                           "%s begins with a typographic minus sign; write a plain '-'", quoted);
    }
    return cyc_err_set(err, CYC_E_SYNTAX,
                       "%s is not a quantity; write a number and its unit, such as 4.2 V", quoted);
}

/* The number is read as far as `used`: is it written the way protocols write numbers? */
static int check_number(const char *string, size_t size, size_t used, struct cyc_err *err)
{
    const size_t sign = string[0] == '-' ? 1 : 0;
    const char next = used < size ? string[used] : '\0';
    const bool zero = string[sign] == '0';
    const bool radix = zero && used == sign + 1 && is_digit_at(string, size, used + 1) &&
                       (next == 'x' || next == 'X' || next == 'o' || next == 'b');
    const bool octal = zero && is_digit_at(string, used, sign + 1);
    if (!radix && !octal && next != '.') {
        return CYC_OK;
    }
    char quoted[QUOTED_SIZE];
    quote(quoted, sizeof quoted, string, size);
    if (radix) {
        return cyc_err_set(err, CYC_E_SYNTAX, "%s is not a decimal number; write it in decimal",
                           quoted);
    }
    if (octal) {
        size_t first = sign;
        while (string[first] == '0' && is_digit_at(string, used, first + 1)) {
            first++;
        }
        return cyc_err_set(
            err, CYC_E_SYNTAX, "%s begins with a zero; write %s%.*s", quoted, sign != 0 ? "-" : "",
            (int)(size - first < QUOTE_SIZE_MAX ? size - first : QUOTE_SIZE_MAX), string + first);
    }
    if (next == '.') {
        return cyc_err_set(
            err, CYC_E_SYNTAX, "%s has no digit after the point; write %.*s%s%.*s", quoted,
            (int)used, string, ".0",
            (int)(size - used - 1 < QUOTE_SIZE_MAX ? size - used - 1 : QUOTE_SIZE_MAX),
            string + used + 1);
    }
    return CYC_OK;
}

static int read_number(const char *string, size_t size, double *value, size_t *used,
                       struct cyc_err *err)
{
    if (!cyc_number_parse(string, size, value, used)) {
        char quoted[QUOTED_SIZE];
        quote(quoted, sizeof quoted, string, size);
        return *used == 0 ? explain_no_number(string, size, err)
                          : cyc_err_set(err, CYC_E_SYNTAX, "%s is too large for a number", quoted);
    }
    return check_number(string, size, *used, err);
}

/* C/20 */
static int scan_fraction_of_c(const char *string, size_t size, struct cyc_quantity *quantity,
                              size_t *used, struct cyc_err *err)
{
    double divisor = 0.0;
    size_t length = 0;
    const int status = read_number(string + 2, size - 2, &divisor, &length, err);
    if (status != CYC_OK) {
        return status;
    }
    if (!(divisor > 0.0)) {
        return cyc_err_set(err, CYC_E_SYNTAX, "C is divided by %s; write C/20, for example",
                           divisor < 0.0 ? "a negative number" : "zero");
    }
    *quantity = (struct cyc_quantity){1.0 / divisor, CYC_KIND_CURRENT, CYC_BASIS_C_RATE};
    *used = length + 2;
    return CYC_OK;
}

static int unknown_unit(const char *unit, size_t size, struct cyc_err *err)
{
    char quoted[QUOTED_SIZE];
    quote(quoted, sizeof quoted, unit, size);
    const char *nearest = cyc_unit_nearest(unit, size);
    return nearest != NULL
               ? cyc_err_set(err, CYC_E_SYNTAX, "unknown unit %s; write %s", quoted, nearest)
               : cyc_err_set(err, CYC_E_SYNTAX,
                             "unknown unit %s; write one of those in protocols/README.md", quoted);
}

/* Words that may follow a bare number in an expression or a sentence. */
static bool is_word_of_expression(const char *word, size_t size)
{
    static const char *const words[] = {"and", "or", "not", "vs", NULL};
    for (size_t i = 0; words[i] != NULL; i++) {
        if (strlen(words[i]) == size && memcmp(words[i], word, size) == 0) {
            return true;
        }
    }
    return false;
}

int cyc_quantity_scan(const char *string, size_t size, struct cyc_quantity *quantity, size_t *used,
                      struct cyc_err *err)
{
    if (size > 2 && string[0] == 'C' && string[1] == '/') {
        return scan_fraction_of_c(string, size, quantity, used, err);
    }
    double number = 0.0;
    size_t length = 0;
    const int status = read_number(string, size, &number, &length, err);
    if (status != CYC_OK) {
        return status;
    }
    const size_t start = skip_blanks(string, size, length);
    const char *word = string + start;
    size_t span = cyc_unit_span(word, size - start);
    struct cyc_unit unit = {CYC_KIND_NUMBER, CYC_BASIS_ABSOLUTE, 1.0};
    if (span == 0 || is_word_of_expression(word, span)) {
        *used = length;
    } else if (cyc_unit_find(word, span, &unit)) {
        *used = start + span;
    } else {
        /* "10 mV/x" divides by a variable: the unit is what stands before the stroke. */
        const char *slash = memchr(word, '/', span);
        if (slash == NULL || !cyc_unit_find(word, (size_t)(slash - word), &unit)) {
            return unknown_unit(word, span, err);
        }
        span = (size_t)(slash - word);
        *used = start + span;
    }
    *quantity = (struct cyc_quantity){number * unit.factor, unit.kind, unit.basis};
    return CYC_OK;
}

/* ---- What else people write -------------------------------------------------------------------
 */

/* "1 h 30 min", "1h30": the sum, when all of it is time. A bare number at the end counts in the
 * next smaller unit. */
static bool read_time_list(const char *string, size_t size, double *sum_s)
{
    double smaller = 0.0;
    *sum_s = 0.0;
    for (size_t at = 0; at < size;) {
        struct cyc_quantity part;
        size_t used = 0;
        if (cyc_quantity_scan(string + at, size - at, &part, &used, NULL) != CYC_OK ||
            (part.kind != CYC_KIND_TIME && (part.kind != CYC_KIND_NUMBER || smaller == 0.0))) {
            return false;
        }
        *sum_s += part.kind == CYC_KIND_TIME ? part.value : part.value * smaller;
        smaller = part.kind != CYC_KIND_TIME ? 0.0 : part.value >= 3600.0 ? 60.0 : 1.0;
        at = skip_blanks(string, size, at + used);
    }
    return true;
}

/* "1:30:00" and "1:30". */
static int explain_clock_time(const char *quoted, const char *string, size_t size,
                              struct cyc_err *err)
{
    double fields[3] = {0.0};
    size_t count = 0;
    for (size_t at = 0; at < size && count < 3; at++) {
        size_t used = 0;
        if (!cyc_number_parse(string + at, size - at, &fields[count], &used)) {
            break;
        }
        count++;
        at += used;
        if (at < size && string[at] != ':') {
            break;
        }
    }
    char first[CYC_NUMBER_SIZE];
    char second[CYC_NUMBER_SIZE];
    if (count == 3) {
        const double hours = fields[0] + fields[1] / 60.0 + fields[2] / 3600.0;
        return cyc_err_set(err, CYC_E_SYNTAX, "%s is a clock time; write %s h", quoted,
                           cyc_number_brief(first, hours, 6));
    }
    const double minutes = fields[0] + fields[1] / 60.0;
    return cyc_err_set(err, CYC_E_SYNTAX, "%s is a clock time; write %s h or %s min", quoted,
                       cyc_number_brief(first, minutes, 6), cyc_number_brief(second, minutes, 6));
}

static int explain_comma(const char *quoted, const char *string, size_t size, size_t comma,
                         struct cyc_err *err)
{
    size_t digits = 0;
    while (is_digit_at(string, size, comma + 1 + digits)) {
        digits++;
    }
    const char *behind = string + comma + 1;
    const int left = (int)(size - comma - 1 < QUOTE_SIZE_MAX ? size - comma - 1 : QUOTE_SIZE_MAX);
    if (digits == 3) {
        return cyc_err_set(err, CYC_E_SYNTAX, "%s has a comma; write %.*s.%.*s or %.*s%.*s", quoted,
                           (int)comma, string, left, behind, (int)comma, string, left, behind);
    }
    return cyc_err_set(err, CYC_E_SYNTAX, "%s has a decimal comma; write %.*s.%.*s", quoted,
                       (int)comma, string, left, behind);
}

static size_t used_by_number(const char *string, size_t size)
{
    double value = 0.0;
    size_t used = 0;
    (void)cyc_number_parse(string, size, &value, &used);
    return used;
}

/* A quantity is read, but more follows from `used` on. */
static int explain_rest(const char *string, size_t size, size_t used, struct cyc_err *err)
{
    char quoted[QUOTED_SIZE];
    quote(quoted, sizeof quoted, string, size);
    const char next = string[used];
    if (used <= QUOTE_SIZE_MAX && next == ',' && is_digit_at(string, size, used + 1)) {
        return explain_comma(quoted, string, size, used, err);
    }
    const size_t start = skip_blanks(string, size, used_by_number(string, size));
    const size_t span = cyc_unit_span(string + start, size - start);
    if (span > 0 &&
        start + span > used) { /* "1 mAh/gg": in an expression the rest might have been a name */
        return unknown_unit(string + start, span, err);
    }
    if (next == ':') {
        return explain_clock_time(quoted, string, size, err);
    }
    double sum_s = 0.0;
    if (read_time_list(string, size, &sum_s)) {
        char number[CYC_NUMBER_SIZE];
        const bool hours = sum_s >= 3600.0;
        return cyc_err_set(err, CYC_E_SYNTAX, "%s is two times; write %s %s", quoted,
                           cyc_number_brief(number, sum_s / (hours ? 3600.0 : 60.0), 6),
                           hours ? "h" : "min");
    }
    const size_t rest = skip_blanks(string, size, used);
    if (is_digit_at(string, size, rest) || next == '_' || next == '\'') {
        return cyc_err_set(err, CYC_E_SYNTAX, "%s is two numbers; write digits without gaps",
                           quoted);
    }
    char tail[QUOTED_SIZE];
    quote(tail, sizeof tail, string + rest, size - rest);
    return cyc_err_set(err, CYC_E_SYNTAX,
                       "%s goes on with %s after the quantity; write one number and one unit",
                       quoted, tail);
}

/* The whole string as a quantity, with or without a unit. */
static int parse_whole(const char *string, size_t size, struct cyc_quantity *quantity,
                       struct cyc_err *err)
{
    struct cyc_quantity found;
    size_t used = 0;
    const int status = cyc_quantity_scan(string, size, &found, &used, err);
    if (status != CYC_OK) {
        return status;
    }
    if (used < size) {
        return explain_rest(string, size, used, err);
    }
    *quantity = found;
    return CYC_OK;
}

static void trim(const char **string, size_t *size)
{
    const size_t start = skip_blanks(*string, *size, 0);
    *string += start;
    *size -= start;
    while (*size > 0 && is_blank_at(*string, *size, *size - 1)) {
        (*size)--;
    }
}

int cyc_quantity_parse(const char *string, size_t size, struct cyc_quantity *quantity,
                       struct cyc_err *err)
{
    trim(&string, &size);
    struct cyc_quantity found;
    const int status = parse_whole(string, size, &found, err);
    if (status != CYC_OK) {
        return status;
    }
    if (found.kind == CYC_KIND_NUMBER) {
        char quoted[QUOTED_SIZE];
        quote(quoted, sizeof quoted, string, size);
        return cyc_err_set(err, CYC_E_KIND, "%s has no unit; write it with one, such as %.*s V",
                           quoted, (int)(size < QUOTE_SIZE_MAX ? size : QUOTE_SIZE_MAX), string);
    }
    *quantity = found;
    return CYC_OK;
}

/* ---- The right kind ---------------------------------------------------------------------------
 */

/* The number as it was written, for a hint that repeats it with another unit. */
static void number_of(const char *string, size_t size, char *buffer, size_t buffer_size)
{
    trim(&string, &size);
    const size_t used = used_by_number(string, size);
    (void)cyc_format(buffer, buffer_size, "%.*s",
                     (int)(used < QUOTE_SIZE_MAX ? used : QUOTE_SIZE_MAX), string);
}

/* What to write instead, for the mix-ups that are common. */
static void suggest(const char *string, size_t size, const struct cyc_quantity *found,
                    enum cyc_kind due, char *hint, size_t hint_size)
{
    char number[QUOTED_SIZE];
    number_of(string, size, number, sizeof number);
    const char *units = cyc_kind_units(due);
    const char *only = strchr(units, ',') == NULL && units[0] != '\0' ? units : NULL;
    const bool plain = found->kind == CYC_KIND_NUMBER || found->kind == CYC_KIND_TEMPERATURE ||
                       found->kind == CYC_KIND_TEMPERATURE_DIFFERENCE ||
                       found->basis == CYC_BASIS_C_RATE;
    if (due == CYC_KIND_TEMPERATURE && found->kind == CYC_KIND_TEMPERATURE_DIFFERENCE &&
        found->value > 173.0) {
        (void)cyc_number_brief(number, found->value - 273.15, 6);
        (void)cyc_format(hint, hint_size, "write %s degC", number);
    } else if (due == CYC_KIND_FRACTION && found->kind == CYC_KIND_NUMBER) {
        (void)cyc_number_brief(number, 100.0 * found->value, 6);
        (void)cyc_format(hint, hint_size, "write %s %%", number);
    } else if (due == CYC_KIND_NUMBER && number[0] != '\0') {
        (void)cyc_format(hint, hint_size, "write %s", number);
    } else if (only != NULL && plain && number[0] != '\0') {
        (void)cyc_format(hint, hint_size, "write %s %s", number, only);
    } else if (units[0] != '\0') {
        (void)cyc_format(hint, hint_size, "write it in %s", units);
    } else {
        (void)cyc_format(hint, hint_size, "write %s %s", article(due), cyc_kind_name(due));
    }
}

int cyc_quantity_expect(const char *string, size_t size, const struct cyc_quantity *found,
                        enum cyc_kind due, struct cyc_err *err)
{
    if (found->kind == due) {
        return CYC_OK;
    }
    trim(&string, &size);
    char quoted[QUOTED_SIZE];
    char hint[160];
    quote(quoted, sizeof quoted, string, size);
    suggest(string, size, found, due, hint, sizeof hint);
    if (found->kind == CYC_KIND_NUMBER) {
        return cyc_err_set(err, CYC_E_KIND, "%s has no unit where %s %s is due; %s", quoted,
                           article(due), cyc_kind_name(due), hint);
    }
    if (found->basis == CYC_BASIS_C_RATE) {
        return cyc_err_set(err, CYC_E_KIND, "%s is a C-rate, not %s %s; %s", quoted, article(due),
                           cyc_kind_name(due), hint);
    }
    return cyc_err_set(err, CYC_E_KIND, "%s is %s %s, not %s %s; %s", quoted, article(found->kind),
                       cyc_kind_name(found->kind), article(due), cyc_kind_name(due), hint);
}

int cyc_quantity_parse_as(const char *string, size_t size, enum cyc_kind due,
                          struct cyc_quantity *quantity, struct cyc_err *err)
{
    struct cyc_quantity found;
    trim(&string, &size);
    int status = parse_whole(string, size, &found, err);
    if (status == CYC_OK) {
        status = cyc_quantity_expect(string, size, &found, due, err);
    }
    if (status == CYC_OK) {
        *quantity = found;
    }
    return status;
}

int cyc_unit_factor(const char *unit, enum cyc_kind kind, const struct cyc_cell_basis *cell,
                    double *factor, struct cyc_err *err)
{
    struct cyc_unit found = {CYC_KIND_NUMBER, CYC_BASIS_ABSOLUTE, 1.0};
    const size_t size = strlen(unit);
    if (size > 0 && !cyc_unit_find(unit, size, &found)) {
        return unknown_unit(unit, size, err);
    }
    if (found.kind != kind) {
        char quoted[QUOTED_SIZE];
        quote(quoted, sizeof quoted, unit, size);
        return cyc_err_set(err, CYC_E_KIND, "%s is not a unit of %s %s; write one of %s", quoted,
                           article(kind), cyc_kind_name(kind), cyc_kind_units(kind));
    }
    const struct cyc_quantity one = {found.factor, found.kind, found.basis};
    return cyc_quantity_resolve(&one, cell, factor, err);
}
