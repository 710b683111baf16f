#include "run/run.h"

#include "base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Names of a model's parameters for "did you mean", ended by NULL. */
static const char **names_of(const struct cyc_cell_parameter *parameters)
{
    size_t count = 0;
    while (parameters[count].name != NULL) {
        count++;
    }
    const char **names = calloc(count + 1, sizeof *names);
    for (size_t i = 0; names != NULL && i < count; i++) {
        names[i] = parameters[i].name;
    }
    return names;
}

static bool is_known(const struct cyc_cell_parameter *parameters, const char *name)
{
    for (; parameters->name != NULL; parameters++) {
        if (strcmp(parameters->name, name) == 0) {
            return true;
        }
    }
    return false;
}

static int copy_parameters(const struct cyc_cell_file *file, struct cyc_diags *diags,
                           struct cyc_cell_spec *spec, struct cyc_err *err)
{
    const struct cyc_cell_parameter *known = cyc_cell_parameters(spec->model);
    const char **names = names_of(known);
    if (names == NULL) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for the cell's parameters");
    }
    unsigned mistakes = 0;
    for (unsigned i = 0; i < file->parameter_count; i++) {
        const char *name = file->parameters[i].name;
        if (!is_known(known, name)) {
            struct cyc_diag *diag =
                cyc_diags_add(diags, CYC_SEVERITY_ERROR, file->parameters[i].pos,
                              "the model %s has no parameter '%s'", spec->model, name);
            const char *nearest = cyc_nearest(name, names);
            if (nearest != NULL) {
                diag->hint = cyc_diags_format(diags, "did you mean '%s'?", nearest);
            }
            mistakes++;
        } else if (spec->parameter_count < CYC_PARAMETERS_MAX) {
            spec->parameters[spec->parameter_count].name = name;
            spec->parameters[spec->parameter_count++].value = file->parameters[i].value;
        }
    }
    free(names);
    return mistakes == 0 ? CYC_OK
                         : cyc_err_set(err, CYC_E_INPUT, "the cell file has %u unknown parameter%s",
                                       mistakes, mistakes == 1 ? "" : "s");
}

static void set_if_stated(double *target, double value)
{
    if (!isnan(value)) {
        *target = value;
    }
}

/* What the file leaves out stays as the model has it. */
static void copy_values(const struct cyc_cell_file *file, struct cyc_cell_spec *spec)
{
    (void)cyc_copy(spec->name, sizeof spec->name, file->facts.name);
    set_if_stated(&spec->active_mass_g, file->facts.basis.active_mass_g);
    set_if_stated(&spec->capacity_Ah, file->capacity_Ah);
    set_if_stated(&spec->initial_soc, file->initial_soc);
    set_if_stated(&spec->temperature_degC, file->temperature_degC);
    set_if_stated(&spec->pressure_Pa, file->pressure_Pa);
    if (file->seed != 0) {
        spec->seed = file->seed;
    }
    if (file->ocv_count > 0) {
        spec->ocv_count = file->ocv_count;
        memcpy(spec->ocv_soc, file->ocv_soc, sizeof file->ocv_soc);
        memcpy(spec->ocv_V, file->ocv_V, sizeof file->ocv_V);
    }
    if (file->rc_count > 0) {
        spec->rc_count = file->rc_count;
        memcpy(spec->rc_ohm, file->rc_ohm, sizeof file->rc_ohm);
        memcpy(spec->rc_tau_s, file->rc_tau_s, sizeof file->rc_tau_s);
    }
}

int cyc_cell_spec_from_file(const struct cyc_cell_file *file, struct cyc_diags *diags,
                            struct cyc_cell_spec *spec, struct cyc_err *err)
{
    const int status = cyc_cell_spec_init(spec, file->model, err);
    if (status != CYC_OK) {
        return status;
    }
    copy_values(file, spec);
    return copy_parameters(file, diags, spec, err);
}
