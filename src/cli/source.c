#include "cli/cli.h"

#include "run/source_process.h"

/* Not for people: `cyclostat run` starts it for each protocol, with a socket as descriptor 3. */
int cyc_cli_source(int argc, char **argv)
{
    if (argc != 1) {
        return cyc_cli_usage(argv[0], "it takes no arguments");
    }
    const int code = cyc_source_serve(3);
    return code == 0 ? CYC_EXIT_OK
                     : cyc_cli_usage(argv[0], "it is started by the daemon, not by hand");
}
