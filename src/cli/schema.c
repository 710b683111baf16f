#include "cli/cli.h"

static const char help[] =
    "cyclostat schema\n\n"
    "Prints the JSON Schema (draft-07) of protocols in YAML, made from the same table as the\n"
    "parser. Editors complete and check with it when the first line of a protocol is\n"
    "  # yaml-language-server: $schema=cyclostat.schema.json\n"
    "and the schema was saved with\n"
    "  cyclostat schema > cyclostat.schema.json\n";

static const struct option options[] = {
    {"help", no_argument, NULL, CYC_OPTION_HELP}, {"json", no_argument, NULL, 'j'}, {0}};

int cyc_cli_schema(int argc, char **argv)
{
    int exit_code = 0;
    while (cyc_cli_option(argc, argv, options, help, &exit_code) >= 0) {
        /* --json: the schema is JSON already */
    }
    if (exit_code >= 0) {
        return exit_code;
    }
    if (optind < argc) {
        return cyc_cli_usage(argv[0], "takes no argument, but got '%s'", argv[optind]);
    }
    struct cyc_text text = {0};
    cyc_protocol_schema(&text);
    cyc_cli_put(stdout, &text);
    cyc_text_release(&text);
    return CYC_EXIT_OK;
}
