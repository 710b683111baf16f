#include "emulate/emulate.h"
#include "cli/cli.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern const struct cyc_emulator *const cyc_emulators_builtin[];

#define VERB       "emulate"
#define FAULTS_MAX 64
#define KINDS_MAX  64

static const char help_text[] =
    "usage: cyclostat emulate INSTRUMENT --cell CELL --pty LINK | --tcp PORT\n"
    "       cyclostat emulate --cell CELL INSTRUMENT[OPTIONS]=LINK …\n"
    "\n"
    "Pretends to be an instrument: speaks its wire protocol, in front of a simulated cell.\n"
    "LINK is a path, where a link to a pseudo-terminal is made, or tcp:PORT (0: a free one).\n"
    "Several instruments share the cells: cyclers drive one each, in the order they are\n"
    "given; chambers and presses act on all; sensors watch the first. OPTIONS is name=value,…;\n"
    "cell=N (from 0) names another cell for any of them. One link may be given to several\n"
    "instruments that have addresses.\n"
    "Prints `ready` and the links when they are open; ends with Ctrl-C.\n"
    "\n"
    "  --cell CELL     a cell file or a shipped cell; \"CELL,x16\" makes 16 of them, each a "
    "little\n"
    "                  different. More than once: more cells\n"
    "  --pty LINK      where the instrument appears, as a pseudo-terminal\n"
    "  --tcp PORT      … as a TCP port of this machine\n"
    "  --option LIST   options of the instrument (--list shows them)\n"
    "  --fault FAULT   a fault, WORD:name=value,… such as \"mute:p=0.01\" or\n"
    "                  \"contact:ohm=5,at=1h\"; may be given more than once\n"
    "  --rate N        the cell's time runs N times as fast; the wire stays real (1)\n"
    "  --seed N        of all faults and of cells made with xN (1)\n"
    "  --truth FILE    writes what really happened, and when; - is stdout\n"
    "  --wire          … and every byte that comes in\n"
    "  --list          the instruments, their options, and the faults\n";

struct station {
    const struct cyc_emulator *emulator;
    char options[256]; /* without cell= */
    char where[300];
    int cell; /* -1: in turn */
};

struct emulate {
    struct cyc_emulation_options options;
    const char *cells[CYC_EMULATION_UNITS_MAX];
    unsigned cell_words;
    const char *faults[FAULTS_MAX];
    unsigned fault_count;
    const char *pty, *tcp, *option;
    struct station stations[CYC_EMULATION_UNITS_MAX];
    unsigned station_count;
    struct cyc_emulation *emulation;
    unsigned cell_count;
};

static volatile int stop;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

static int list(void)
{
    for (unsigned i = 0; cyc_emulators_builtin[i] != NULL; i++) {
        const struct cyc_emulator *emulator = cyc_emulators_builtin[i];
        (void)printf("%-16s %s\n%-16s   options: %s\n", emulator->name, emulator->title, "",
                     emulator->options);
    }
    struct cyc_text text = {0};
    cyc_emulation_fault_help(&text);
    cyc_cli_put(stdout, &text);
    cyc_text_release(&text);
    return CYC_EXIT_OK;
}

/* ---- The command line -------------------------------------------------------------------------
 */

static const struct cyc_emulator *find(const char *name, size_t size)
{
    for (unsigned i = 0; cyc_emulators_builtin[i] != NULL; i++) {
        const char *known = cyc_emulators_builtin[i]->name;
        if (strlen(known) == size && strncmp(known, name, size) == 0) {
            return cyc_emulators_builtin[i];
        }
    }
    return NULL;
}

static int unknown_instrument(const char *word, size_t size)
{
    const char *names[KINDS_MAX] = {NULL};
    char name[64];
    for (unsigned i = 0; cyc_emulators_builtin[i] != NULL && i + 1 < KINDS_MAX; i++) {
        names[i] = cyc_emulators_builtin[i]->name;
    }
    (void)snprintf(name, sizeof name, "%.*s", (int)size, word);
    const char *nearest = cyc_nearest(name, names);
    return cyc_cli_usage(VERB, "there is no emulated instrument '%s'; %s%s%s", name,
                         nearest != NULL ? "did you mean '" : "--list shows what there is",
                         nearest != NULL ? nearest : "", nearest != NULL ? "'?" : "");
}

/* `cell=N` is ours; the rest goes to the emulator. */
static int take_options(struct station *station, const char *options, size_t size)
{
    char whole[256], word[16];
    double cell = -1;
    if (size >= sizeof whole) {
        return cyc_cli_usage(VERB, "the options '%.*s' are too long", (int)size, options);
    }
    memcpy(whole, options, size);
    whole[size] = '\0';
    station->cell = -1;
    if (cyc_unit_option(whole, "cell", word, sizeof word)) {
        size_t used = 0;
        if (!cyc_number_parse(word, strlen(word), &cell, &used) || cell < 0 || cell > 1e4) {
            return cyc_cli_usage(VERB, "cell=%s is no number of a cell", word);
        }
        station->cell = (int)cell;
    }
    station->options[0] = '\0';
    for (const char *at = whole; *at != '\0';) {
        const size_t span = strcspn(at, ",");
        if (strncmp(at, "cell=", 5) != 0) {
            const size_t length = strlen(station->options);
            (void)snprintf(station->options + length, sizeof station->options - length, "%s%.*s",
                           length > 0 ? "," : "", (int)span, at);
        }
        at += span + (at[span] == ',' ? 1 : 0);
    }
    return CYC_EXIT_OK;
}

/* INSTRUMENT[OPTIONS]=LINK, or INSTRUMENT with --pty or --tcp. */
static int take_station(struct emulate *emulate, const char *word)
{
    if (emulate->station_count == CYC_EMULATION_UNITS_MAX) {
        return cyc_cli_usage(VERB, "more than %d instruments", CYC_EMULATION_UNITS_MAX);
    }
    struct station *station = &emulate->stations[emulate->station_count++];
    const size_t name = strcspn(word, "[=");
    const char *options = "";
    size_t options_size = 0;
    station->emulator = find(word, name);
    if (station->emulator == NULL) {
        return unknown_instrument(word, name);
    }
    const char *rest = word + name;
    if (*rest == '[') {
        options = rest + 1;
        options_size = strcspn(options, "]");
        rest = options + options_size + (options[options_size] == ']' ? 1 : 0);
    }
    const bool alone = emulate->pty != NULL || emulate->tcp != NULL;
    if (alone == (*rest == '=') || (*rest != '\0' && *rest != '=')) {
        return cyc_cli_usage(VERB, "'%s': %s", word,
                             alone ? "with --pty or --tcp there is no '=LINK'"
                                   : "say where it appears: INSTRUMENT=LINK, --pty or --tcp");
    }
    const char *link = emulate->pty != NULL ? emulate->pty : alone ? emulate->tcp : rest + 1;
    const bool kind = strncmp(link, "tcp:", 4) == 0 || strncmp(link, "pty:", 4) == 0;
    (void)snprintf(station->where, sizeof station->where, "%s%s",
                   kind                   ? ""
                   : emulate->tcp != NULL ? "tcp:"
                                          : "pty:",
                   link);
    if (emulate->option != NULL) {
        options = emulate->option;
        options_size = strlen(options);
    }
    return take_options(station, options, options_size);
}

static int take_number(const char *option, const char *word, double *value)
{
    size_t used = 0;
    if (!cyc_number_parse(word, strlen(word), value, &used) || used != strlen(word) ||
        !(*value > 0)) {
        return cyc_cli_usage(VERB, "%s takes a number above 0, not '%s'", option, word);
    }
    return CYC_EXIT_OK;
}

enum option_id { CELL = 1000, PTY, TCP, OPTION, FAULT, RATE, SEED, TRUTH, WIRE, LIST };

static int take_option(struct emulate *emulate, int option)
{
    double number = 0;
    int exit_code = CYC_EXIT_OK;
    switch ((enum option_id)option) {
    case CELL:
        if (emulate->cell_words == CYC_EMULATION_UNITS_MAX) {
            return cyc_cli_usage(VERB, "--cell: use \"CELL,xN\" for many cells");
        }
        emulate->cells[emulate->cell_words++] = optarg;
        break;
    case PTY:
        emulate->pty = optarg;
        break;
    case TCP:
        emulate->tcp = optarg;
        break;
    case OPTION:
        emulate->option = optarg;
        break;
    case FAULT:
        if (emulate->fault_count == FAULTS_MAX) {
            return cyc_cli_usage(VERB, "more than %d faults", FAULTS_MAX);
        }
        emulate->faults[emulate->fault_count++] = optarg;
        break;
    case RATE:
        exit_code = take_number("--rate", optarg, &emulate->options.rate);
        break;
    case SEED:
        exit_code = take_number("--seed", optarg, &number);
        emulate->options.seed = (uint64_t)number;
        break;
    case TRUTH:
        emulate->options.truth_path = optarg;
        break;
    case WIRE:
        emulate->options.wire = true;
        break;
    case LIST:
        exit_code = list();
        exit(exit_code);
    }
    return exit_code;
}

static int read_options(int argc, char **argv, struct emulate *emulate)
{
    static const struct option options[] = {{"cell", required_argument, NULL, CELL},
                                            {"pty", required_argument, NULL, PTY},
                                            {"tcp", required_argument, NULL, TCP},
                                            {"option", required_argument, NULL, OPTION},
                                            {"fault", required_argument, NULL, FAULT},
                                            {"rate", required_argument, NULL, RATE},
                                            {"seed", required_argument, NULL, SEED},
                                            {"truth", required_argument, NULL, TRUTH},
                                            {"wire", no_argument, NULL, WIRE},
                                            {"list", no_argument, NULL, LIST},
                                            {"help", no_argument, NULL, CYC_OPTION_HELP},
                                            {NULL, 0, NULL, 0}};
    int exit_code = -1;
    for (int option = cyc_cli_option(argc, argv, options, help_text, &exit_code); option >= 0;
         option = cyc_cli_option(argc, argv, options, help_text, &exit_code)) {
        const int taken = take_option(emulate, option);
        if (taken != CYC_EXIT_OK) {
            return taken;
        }
    }
    if (exit_code >= 0) {
        return exit_code;
    }
    for (int i = optind; i < argc; i++) {
        const int taken = take_station(emulate, argv[i]);
        if (taken != CYC_EXIT_OK) {
            return taken;
        }
    }
    if (emulate->station_count == 0 || emulate->cell_words == 0) {
        return cyc_cli_usage(VERB, "say which instrument, and which --cell is connected to it");
    }
    return -1;
}

/* ---- Building ---------------------------------------------------------------------------------
 */

/* "CELL" or "CELL,xN". */
static int add_cells(struct emulate *emulate, const char *word, struct cyc_err *err)
{
    char name[CYC_PATH_SIZE], path[CYC_PATH_SIZE];
    double count = 1;
    size_t used = 0;
    (void)cyc_copy(name, sizeof name, word);
    char *times = strstr(name, ",x");
    if (times != NULL && cyc_number_parse(times + 2, strlen(times + 2), &count, &used)) {
        *times = '\0';
    }
    struct cyc_cell_file *file = calloc(1, sizeof *file);
    struct cyc_cell_spec *spec = calloc(1, sizeof *spec);
    struct cyc_diags diags;
    cyc_diags_init(&diags);
    int status = file == NULL || spec == NULL
                     ? cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for a cell")
                     : cyc_cli_cell_path(name, path, sizeof path, err);
    if (status == CYC_OK) {
        status = cyc_cell_file_load(path, &diags, file, err);
    }
    if (status == CYC_OK) {
        status = cyc_cell_spec_from_file(file, &diags, spec, err);
    }
    for (unsigned i = 0; status == CYC_OK && i < (unsigned)count; i++) {
        unsigned index = 0;
        spec->seed = count > 1 ? emulate->options.seed + emulate->cell_count : spec->seed;
        status = cyc_emulation_cell(emulate->emulation, spec, &index, err);
        emulate->cell_count += status == CYC_OK ? 1 : 0;
    }
    cyc_cli_print_diags(&diags);
    cyc_diags_release(&diags);
    free(spec);
    free(file);
    return status;
}

/* Several instruments may share a link; it is opened by the first. */
static int link_of(struct emulate *emulate, unsigned station, unsigned *links, struct cyc_err *err)
{
    for (unsigned i = 0; i < station; i++) {
        if (strcmp(emulate->stations[i].where, emulate->stations[station].where) == 0 &&
            strcmp(emulate->stations[i].where, "tcp:0") != 0) {
            links[station] = links[i];
            return CYC_OK;
        }
    }
    return cyc_emulation_link(emulate->emulation, emulate->stations[station].where, &links[station],
                              err);
}

/* The cells at a station: the one it names, all, or the next in turn of its kind. */
static unsigned cells_of(const struct emulate *emulate, unsigned station, unsigned *cells)
{
    const struct station *at = &emulate->stations[station];
    if (at->cell >= 0) {
        cells[0] = (unsigned)at->cell;
        return 1;
    }
    if (at->emulator->output_count > 1) {
        const unsigned count = at->emulator->output_count < emulate->cell_count
                                   ? at->emulator->output_count
                                   : emulate->cell_count;
        for (unsigned i = 0; i < count; i++) {
            cells[i] = i;
        }
        return count;
    }
    unsigned turn = 0;
    for (unsigned i = 0; i < station; i++) {
        turn += emulate->stations[i].emulator == at->emulator ? 1 : 0;
    }
    cells[0] = turn % emulate->cell_count;
    return 1;
}

static int build(struct emulate *emulate, unsigned *links, struct cyc_err *err)
{
    unsigned cells[CYC_EMULATION_CELLS_MAX];
    int status = cyc_emulation_new(&emulate->options, &emulate->emulation, err);
    for (unsigned i = 0; status == CYC_OK && i < emulate->cell_words; i++) {
        status = add_cells(emulate, emulate->cells[i], err);
    }
    for (unsigned i = 0; status == CYC_OK && i < emulate->station_count; i++) {
        const unsigned count = cells_of(emulate, i, cells);
        status = link_of(emulate, i, links, err);
        if (status == CYC_OK) {
            status = cyc_emulation_unit(emulate->emulation, emulate->stations[i].emulator, links[i],
                                        emulate->stations[i].options, cells, count, NULL, err);
        }
    }
    for (unsigned i = 0; status == CYC_OK && i < emulate->fault_count; i++) {
        status = cyc_emulation_fault(emulate->emulation, emulate->faults[i], err);
    }
    return status;
}

static void print_ready(const struct emulate *emulate, const unsigned *links)
{
    (void)fputs("ready", stdout);
    for (unsigned i = 0; i < emulate->station_count; i++) {
        (void)printf(" %s=%s", emulate->stations[i].emulator->name,
                     cyc_emulation_where(emulate->emulation, links[i]));
    }
    (void)fputs("\n", stdout);
    (void)fflush(stdout);
}

static int serve(struct emulate *emulate)
{
    struct cyc_err err = {0};
    unsigned links[CYC_EMULATION_UNITS_MAX] = {0};
    struct sigaction action = {.sa_handler = on_signal};
    /* Before the links are made: a signal in between must not leave one behind. */
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGHUP, &action, NULL);
    int status = build(emulate, links, &err);
    if (status == CYC_OK) {
        print_ready(emulate, links);
        status = cyc_emulation_serve(emulate->emulation, &stop, &err);
    }
    cyc_emulation_free(emulate->emulation);
    return status == CYC_OK ? CYC_EXIT_OK : cyc_cli_error(&err);
}

int cyc_cli_emulate(int argc, char **argv)
{
    struct emulate *emulate = calloc(1, sizeof *emulate);
    if (emulate == NULL) {
        (void)fputs("cyclostat: out of memory\n", stderr);
        return CYC_EXIT_HOST;
    }
    emulate->options = (struct cyc_emulation_options){.rate = 1, .seed = 1};
    int exit_code = read_options(argc, argv, emulate);
    if (exit_code < 0) {
        exit_code = serve(emulate);
    }
    free(emulate);
    return exit_code;
}
