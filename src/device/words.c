#include "device/driver.h"

static const struct {
    const char *name;
    enum cyc_kind kind;
} measurands[CYC_MEASURAND_COUNT] = {
    [CYC_MEASURAND_VOLTAGE] = {"voltage", CYC_KIND_VOLTAGE},
    [CYC_MEASURAND_CURRENT] = {"current", CYC_KIND_CURRENT},
    [CYC_MEASURAND_TEMPERATURE] = {"temperature", CYC_KIND_TEMPERATURE},
    [CYC_MEASURAND_TEMPERATURE_SET] = {"temperature_set", CYC_KIND_TEMPERATURE},
    [CYC_MEASURAND_PRESSURE] = {"pressure", CYC_KIND_PRESSURE},
    [CYC_MEASURAND_PRESSURE_SET] = {"pressure_set", CYC_KIND_PRESSURE},
    [CYC_MEASURAND_FORCE] = {"force", CYC_KIND_FORCE},
    [CYC_MEASURAND_CHARGE] = {"charge", CYC_KIND_CAPACITY},
    [CYC_MEASURAND_ENERGY] = {"energy", CYC_KIND_ENERGY},
};

const char *cyc_measurand_name(enum cyc_measurand measurand)
{
    return (unsigned)measurand < CYC_MEASURAND_COUNT ? measurands[measurand].name : "?";
}

enum cyc_kind cyc_measurand_kind(enum cyc_measurand measurand)
{
    return (unsigned)measurand < CYC_MEASURAND_COUNT ? measurands[measurand].kind : CYC_KIND_NUMBER;
}
