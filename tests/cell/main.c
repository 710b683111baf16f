#include "check/check.h"

extern const struct cyc_check cyc_check_analytic[];
extern const struct cyc_check cyc_check_steps[];
extern const struct cyc_check cyc_check_time[];
extern const struct cyc_check cyc_check_spec[];
extern const struct cyc_check cyc_check_lmro[];
extern const struct cyc_check cyc_check_random[];
extern const struct cyc_check cyc_check_fault[];

int main(int argc, char **argv)
{
    const struct cyc_check_suite suites[] = {{"closed solutions", cyc_check_analytic},
                                             {"steps", cyc_check_steps},
                                             {"time and watches", cyc_check_time},
                                             {"specs", cyc_check_spec},
                                             {"N-LMRO", cyc_check_lmro},
                                             {"random schedules", cyc_check_random},
                                             {"faults", cyc_check_fault},
                                             {0}};
    return cyc_check_main(argc, argv, suites);
}
