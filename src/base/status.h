/* Status codes and the error that a failing function leaves behind.
 *
 * Every fallible function returns one of these: 0 is success, negative is an error. The groups say
 * who has to act. Results leave by pointer; `struct cyc_err *err` comes last, is untouched on
 * success, may be NULL, and is complete enough to print as it is. Callers add context on the way
 * out with cyc_err_wrap(): "channel 3: step 'cc1': …". No allocation, thread-safe.
 */
#ifndef CYC_BASE_STATUS_H
#define CYC_BASE_STATUS_H

/*     code  name      text                                          who must act */
#define CYC_STATUS_LIST(X)                                                                         \
    X(0, OK, "ok")                                                                                 \
    /* the program: a defect of ours */                                                            \
    X(-1, BUG, "internal error")                                                                   \
    X(-2, PROGRESS, "the protocol makes no progress")                                              \
    /* the author of a protocol, cell or rig file, or of a command line */                         \
    X(-10, INPUT, "invalid input")                                                                 \
    X(-11, SYNTAX, "syntax error")                                                                 \
    X(-12, KIND, "wrong kind of quantity")                                                         \
    X(-13, UNKNOWN_NAME, "unknown name")                                                           \
    X(-14, UNSUPPORTED, "not supported here")                                                      \
    X(-15, SCRIPT, "the Lua protocol failed")                                                      \
    X(-16, BUDGET, "the Lua protocol exceeded its budget")                                         \
    /* whoever looks after the instruments */                                                      \
    X(-30, TIMEOUT, "time-out")                                                                    \
    X(-31, IO, "input/output error")                                                               \
    X(-32, STALE, "stale data")                                                                    \
    X(-33, INFEASIBLE, "the cell cannot follow the setpoint")                                      \
    X(-34, LOST, "the link is lost")                                                               \
    X(-35, REPLY, "unexpected reply")                                                              \
    X(-36, IDENTITY, "another instrument than expected")                                           \
    X(-37, REFUSED, "refused by the instrument")                                                   \
    X(-38, LATCHED, "latched until rearmed")                                                       \
    X(-39, BUSY, "in use")                                                                         \
    X(-40, HELD, "held until a person speaks")                                                     \
    /* whoever looks after the computer */                                                         \
    X(-50, NO_MEMORY, "out of memory")                                                             \
    X(-51, FILE, "file error")                                                                     \
    X(-52, NO_SPACE, "no space left on the disk")                                                  \
    X(-53, JOURNAL, "journal error")                                                               \
    /* a named bound was reached */                                                                \
    X(-70, BOUND, "a bound was reached")                                                           \
    X(-71, INTERRUPTED, "interrupted")

enum cyc_status {
#define CYC_STATUS_ENUM(code, name, text) CYC_E_##name = (code),
    CYC_STATUS_LIST(CYC_STATUS_ENUM)
#undef CYC_STATUS_ENUM
        CYC_OK = 0
};

#define CYC_ERR_TEXT_SIZE 640

struct cyc_err {
    int status;
    char text[CYC_ERR_TEXT_SIZE];
};

/* The fixed text of a status ("ok", "time-out"); never NULL. */
const char *cyc_status_text(int status);
/* The upper-case name of a status ("TIMEOUT"); never NULL. */
const char *cyc_status_name(int status);

/* Fills err (if not NULL) with a formatted text and returns status, so that
 * `return cyc_err_set(err, CYC_E_FILE, …);` is one line. Long texts are cut at a character. */
int cyc_err_set(struct cyc_err *err, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Puts a formatted context and ": " before the text of err; returns err->status (BUG if NULL). */
int cyc_err_wrap(struct cyc_err *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Our own invariants. Aborts in test builds (CYC_ASSERT_ABORTS); in release builds the expression
 * is still evaluated and `false` is returned, so that the caller can put its channel in the safe
 * state: `if (!CYC_ASSERT(x)) return CYC_E_BUG;`. */
#define CYC_ASSERT(condition) ((condition) ? 1 : cyc_assert_failed(#condition, __FILE__, __LINE__))
int cyc_assert_failed(const char *condition, const char *file, int line);

#endif
