#include "cli/cli.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 32

int cyc_cli_usage(const char *verb, const char *format, ...)
{
    struct cyc_err message = {0};
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message.text, sizeof message.text, format, arguments);
    va_end(arguments);
    (void)fprintf(stderr, "cyclostat %s: %s\n(cyclostat %s --help shows what it takes)\n", verb,
                  message.text, verb);
    return CYC_EXIT_USAGE;
}

static int unknown_option(const char *verb, const char *word, const struct option *options)
{
    const char *names[NAMES_MAX] = {NULL};
    char name[64] = "";
    for (size_t i = 0; options[i].name != NULL && i + 1 < NAMES_MAX; i++) {
        names[i] = options[i].name;
    }
    (void)cyc_copy(name, sizeof name, word + strspn(word, "-"));
    name[strcspn(name, "=")] = '\0';
    const char *nearest = cyc_nearest(name, names);
    if (nearest != NULL) {
        return cyc_cli_usage(verb, "unknown option '%s'; did you mean '--%s'?", word, nearest);
    }
    return cyc_cli_usage(verb, "unknown option '%s'", word);
}

/* The name of the option with this value, for messages; "?" if there is none. */
static const char *option_name(const struct option *options, int value)
{
    for (; options->name != NULL; options++) {
        if (options->val == value) {
            return options->name;
        }
    }
    return "?";
}

int cyc_cli_option(int argc, char **argv, const struct option *options, const char *help,
                   int *exit_code)
{
    opterr = 0;
    *exit_code = -1;
    /* ':' first: a missing value is told apart from an unknown option */
    const int option = getopt_long(argc, argv, ":h", options, NULL);
    if (option == CYC_OPTION_HELP) {
        (void)fputs(help, stdout);
        *exit_code = CYC_EXIT_OK;
        return -1;
    }
    if (option == ':') {
        *exit_code = cyc_cli_usage(argv[0], "--%s needs a value", option_name(options, optopt));
        return -1;
    }
    if (option == '?') {
        const char *word = optind > 0 ? argv[optind - 1] : "";
        if (optopt != 0 && strchr(word, '=') != NULL) {
            *exit_code =
                cyc_cli_usage(argv[0], "--%s takes no value", option_name(options, optopt));
        } else {
            *exit_code = unknown_option(argv[0], word, options);
        }
        return -1;
    }
    return option;
}

int cyc_cli_error(const struct cyc_err *err)
{
    (void)fprintf(stderr, "cyclostat: %s\n",
                  err->text[0] != '\0' ? err->text : cyc_status_text(err->status));
    switch (err->status) {
    case CYC_E_INPUT:
    case CYC_E_SYNTAX:
    case CYC_E_KIND:
    case CYC_E_UNSUPPORTED:
    case CYC_E_SCRIPT:
    case CYC_E_BUDGET:
        return CYC_EXIT_MISTAKE;
    case CYC_E_UNKNOWN_NAME: /* of a cell, on the command line */
        return CYC_EXIT_USAGE;
    case CYC_E_INTERRUPTED:
        return CYC_EXIT_INTERRUPTED;
    default:
        return CYC_EXIT_HOST;
    }
}

int cyc_cli_time(const char *verb, const char *option, const char *word, int64_t *t_ns)
{
    struct cyc_quantity quantity = {0};
    struct cyc_err err = {0};
    if (cyc_quantity_parse(word, strlen(word), &quantity, &err) != CYC_OK) {
        return cyc_cli_usage(verb, "%s: %s", option, err.text);
    }
    if (quantity.kind != CYC_KIND_TIME) {
        return cyc_cli_usage(verb, "%s takes a time such as '1 s', '10 ms' or '3 d', not '%s'",
                             option, word);
    }
    if (!(quantity.value > 0.0) || quantity.value > 1e9 || quantity.value < 1e-6) {
        return cyc_cli_usage(verb, "%s takes a time from 1 us to 30 years, not '%s'", option, word);
    }
    *t_ns = (int64_t)(quantity.value * 1e9 + 0.5);
    return CYC_EXIT_OK;
}

const char *cyc_cli_runs_dir(const char *word)
{
    if (word != NULL) {
        return word;
    }
    const char *environment = getenv("CYCLOSTAT_RUNS");
    return environment != NULL && environment[0] != '\0' ? environment : "runs";
}

void cyc_cli_command(int argc, char **argv, struct cyc_text *command)
{
    cyc_text_append(command, "cyclostat");
    for (int i = 0; i < argc; i++) {
        const bool quote = strpbrk(argv[i], " \t'\"$") != NULL || argv[i][0] == '\0';
        cyc_text_format(command, quote ? " '%s'" : " %s", argv[i]);
    }
}
