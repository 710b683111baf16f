/* Replay in the process of a protocol: the journal of a run that was cut short leads to the step
 * that was interrupted, and to no other. */
#include "child.h"

#include "store/store.h"

#include <string.h>

#define REPLAY_HEAD                                                                                \
    "cyclostat: 1\nname: test\ncell: {one_c: 2.5 A, nominal_capacity: 2.5 Ah}\n"                   \
    "limits: {voltage: [1.5 V, 5 V], current: 40 A}\nmethod:\n"
#define DOWN "{discharge: 1 C, cutoff: 3.2 V, id: down}\n"
#define UP   "{charge: 1 C, hold: 4.1 V, cutoff: 0.1 C, id: up}\n"
#define ROUND                                                                                      \
    REPLAY_HEAD "  - cycles: 3\n    steps:\n      - " DOWN "      - " UP                           \
                "  - {charge: 1 C, cutoff: '= cycles[1].discharge_capacity / 10', id: top}\n"

/* A run that is being written, as far as its writer came before it died. */
struct journal {
    struct lab lab;
    char path[96];
    struct cyc_protocol *protocol;
    struct cyc_source *source;
    struct cyc_run *run;
    uint32_t steps;
};

/* So many finished steps; cycles up to the last one stand in the journal, that one only on demand.
 * `begun`: the next step is begun so often. */
static void make_journal(struct journal *journal, uint32_t finished, unsigned begun,
                         uint32_t cycles)
{
    struct cyc_err err = {0};
    struct cyc_result result;
    const struct cyc_result *known = NULL;
    struct cyc_item item = {0};
    memset(journal, 0, sizeof *journal);
    lab_init(&journal->lab, 0);
    child_write(journal->path, &journal->lab, "protocol.yaml", ROUND);
    journal->protocol = child_load(journal->path);
    CU_ASSERT_PTR_NOT_NULL_FATAL(journal->protocol);
    const struct cyc_run_identity identity = {.cell = "test",
                                              .protocol_name = "test",
                                              .protocol_source = "",
                                              .kind = "live",
                                              .command = "",
                                              .settings_json = "{}",
                                              .cell_json = "{}",
                                              .one_c_from = "one_c",
                                              .voltage_decimals = 4,
                                              .current_decimals = 6,
                                              .capacity_decimals = 6};
    CU_ASSERT_EQUAL_FATAL(cyc_source_open(journal->protocol, &journal->source, &err), CYC_OK);
    CU_ASSERT_EQUAL_FATAL(cyc_run_create(journal->lab.folder, &identity, &journal->run, &err),
                          CYC_OK);
    uint32_t count = 0;
    uint32_t seen = 0;
    while (count < finished + (begun > 0 ? 1 : 0) || seen < cycles) {
        CU_ASSERT_EQUAL_FATAL(cyc_source_next(journal->source, known, &item, &err), CYC_OK);
        known = NULL;
        if (item.kind == CYC_ITEM_CYCLE && item.cycle.number <= cycles) {
            CU_ASSERT_EQUAL(cyc_run_cycle(journal->run, &item.cycle, &err), CYC_OK);
            seen = item.cycle.number;
        }
        if (item.kind == CYC_ITEM_END) {
            break;
        }
        if (item.kind != CYC_ITEM_STEP) {
            continue;
        }
        const unsigned times = ++count > finished ? begun : 1;
        for (unsigned i = 0; i < times; i++) {
            CU_ASSERT_EQUAL(cyc_run_step_begin(journal->run, item.step, count + i,
                                               (int64_t)(count + i) * 3600 * CYC_S_NS, &err),
                            CYC_OK);
        }
        if (count <= finished) {
            child_invent(item.step, count, &result);
            CU_ASSERT_EQUAL(cyc_run_step_end(journal->run, item.step, &result, &err), CYC_OK);
            known = &result;
        }
    }
    CU_ASSERT_EQUAL(cyc_run_commit(journal->run, &err), CYC_OK);
}

static void release_journal(struct journal *journal)
{
    (void)cyc_run_finish(journal->run, "stopped", "", 0, NULL);
    cyc_source_close(journal->source);
    cyc_protocol_free(journal->protocol);
    lab_release(&journal->lab);
}

static struct cyc_source_process *replay(const struct journal *journal,
                                         struct cyc_source_answer *answer)
{
    struct cyc_err err = {0};
    struct cyc_source_process *const process =
        child_start(journal->path, cyc_run_folder(journal->run));
    CU_ASSERT_EQUAL(child_ask(process, NULL, answer, &err), CYC_OK);
    CU_ASSERT_EQUAL(answer->status, CYC_OK);
    CYC_SAME(answer->text, "");
    return process;
}

static struct cyc_source_answer replayed;

static void replay_leads_to_the_interrupted_step(void)
{
    for (unsigned begun = 1; begun <= 2; begun++) { /* twice: it was interrupted and begun again */
        struct journal journal;
        make_journal(&journal, 4, begun, 2);
        struct cyc_source_process *const process = replay(&journal, &replayed);
        CU_ASSERT_EQUAL(replayed.kind, CYC_ITEM_STEP);
        CYC_SAME(replayed.step.name, "down");
        CU_ASSERT_EQUAL(replayed.step.cycle_number, 3);
        CU_ASSERT_EQUAL(replayed.cycle_count, 3);
        cyc_source_process_end(process);
        release_journal(&journal);
    }
}

static void replay_gives_results_back_exactly(void)
{
    struct journal journal;
    struct cyc_err err = {0};
    struct cyc_result result;
    make_journal(&journal, 5, 1, 2);
    struct cyc_source_process *const process = replay(&journal, &replayed);
    CYC_SAME(replayed.step.name, "up");
    child_invent(&replayed.step, 6, &result);
    CU_ASSERT_EQUAL(child_ask(process, &result, &replayed, &err), CYC_OK);
    CU_ASSERT_EQUAL(replayed.kind, CYC_ITEM_CYCLE);
    CU_ASSERT_EQUAL(replayed.cycle_item.number, 3);
    CU_ASSERT_EQUAL(child_ask(process, NULL, &replayed, &err), CYC_OK);
    CYC_SAME(replayed.step.name, "top"); /* whose end was computed from the first cycle */
    const struct cyc_op *const op = &replayed.step.ops[replayed.step.cutoffs[0].when.first + 1];
    CU_ASSERT_EQUAL(op->code, CYC_OP_CONST);
    CU_ASSERT(op->value == 1e-3 * (1.0 + 0.01 * 1.0) / 10.0);
    cyc_source_process_end(process);
    release_journal(&journal);
}

static void a_cycle_that_stands_in_the_journal_is_not_given_again(void)
{
    for (uint32_t known = 1; known <= 2; known++) {
        struct journal journal;
        make_journal(&journal, 4, 0, known);
        struct cyc_source_process *const process = replay(&journal, &replayed);
        CU_ASSERT_EQUAL(replayed.kind, known == 1 ? CYC_ITEM_CYCLE : CYC_ITEM_STEP);
        if (known == 1) {
            CU_ASSERT_EQUAL(replayed.cycle_item.number, 2);
        } else {
            CU_ASSERT_EQUAL(replayed.step.cycle_number, 3);
        }
        cyc_source_process_end(process);
        release_journal(&journal);
    }
}

static void replay_of_an_empty_journal_begins_at_the_beginning(void)
{
    struct journal journal;
    make_journal(&journal, 0, 0, 0);
    struct cyc_source_process *const process = replay(&journal, &replayed);
    CU_ASSERT_EQUAL(replayed.kind, CYC_ITEM_STEP);
    CU_ASSERT_EQUAL(replayed.step.cycle_number, 1);
    cyc_source_process_end(process);
    release_journal(&journal);
}

static void replay_of_all_steps_leads_to_the_end(void)
{
    struct journal journal;
    make_journal(&journal, 7, 0, 3);
    struct cyc_source_process *const process = replay(&journal, &replayed);
    CU_ASSERT_EQUAL(replayed.kind, CYC_ITEM_END);
    CU_ASSERT_EQUAL(replayed.finish, CYC_FINISH_DONE);
    cyc_source_process_end(process);
    release_journal(&journal);
}

static void another_protocol_is_told_from_the_journals(void)
{
    static const struct {
        const char *text, *words;
    } others[] = {
        {REPLAY_HEAD "  - " DOWN, "step 1 is not the one"},
        {REPLAY_HEAD "  - cycles: 3\n    steps:\n"
                     "      - {discharge: 0.9 C, cutoff: 3.2 V, id: down}\n      - " UP,
         "step 1 is not the one"},
        {REPLAY_HEAD "  - cycles: 3\n    steps:\n      - " DOWN
                     "      - {charge: 1 C, hold: 4.11 V, cutoff: 0.1 C, id: up}\n",
         "the journal has …,\"hold_V\":4.1,"},
        {REPLAY_HEAD "  - cycles: 3\n    steps:\n      - " DOWN
                     "      - {charge: 1 C, hold: 4.11 V, cutoff: 0.1 C, id: up}\n",
         "the protocol gives …,\"hold_V\":4.11,"},
        {REPLAY_HEAD "  - cycles: 1\n    steps:\n      - " DOWN "      - " UP,
         "ends after 2 steps"},
        {REPLAY_HEAD "  - cycles: 2\n    steps:\n      - " DOWN "      - " UP,
         "ends after 4 steps"},
    };
    struct journal journal;
    char path[96];
    struct cyc_err err = {0};
    make_journal(&journal, 4, 1, 2);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        child_write(path, &journal.lab, "other.yaml", others[i].text);
        struct cyc_source_process *const process = child_start(path, cyc_run_folder(journal.run));
        CU_ASSERT_EQUAL(child_ask(process, NULL, &replayed, &err), CYC_OK);
        CU_ASSERT_EQUAL(replayed.status, CYC_E_JOURNAL);
        if (strstr(replayed.text, others[i].words) == NULL) {
            CYC_SAME(replayed.text, others[i].words);
        }
        cyc_source_process_end(process);
    }
    release_journal(&journal);
}

const struct cyc_check cyc_check_source_replay[] = {
    CYC_CHECK(replay_leads_to_the_interrupted_step),
    CYC_CHECK(replay_gives_results_back_exactly),
    CYC_CHECK(a_cycle_that_stands_in_the_journal_is_not_given_again),
    CYC_CHECK(replay_of_an_empty_journal_begins_at_the_beginning),
    CYC_CHECK(replay_of_all_steps_leads_to_the_end),
    CYC_CHECK(another_protocol_is_told_from_the_journals),
    {0}};
