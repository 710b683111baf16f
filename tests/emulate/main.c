#include "check/check.h"

extern const struct cyc_check cyc_check_keithley[];
extern const struct cyc_check cyc_check_others[];
extern const struct cyc_check cyc_check_ebc[];
extern const struct cyc_check cyc_check_messages[];
extern const struct cyc_check cyc_check_readings[];
extern const struct cyc_check cyc_check_wires[];
extern const struct cyc_check cyc_check_links[];

int main(int argc, char **argv)
{
    const struct cyc_check_suite suites[] = {{"Keithley 2400", cyc_check_keithley},
                                             {"chamber, force, pressure", cyc_check_others},
                                             {"EBC", cyc_check_ebc},
                                             {"faults of messages", cyc_check_messages},
                                             {"faults of readings", cyc_check_readings},
                                             {"faults of wires and cells", cyc_check_wires},
                                             {"links and log", cyc_check_links},
                                             {0}};
    return cyc_check_main(argc, argv, suites);
}
