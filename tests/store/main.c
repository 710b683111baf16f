#include "check/check.h"

extern const struct cyc_check cyc_check_run[], cyc_check_data[], cyc_check_step_text[],
    cyc_check_bdf[], cyc_check_sidecar[], cyc_check_find[], cyc_check_together[], cyc_check_kill[],
    cyc_check_errors[], cyc_check_faults[], cyc_check_writer_faults[], cyc_check_reboot[],
    cyc_check_torn[], cyc_check_rest[];

int main(int argc, char **argv)
{
    const struct cyc_check_suite suites[] = {
        {"run", cyc_check_run},
        {"data", cyc_check_data},
        {"step text", cyc_check_step_text},
        {"battery data format", cyc_check_bdf},
        {"sidecar", cyc_check_sidecar},
        {"find", cyc_check_find},
        {"together", cyc_check_together},
        {"kill", cyc_check_kill},
        {"errors", cyc_check_errors},
        {"faults", cyc_check_faults},
        {"writer faults", cyc_check_writer_faults},
        {"reboot", cyc_check_reboot},
        {"torn", cyc_check_torn},
        {"rest", cyc_check_rest},
        {NULL, NULL},
    };
    return cyc_check_main(argc, argv, suites);
}
