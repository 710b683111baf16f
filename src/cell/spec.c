/* Specs of cells: models by name, parameters by name, scatter by seed. */
#include "base/text.h"
#include "cell/cell_int.h"

#include <math.h>
#include <string.h>

static const struct cyc_cell_model *const models[] = {&cyc_linear_model, &cyc_n_lmro_model};

const struct cyc_cell_model *cyc_cell_model(const char *name)
{
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        if (strcmp(models[i]->name, name) == 0) {
            return models[i];
        }
    }
    return NULL;
}

const struct cyc_cell_parameter *cyc_cell_parameters(const char *model)
{
    const struct cyc_cell_model *found = cyc_cell_model(model);
    return found != NULL ? found->parameters : NULL;
}

int cyc_cell_spec_init(struct cyc_cell_spec *spec, const char *model, struct cyc_err *err)
{
    const struct cyc_cell_model *found = cyc_cell_model(model);
    if (found == NULL) {
        return cyc_err_set(err, CYC_E_UNKNOWN_NAME,
                           "there is no cell model '%s'; known are linear and n_lmro", model);
    }
    memset(spec, 0, sizeof *spec);
    (void)cyc_copy(spec->model, sizeof spec->model, model);
    (void)cyc_copy(spec->name, sizeof spec->name, model);
    found->spec_defaults(spec);
    return CYC_OK;
}

double cyc_cell_spec_value(const struct cyc_cell_spec *spec,
                           const struct cyc_cell_parameter *parameter)
{
    for (unsigned i = 0; i < spec->parameter_count; i++) {
        if (strcmp(spec->parameters[i].name, parameter->name) == 0) {
            return spec->parameters[i].value;
        }
    }
    return parameter->value;
}

int cyc_cell_spec_values(const struct cyc_cell_spec *spec, const struct cyc_cell_parameter *table,
                         double *values, struct cyc_err *err)
{
    for (unsigned i = 0; i < spec->parameter_count; i++) {
        const struct cyc_cell_parameter *row = table;
        while (row->name != NULL && strcmp(row->name, spec->parameters[i].name) != 0) {
            row++;
        }
        if (row->name == NULL) {
            return cyc_err_set(err, CYC_E_INPUT, "the model %s has no parameter '%s'", spec->model,
                               spec->parameters[i].name);
        }
    }
    for (unsigned i = 0; table[i].name != NULL; i++) {
        values[i] = cyc_cell_spec_value(spec, &table[i]);
        if (!isfinite(values[i])) {
            return cyc_err_set(err, CYC_E_INPUT, "the parameter '%s' is not a finite number",
                               table[i].name);
        }
    }
    return CYC_OK;
}

/* SplitMix64 (Steele, Lea, Flood 2014). */
double cyc_cell_scatter(uint64_t *seed)
{
    if (*seed == 0) {
        return 1;
    }
    *seed += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = *seed;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    z ^= z >> 31;
    return 0.99 + 0.02 * ((double)(z >> 11) * 0x1p-53);
}
