/* The whole: clock, links, units and cells of one process, and the loop that serves them.
 *
 * One thread. In real time the loop sleeps in poll() until bytes come or something is due: a reply
 * on its way, a unit's own time, a fault. Cells are advanced when an instrument measures or changes
 * something, to `rate` times the time of the wire, and all of them once a second.
 *
 * The truth log is only worth as much as this loop is on time. It therefore wakes every 10 ms while
 * a log is kept, and says there when it should have woken over 20 ms earlier than it did.
 */
#include "base/clock.h"
#include "emulate/emulate_int.h"

#include "base/text.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HEARTBEAT_NS  (10 * CYC_MS_NS)
#define STALL_NS      (20 * CYC_MS_NS)
#define LONG_SLEEP_NS CYC_S_NS
#define READS_MAX     16 /* of one link in one round */

int64_t cyc_emulation_now_ns(const struct cyc_emulation *emulation)
{
    return emulation->options.virtual_time ? emulation->now_ns : cyc_boot_now_ns();
}

int64_t cyc_emulation_cell_ns(const struct cyc_emulation *emulation, int64_t wire_ns)
{
    return (int64_t)((double)(wire_ns - emulation->start_ns) * emulation->options.rate);
}

/* ---- Building -------------------------------------------------------------------------------- */

int cyc_emulation_new(const struct cyc_emulation_options *options, struct cyc_emulation **emulation,
                      struct cyc_err *err)
{
    struct cyc_emulation *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for an emulation");
    }
    made->options = *options;
    made->options.rate = options->rate > 0 ? options->rate : 1;
    made->start_ns = cyc_emulation_now_ns(made);
    const int status = cyc_truth_open(&made->truth, options->truth_path, err);
    if (status != CYC_OK) {
        free(made);
        return status;
    }
    char rate[CYC_NUMBER_SIZE];
    cyc_truth_line(&made->truth, made->start_ns, "emulator", "start rate %s seed %llu",
                   cyc_number_brief(rate, made->options.rate, 9),
                   (unsigned long long)options->seed);
    *emulation = made;
    return CYC_OK;
}

static void free_unit(struct cyc_unit *unit)
{
    free(unit->outputs);
    free(unit->state);
    free(unit);
}

void cyc_emulation_free(struct cyc_emulation *emulation)
{
    if (emulation == NULL) {
        return;
    }
    const int64_t now_ns = cyc_emulation_now_ns(emulation);
    for (unsigned i = 0; i < emulation->bench_count; i++) {
        cyc_bench_advance(emulation->benches[i], cyc_emulation_cell_ns(emulation, now_ns));
        cyc_emulation_log_charge(emulation, i);
        cyc_bench_free(emulation->benches[i]);
    }
    for (unsigned i = 0; i < emulation->unit_count; i++) {
        free_unit(emulation->units[i]);
    }
    for (unsigned i = 0; i < emulation->link_count; i++) {
        cyc_link_close(emulation->links[i]);
        free(emulation->links[i]);
    }
    cyc_truth_line(&emulation->truth, now_ns, "emulator", "end");
    cyc_truth_close(&emulation->truth);
    free(emulation);
}

int cyc_emulation_cell(struct cyc_emulation *emulation, const struct cyc_cell_spec *spec,
                       unsigned *index, struct cyc_err *err)
{
    if (emulation->bench_count == CYC_EMULATION_CELLS_MAX) {
        return cyc_err_set(err, CYC_E_BOUND, "more than %d cells", CYC_EMULATION_CELLS_MAX);
    }
    const int status = cyc_bench_new(spec, &emulation->benches[emulation->bench_count], err);
    if (status == CYC_OK) {
        *index = emulation->bench_count++;
    }
    return status;
}

int cyc_emulation_link(struct cyc_emulation *emulation, const char *where, unsigned *index,
                       struct cyc_err *err)
{
    if (emulation->link_count == CYC_EMULATION_LINKS_MAX) {
        return cyc_err_set(err, CYC_E_BOUND, "more than %d links", CYC_EMULATION_LINKS_MAX);
    }
    struct cyc_link *link = calloc(1, sizeof *link);
    if (link == NULL) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for a link");
    }
    const int status = cyc_link_open(link, where, err);
    if (status == CYC_OK && (link->kind == CYC_LINK_MEMORY) != emulation->options.virtual_time) {
        cyc_link_close(link);
        free(link);
        return cyc_err_set(err, CYC_E_INPUT,
                           "links in memory go with virtual time, others with real time");
    }
    if (status != CYC_OK) {
        cyc_link_close(link);
        free(link);
        return status;
    }
    link->index = emulation->link_count;
    link->peer = link->index;
    *index = link->index;
    emulation->links[emulation->link_count++] = link;
    return CYC_OK;
}

const char *cyc_emulation_where(struct cyc_emulation *emulation, unsigned index)
{
    struct cyc_link *link = emulation->links[index];
    (void)snprintf(link->shown, sizeof link->shown, "%s%s",
                   link->kind == CYC_LINK_TCP ? "tcp:127.0.0.1:" : "", link->where);
    return link->shown;
}

/* "keithley_2400", the second of them "keithley_2400#2". */
static void name_unit(const struct cyc_emulation *emulation, struct cyc_unit *unit)
{
    unsigned number = 1;
    for (unsigned i = 0; i < emulation->unit_count; i++) {
        number += emulation->units[i]->emulator == unit->emulator ? 1 : 0;
    }
    if (number == 1) {
        (void)snprintf(unit->name, sizeof unit->name, "%s", unit->emulator->name);
    } else {
        (void)snprintf(unit->name, sizeof unit->name, "%s#%u", unit->emulator->name, number);
    }
}

static int connect(struct cyc_emulation *emulation, struct cyc_unit *unit, const unsigned *cells,
                   unsigned cell_count, struct cyc_err *err)
{
    for (unsigned i = 0; i < unit->output_count; i++) {
        unit->outputs[i].source = (struct cyc_source){.compliance_V = NAN, .most_A = NAN};
        if (i < cell_count && cells[i] >= emulation->bench_count) {
            return cyc_err_set(err, CYC_E_INPUT, "%s: there is no cell %u", unit->name, cells[i]);
        }
        unit->outputs[i].bench = i < cell_count ? emulation->benches[cells[i]] : NULL;
    }
    return CYC_OK;
}

int cyc_emulation_unit(struct cyc_emulation *emulation, const struct cyc_emulator *emulator,
                       unsigned link, const char *options, const unsigned *cells,
                       unsigned cell_count, struct cyc_unit **unit, struct cyc_err *err)
{
    if (emulation->unit_count == CYC_EMULATION_UNITS_MAX || cell_count > emulator->output_count) {
        return cyc_err_set(err, CYC_E_BOUND, "%s: at most %d instruments, this one with %u cells",
                           emulator->name, CYC_EMULATION_UNITS_MAX, emulator->output_count);
    }
    struct cyc_unit *made = calloc(1, sizeof *made);
    if (made != NULL) {
        made->output_count = cell_count > 1 ? cell_count : 1;
        made->outputs = calloc(made->output_count, sizeof *made->outputs);
        made->state = calloc(1, emulator->state_size > 0 ? emulator->state_size : 1);
    }
    if (made == NULL || made->outputs == NULL || made->state == NULL) {
        if (made != NULL) {
            free_unit(made);
        }
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for an instrument");
    }
    made->emulator = emulator;
    made->emulation = emulation;
    made->link = emulation->links[link];
    made->index = emulation->unit_count;
    made->wake_ns = CYC_NEVER;
    name_unit(emulation, made);
    int status = connect(emulation, made, cells, cell_count, err);
    if (status == CYC_OK && emulator->init(made, options, err) != CYC_OK) {
        status = cyc_err_wrap(err, "%s", emulator->name);
    }
    if (status != CYC_OK) {
        free_unit(made);
        return status;
    }
    emulation->units[emulation->unit_count++] = made;
    cyc_unit_log(made, "link %s", cyc_emulation_where(emulation, link));
    if (unit != NULL) {
        *unit = made;
    }
    return CYC_OK;
}

struct cyc_cell *cyc_emulation_truth_cell(struct cyc_emulation *emulation, unsigned index)
{
    if (index >= emulation->bench_count) {
        return NULL;
    }
    cyc_bench_advance(emulation->benches[index],
                      cyc_emulation_cell_ns(emulation, cyc_emulation_now_ns(emulation)));
    return cyc_bench_cell(emulation->benches[index]);
}

/* ---- What happens ---------------------------------------------------------------------------- */

void cyc_emulation_heard(struct cyc_emulation *emulation, struct cyc_link *link,
                         const uint8_t *bytes, size_t size)
{
    for (unsigned i = 0; i < emulation->unit_count; i++) {
        struct cyc_unit *unit = emulation->units[i];
        if (unit->link->index == link->peer) {
            cyc_unit_hear(unit, bytes, size);
        }
    }
}

void cyc_emulation_run_due(struct cyc_emulation *emulation, int64_t now_ns)
{
    cyc_faults_run_due(emulation, now_ns);
    for (unsigned i = 0; i < emulation->unit_count; i++) {
        struct cyc_unit *unit = emulation->units[i];
        cyc_unit_run_due(unit, now_ns);
        if (unit->wake_ns <= now_ns) {
            unit->wake_ns = CYC_NEVER;
            if (unit->emulator->tick != NULL) {
                unit->emulator->tick(unit);
            }
        }
    }
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t cyc_emulation_due_ns(const struct cyc_emulation *emulation)
{
    int64_t due_ns = cyc_faults_due_ns(emulation);
    for (unsigned i = 0; i < emulation->unit_count; i++) {
        due_ns = earlier(due_ns, emulation->units[i]->wake_ns);
        due_ns = earlier(due_ns, cyc_unit_due_ns(emulation->units[i]));
    }
    return due_ns;
}

/* ---- In real time ---------------------------------------------------------------------------- */

#define POLLS_MAX (CYC_EMULATION_LINKS_MAX * (1 + CYC_LINK_CLIENTS_MAX))

struct round {
    struct pollfd polls[POLLS_MAX];
    unsigned first[CYC_EMULATION_LINKS_MAX]; /* of each link in polls */
    unsigned count[CYC_EMULATION_LINKS_MAX];
    unsigned poll_count;
};

/* What to wait for, and until when. */
static int64_t prepare(const struct cyc_emulation *emulation, struct round *round)
{
    int64_t until_ns = cyc_emulation_due_ns(emulation);
    bool alone = false;
    round->poll_count = 0;
    for (unsigned i = 0; i < emulation->link_count; i++) {
        struct cyc_link *link = emulation->links[i];
        round->first[i] = round->poll_count;
        round->count[i] = cyc_link_poll(link, round->polls + round->poll_count);
        round->poll_count += round->count[i];
        until_ns = earlier(until_ns, cyc_link_next_ns(link));
        alone = alone || (link->kind == CYC_LINK_PTY && !link->attached && !link->lost);
    }
    const int64_t sleep_ns = emulation->truth.fd >= 0 || alone ? HEARTBEAT_NS : LONG_SLEEP_NS;
    return earlier(until_ns, cyc_boot_now_ns() + sleep_ns);
}

static bool has_news(const struct cyc_link *link, const struct round *round)
{
    if (link->kind == CYC_LINK_PTY && !link->attached) {
        return true; /* somebody may have come */
    }
    for (unsigned i = 0; i < round->count[link->index]; i++) {
        if (round->polls[round->first[link->index] + i].revents != 0) {
            return true;
        }
    }
    return false;
}

static void note_attached(struct cyc_emulation *emulation, const struct cyc_link *link)
{
    for (unsigned i = 0; i < emulation->unit_count; i++) {
        struct cyc_unit *unit = emulation->units[i];
        if (unit->link->index != link->peer) {
            continue;
        }
        cyc_unit_log(unit, link->attached ? "attached" : "detached");
        if (link->attached && cyc_unit_fault(unit, CYC_FAULTY_DTR_RESET)) {
            cyc_unit_power_cycle(unit);
        }
    }
}

/* Every byte that came, as the first instrument of the link has it. */
static void note_wire(struct cyc_emulation *emulation, const struct cyc_link *link,
                      const uint8_t *bytes, size_t size)
{
    unsigned index = 0;
    while (index < emulation->unit_count && emulation->units[index]->link->index != link->peer) {
        index++;
    }
    if (!emulation->options.wire || index == emulation->unit_count) {
        return;
    }
    struct cyc_text text = {0};
    for (size_t i = 0; i < size; i++) {
        const bool plain = bytes[i] > 0x20 && bytes[i] < 0x7F && bytes[i] != '\\';
        cyc_text_format(&text, plain ? "%c" : "\\x%02x", bytes[i]);
    }
    cyc_unit_log(emulation->units[index], "wire %s", cyc_text_get(&text));
    cyc_text_release(&text);
}

static void serve_link(struct cyc_emulation *emulation, struct cyc_link *link)
{
    uint8_t bytes[1024];
    const bool was_attached = link->attached;
    size_t size = cyc_link_read(link, bytes, sizeof bytes);
    if (link->attached != was_attached) {
        note_attached(emulation, link);
    }
    for (unsigned i = 0; size > 0 && i < READS_MAX; i++) {
        note_wire(emulation, link, bytes, size);
        cyc_emulation_heard(emulation, link, bytes, size);
        size = cyc_link_read(link, bytes, sizeof bytes);
    }
}

/* Cells that nobody looks at for long would cost the one who does all their time at once. */
static void sweep(struct cyc_emulation *emulation, int64_t now_ns)
{
    if (now_ns < emulation->sweep_ns) {
        return;
    }
    for (unsigned i = 0; i < emulation->bench_count; i++) {
        cyc_bench_advance(emulation->benches[i], cyc_emulation_cell_ns(emulation, now_ns));
    }
    emulation->sweep_ns = now_ns + LONG_SLEEP_NS;
}

static void sleep_until(struct round *round, int64_t until_ns)
{
    const int64_t left_ns = until_ns - cyc_boot_now_ns();
    const struct timespec timeout = {.tv_sec = left_ns > 0 ? left_ns / CYC_S_NS : 0,
                                     .tv_nsec = left_ns > 0 ? left_ns % CYC_S_NS : 0};
    (void)ppoll(round->polls, round->poll_count, &timeout, NULL);
}

int cyc_emulation_serve(struct cyc_emulation *emulation, const volatile int *stop,
                        struct cyc_err *err)
{
    struct round *round = calloc(1, sizeof *round);
    if (round == NULL) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory to serve");
    }
    while (*stop == 0) {
        const int64_t until_ns = prepare(emulation, round);
        sleep_until(round, until_ns);
        const int64_t now_ns = cyc_boot_now_ns();
        if (now_ns - until_ns > STALL_NS) {
            cyc_truth_line(&emulation->truth, now_ns, "emulator", "stall %lld.%03lld",
                           (long long)((now_ns - until_ns) / CYC_S_NS),
                           (long long)((now_ns - until_ns) % CYC_S_NS / CYC_MS_NS));
        }
        cyc_emulation_run_due(emulation, now_ns);
        sweep(emulation, now_ns);
        for (unsigned i = 0; i < emulation->link_count; i++) {
            if (has_news(emulation->links[i], round)) {
                serve_link(emulation, emulation->links[i]);
            }
            cyc_link_write(emulation->links[i], cyc_boot_now_ns());
        }
    }
    free(round);
    return CYC_OK;
}

/* ---- In memory ------------------------------------------------------------------------------- */

void cyc_emulation_advance(struct cyc_emulation *emulation, int64_t now_ns)
{
    int64_t due_ns = cyc_emulation_due_ns(emulation);
    while (due_ns <= now_ns) {
        emulation->now_ns = due_ns > emulation->now_ns ? due_ns : emulation->now_ns;
        cyc_emulation_run_due(emulation, emulation->now_ns);
        due_ns = cyc_emulation_due_ns(emulation);
    }
    emulation->now_ns = now_ns > emulation->now_ns ? now_ns : emulation->now_ns;
}

void cyc_emulation_receive(struct cyc_emulation *emulation, unsigned link, int64_t now_ns,
                           const uint8_t *bytes, size_t size)
{
    cyc_emulation_advance(emulation, now_ns);
    if (!emulation->links[link]->lost) {
        cyc_emulation_heard(emulation, emulation->links[link], bytes, size);
    }
}

size_t cyc_emulation_deliver(struct cyc_emulation *emulation, unsigned link, int64_t now_ns,
                             uint8_t *bytes, size_t size)
{
    cyc_emulation_advance(emulation, now_ns);
    return cyc_link_take(emulation->links[link], now_ns, bytes, size);
}

int64_t cyc_emulation_next_ns(struct cyc_emulation *emulation, unsigned link)
{
    const int64_t due_ns = cyc_emulation_due_ns(emulation);
    return earlier(due_ns, cyc_link_next_ns(emulation->links[link]));
}

bool cyc_emulation_is_lost(const struct cyc_emulation *emulation, unsigned link)
{
    return emulation->links[link]->lost;
}
