#include "check/check.h"

#include <stddef.h>

extern const struct cyc_check cyc_check_bus[], cyc_check_frame[], cyc_check_bus_record[],
    cyc_check_bus_fd[], cyc_check_bad_wire[], cyc_check_bus_emulator[], cyc_check_bus_serial[];
extern const struct cyc_check cyc_check_message[], cyc_check_rig[], cyc_check_latch[],
    cyc_check_port[];
extern const struct cyc_check cyc_check_driver_check[], cyc_check_driver_scpi[],
    cyc_check_driver_lua[];

int main(int argc, char **argv)
{
    static const struct cyc_check_suite suites[] = {
        {"bus", cyc_check_bus},
        {"frame", cyc_check_frame},
        {"descriptors", cyc_check_bus_fd},
        {"serial ports", cyc_check_bus_serial},
        {"exchange files", cyc_check_bus_record},
        {"bad wire", cyc_check_bad_wire},
        {"emulator on a pseudo-terminal", cyc_check_bus_emulator},
        {"message", cyc_check_message},
        {"rig", cyc_check_rig},
        {"latch and state folder", cyc_check_latch},
        {"port", cyc_check_port},
        {"driver check", cyc_check_driver_check},
        {"SCPI", cyc_check_driver_scpi},
        {"Lua drivers", cyc_check_driver_lua},
        {NULL, NULL},
    };
    return cyc_check_main(argc, argv, suites);
}
