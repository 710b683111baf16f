/* Mistakes in a protocol, cell or rig file: collected, sorted, and printed with the place.
 *
 * A diagnostic says where (file, line, column, path), what is wrong, what would be right (hint)
 * and, where it helps, a second place ("limit set here"). cyc_diags_print() renders
 *
 *     formation.yaml:12:22: error: a cutoff of 4.3 V lies outside the limits
 *        12 |       - {charge: 0.05 C, cutoff: 4.3 V}
 *           |                                  ^~~~~
 *        hint: widen limits.voltage or lower the cutoff
 *     formation.yaml:5:12: note: the limit is set here
 *
 * The text is UTF-8; columns count characters (code points) from 1.
 */
#ifndef CYC_BASE_DIAG_H
#define CYC_BASE_DIAG_H

#include "base/arena.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

#define CYC_DIAG_ERRORS_MAX   20
#define CYC_DIAG_WARNINGS_MAX 50
#define CYC_DIAG_FILES_MAX    64

struct cyc_pos {
    uint16_t file;   /* index from cyc_diags_add_file() */
    uint32_t line;   /* from 1; 0: no place known */
    uint32_t column; /* from 1 */
    uint32_t width;  /* characters to underline; 0: one caret */
};

enum cyc_severity { CYC_SEVERITY_ERROR, CYC_SEVERITY_WARNING, CYC_SEVERITY_NOTE };

struct cyc_diag {
    enum cyc_severity severity;
    struct cyc_pos pos;
    const char *path;    /* "method[3].cutoff"; may be NULL */
    const char *message; /* what is wrong */
    const char *hint;    /* what would be right; may be NULL */
    struct cyc_pos related;
    const char *related_text; /* NULL: no second place */
};

struct cyc_diag_file {
    const char *name;
    const char *text; /* whole text, may be NULL */
    size_t size;
};

struct cyc_diags {
    struct cyc_arena arena; /* owns all strings */
    struct cyc_diag items[CYC_DIAG_ERRORS_MAX + CYC_DIAG_WARNINGS_MAX];
    struct cyc_diag scratch; /* handed out beyond the maximum */
    unsigned count;
    unsigned error_count; /* found, also those beyond the maximum */
    unsigned warning_count;
    struct cyc_diag_file files[CYC_DIAG_FILES_MAX];
    unsigned file_count;
};

void cyc_diags_init(struct cyc_diags *diags);
void cyc_diags_release(struct cyc_diags *diags);
/* Registers a file so that positions can name it; copies name and text. Returns its index (the
 * last one when the table is full). */
uint16_t cyc_diags_add_file(struct cyc_diags *diags, const char *name, const char *text,
                            size_t size);
/* Adds a diagnostic and returns it for path, hint and related to be set (never NULL: beyond the
 * maximum a scratch entry is returned and only counted). */
struct cyc_diag *cyc_diags_add(struct cyc_diags *diags, enum cyc_severity severity,
                               struct cyc_pos pos, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Formatted, owned by the diags: for hint, path and related_text. */
const char *cyc_diags_format(struct cyc_diags *diags, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Sorts by file, line, column, severity, then order of discovery; drops exact duplicates. */
void cyc_diags_sort(struct cyc_diags *diags);
/* Renders all, sorted, as above; with colour on a terminal. Source lines are cut to 120 characters
 * around the caret, control characters shown as '?'. */
void cyc_diags_print(struct cyc_diags *diags, struct cyc_text *out, bool colour);
/* [{"severity","file","line","column","path","message","hint","related":{…}}] */
void cyc_diags_json(struct cyc_diags *diags, struct cyc_json *json);

/* The candidate nearest to `word` by edit distance (at most a third of its length, case ignored),
 * or NULL: for "did you mean". `candidates` ends with NULL. */
const char *cyc_nearest(const char *word, const char *const *candidates);

#endif
