/* Expressions and conditions: the first byte says what may be spoken of, the rest is the text. */
#include "fuzz.h"

#include "protocol/expr.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int reference_offset(void *context, const char *name, size_t size, double *offset_V,
                            struct cyc_err *err)
{
    (void)context;
    *offset_V = 0.62;
    return size == 6 && memcmp(name, "Li/Li+", 6) == 0
               ? CYC_OK
               : cyc_err_set(err, CYC_E_INPUT, "no such electrode");
}

/* a … z, of different kinds. */
static bool variable(void *context, const char *name, size_t size, int *index, enum cyc_kind *kind)
{
    (void)context;
    if (size != 1 || name[0] < 'a' || name[0] > 'z') {
        return false;
    }
    *index = name[0] - 'a';
    *kind = (enum cyc_kind)(*index % CYC_KIND_BOOLEAN);
    return true;
}

static bool sensor(void *context, const char *name, size_t size, int *index, enum cyc_kind *kind)
{
    (void)context;
    *index = 0;
    *kind = CYC_KIND_TEMPERATURE;
    return size == 5 && memcmp(name, "anode", 5) == 0;
}

static int value_of(void *context, int index, double *value, struct cyc_err *err)
{
    (void)context;
    (void)err;
    *value = (double)index;
    return CYC_OK;
}

static int reference_of(void *context, const struct cyc_ref *ref, double index, double *value,
                        struct cyc_err *err)
{
    (void)context;
    (void)err;
    *value = ref->field == CYC_FIELD_VOLTAGE ? (double)NAN : index + 1.0;
    return CYC_OK;
}

static int present_of(void *context, const struct cyc_op *signal, double *value,
                      struct cyc_err *err)
{
    (void)context;
    (void)signal;
    (void)err;
    *value = 3.0;
    return CYC_OK;
}

static void count_ref(void *context, const struct cyc_ref *ref)
{
    (void)ref;
    ++*(unsigned *)context;
}

static void use(const struct cyc_expr *expr)
{
    static const double resolution[3] = {1e-4, 1e-6, 0.01};
    static struct cyc_step step;
    const struct cyc_expr_env env = {.variable = value_of,
                                     .reference = reference_of,
                                     .present = present_of,
                                     .soc_at_start = 0.5,
                                     .full_capacity_Ah = 1.0};
    struct cyc_condition condition;
    struct cyc_expr_use found;
    struct cyc_err err = {0};
    unsigned refs = 0;
    double value = 0.0;
    cyc_expr_use(expr, &found);
    cyc_expr_each_ref(expr, count_ref, &refs);
    (void)cyc_expr_is_constant(expr, &value);
    (void)cyc_expr_value(expr, &env, &value, &err);
    if (cyc_expr_kind(expr) == CYC_KIND_BOOLEAN) {
        memset(&step, 0, sizeof step);
        (void)cyc_expr_compile(expr, &env, 0, resolution, &step, &condition, &err);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cyc_arena arena;
    struct cyc_cell_basis cell = cyc_cell_basis_none();
    struct cyc_diags *const diags = malloc(sizeof *diags);
    if (diags == NULL || size == 0) {
        free(diags);
        return 0;
    }
    cell.active_mass_g = 0.01;
    cell.one_c = (struct cyc_quantity){1.0, CYC_KIND_CURRENT, CYC_BASIS_ABSOLUTE};
    const unsigned flags = data[0];
    const struct cyc_expr_scope scope = {.cell = (flags & 1) != 0 ? &cell : NULL,
                                         .reference = (flags & 2) != 0 ? "Li/Li+" : NULL,
                                         .reference_offset = reference_offset,
                                         .variable = variable,
                                         .sensor = sensor,
                                         .present = (flags & 4) != 0,
                                         .pass = (flags & 8) != 0,
                                         .soc_known = (flags & 16) != 0,
                                         .one_c_varies = (flags & 32) != 0,
                                         .block_depth = (int)(flags >> 6),
                                         .in_cycle = (flags & 64) != 0};
    const char *const text = (const char *)data + 1;
    cyc_diags_init(diags);
    cyc_arena_init(&arena, 0);
    const struct cyc_pos pos = {cyc_diags_add_file(diags, "p.yaml", text, size - 1), 1, 1, 0};
    const struct cyc_expr *const expr =
        cyc_expr_parse(text, size - 1, pos, &scope, &arena, diags);
    if ((expr == NULL) != (diags->error_count > 0)) {
        abort(); /* refused without a word, or read with a mistake in it */
    }
    if (expr != NULL) {
        use(expr);
    }
    fuzz_show(diags);
    cyc_arena_release(&arena);
    cyc_diags_release(diags);
    free(diags);
    return 0;
}
