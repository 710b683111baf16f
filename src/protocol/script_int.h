/* What the files of Lua protocols share. */
#ifndef CYC_PROTOCOL_SCRIPT_INT_H
#define CYC_PROTOCOL_SCRIPT_INT_H

#include "protocol/check.h"
#include "protocol/ids.h"
#include "protocol/lua_node.h"
#include "protocol/names.h"
#include "protocol/plan_int.h"
#include "protocol/script.h"

#define CYC_SCRIPT_SITES_MAX 4096 /* places in the text that hand out steps; a power of two */

struct cyc_script {
    struct cyc_files files; /* texts owned by the protocol's arena */
    struct cyc_names names; /* parameters */
    char chunk[64];
    uint64_t seed;
    uint32_t path_steps;    /* of the path that was checked */
    bool bare_voltage_refused; /* the cell's reference is not the protocol's */
};

/* What the script has asked for when it yields. */
enum cyc_script_request {
    CYC_REQUEST_NONE,  /* it waits for being resumed */
    CYC_REQUEST_STEP,  /* resolver.step */
    CYC_REQUEST_NOTE,  /* text */
    CYC_REQUEST_CYCLE, /* only what is queued */
    CYC_REQUEST_LIST,  /* inner: an include, a let, or finally */
    CYC_REQUEST_END
};

/* The `cycles` loop that is being run. */
struct cyc_script_loop {
    bool active;      /* entered and not left */
    bool running;     /* a pass has begun */
    uint32_t count, pass;
    uint32_t serial;  /* tells loops apart: an iterator that is not the present one is dead */
    bool has_function; /* leave_when is a function: in the registry under "cyc.leave" */
    bool leaves;
    const struct cyc_expr *condition; /* leave_when as text */
    struct cyc_rules rules;
    const char *id;
    uint32_t reference_pass;
    uint32_t line;
    bool charge_bounded, bounded;   /* of the build outside the loop */
    double charge_Ah, discharge_Ah; /* of the test when the pass began */
};

/* An include with its arguments: compiled at its first call, the same plan ever after, so that its
 * blocks keep their passes. */
struct cyc_script_include {
    uint64_t hash;
    struct cyc_plan plan;
};
#define CYC_SCRIPT_INCLUDES_MAX 64

struct cyc_script_site {
    uint32_t line, kind, number; /* line 0: free */
};

struct cyc_script_source {
    struct cyc_source base;
    struct cyc_script *script;
    struct cyc_lua lua;
    struct cyc_cell_facts cell; /* in force; 1C may change on the way */
    struct cyc_history history;
    struct cyc_expr_env env;
    struct cyc_resolver resolver;
    struct cyc_build build;
    struct cyc_unit unit;
    struct cyc_files files;   /* the script's own view of what was read */
    struct cyc_names names;   /* parameters and what `let` adds */
    int variable_count;
    double values[CYC_NAMES_MAX + CYC_NAME_FIRST_FREE];
    struct cyc_arena lasting; /* names, values of let, the header */
    uint32_t call_line; /* of the last call whose place was asked; 0: none yet */
    const char *call_from; /* where that line begins */
    struct cyc_arena loop_arena, call_arena;
    struct cyc_diags *diags;
    bool own_diags;

    /* while it is checked */
    const struct cyc_protocol_options *options; /* NULL: it runs */
    struct cyc_protocol *made;
    bool header_broken;
    struct cyc_checker *checker; /* NULL: steps are not checked */

    bool begun; /* protocol{…} was called */
    uint32_t begun_line;
    bool judging; /* inside a leave_when function */
    bool limits_missed; /* said once */
    enum cyc_script_request request;
    const char *text; /* of a note or question */
    const struct cyc_step_plan *plan; /* of the step that was handed out last */
    struct cyc_result result;
    struct cyc_script_loop loop;
    const struct cyc_rules *rules[2];
    unsigned rule_count;
    struct cyc_cycle cycle;
    bool cycle_queued;
    struct cyc_plan list; /* of the inner source */
    struct cyc_script_include includes[CYC_SCRIPT_INCLUDES_MAX];
    unsigned include_count;
    struct cyc_source *inner;
    bool ending; /* finally has begun, or there is none */
    enum cyc_finish finish;
    char why[256];
    struct cyc_script_site sites[CYC_SCRIPT_SITES_MAX];
    uint8_t spoken[8192]; /* bit per place that has said something */
    uint32_t site_count, step_count;
    struct cyc_expectation *expectations;
};

/* What a call of the script has said so far. While a program is checked, a call in a loop says what
 * is wrong with it once: cyc_script_said() forgets what came since cyc_script_listen() if the same
 * place has spoken before. */
struct cyc_script_ear {
    unsigned count, error_count, warning_count;
    uint32_t slot;
};
struct cyc_script_ear cyc_script_listen(struct cyc_script_source *source, uint32_t line,
                                        const char *key);
void cyc_script_said(struct cyc_script_source *source, const struct cyc_script_ear *ear);

static inline struct cyc_script_source *cyc_script_of(lua_State *L)
{
    return cyc_lua_of(L)->owner;
}

/* A source without a protocol's header yet. */
int cyc_script_source_new(const struct cyc_protocol *protocol, struct cyc_script *script,
                          const char *text, size_t size, struct cyc_diags *diags,
                          struct cyc_script_source **source, struct cyc_err *err);
/* Where nodes of this call are made. */
struct cyc_lua_nodes cyc_script_nodes(lua_State *L, struct cyc_arena *arena);
/* Raises the first mistake found since `before` as an error of the script; when it is being
 * checked, all stay in the diags and nothing is raised. */
void cyc_script_raise(lua_State *L, unsigned before);
/* The first number of a place in the text, the same each time; `count` numbers are taken. */
uint32_t cyc_script_number(struct cyc_script_source *source, uint32_t line, uint32_t kind);

/* Compiles one node of a list (an include, a let) into plan. False: mistakes in diags. */
bool cyc_script_compile_list(struct cyc_script_source *source, struct cyc_node *node, bool linked,
                             struct cyc_plan *plan);

/* Registers the vocabulary: script_words.c, script_loop.c. */
void cyc_script_open_words(lua_State *L);
void cyc_script_open_loop(lua_State *L);
/* protocol{…} at 1, while it is checked: fills source->made. */
bool cyc_script_compile_header(lua_State *L, struct cyc_script_source *source);
/* Ends the pass and the loop in the middle. */
int cyc_script_break_loop(struct cyc_script_source *source, bool complete, struct cyc_err *err);
/* An end of the script: `finally`, then the end. */
int cyc_script_finish(struct cyc_script_source *source, enum cyc_finish how, const char *why,
                      struct cyc_err *err);
/* The step that was handed out last, by the script or by a list of it, as written and in numbers;
 * NULL: none. */
const struct cyc_step_plan *cyc_script_step(const struct cyc_script_source *source,
                                            const struct cyc_resolver **resolver);
/* A result as the mock gives it: the step ended at its first cutoff. */
void cyc_script_mock(const struct cyc_script_source *source, const struct cyc_step *step,
                     struct cyc_result *result);

#endif
