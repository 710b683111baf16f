/* A journal that gives its memory back between two commits, because there are hundreds of them. */
#include "check/check.h"
#include "maker.h"
#include "store/store_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CYCLES 4

/* A live run that was made, left, and opened again, as a daemon has it. */
static struct cyc_run *open_live(void)
{
    struct cyc_run_identity identity = maker_identity();
    struct cyc_run *run = NULL;
    struct cyc_run_journal journal;
    struct cyc_run_tail tail;
    struct cyc_err err = {0};
    char folder[CYC_PATH_SIZE];
    identity.kind = "live";
    identity.sync = true;
    CU_ASSERT_EQUAL_FATAL(cyc_run_create(maker_folder(), &identity, &run, &err), CYC_OK);
    (void)cyc_copy(folder, sizeof folder, cyc_run_folder(run));
    cyc_run_leave(run);
    CU_ASSERT_EQUAL_FATAL(cyc_run_journal_read(folder, &journal, &err), CYC_OK);
    CU_ASSERT_EQUAL_FATAL(cyc_run_reopen(&journal, &run, &tail, &err), CYC_OK);
    cyc_run_journal_release(&journal);
    return run;
}

static int append_row(void *context, int count, char **values, char **names)
{
    struct cyc_text *text = context;
    for (int i = 0; i < count; i++) {
        const bool clock = strstr(names[i], "unix_ns") != NULL || strcmp(names[i], "id") == 0;
        cyc_text_format(text, "%s=%s ", names[i], clock || values[i] == NULL ? "-" : values[i]);
    }
    cyc_text_append(text, "\n");
    return 0;
}

/* All that the journal says, but for the time of day and the name of the run. */
static void dump(const char *folder, struct cyc_text *text)
{
    static const char *const tables[] = {"definition", "step", "step_value", "cycle",
                                         "event",      "gap",  "ending",     "mark"};
    sqlite3 *db = NULL;
    CU_ASSERT_EQUAL_FATAL(cyc_journal_open_read(folder, &db, NULL), CYC_OK);
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        char sql[64];
        (void)snprintf(sql, sizeof sql, "SELECT * FROM %s", tables[i]);
        CU_ASSERT_EQUAL(sqlite3_exec(db, sql, append_row, text, NULL), SQLITE_OK);
    }
    (void)sqlite3_close(db);
}

/* Four cycles, with a state that is given once and has to stay in each further mark. */
static void work(struct cyc_run *run, bool rests, struct cyc_text *while_running)
{
    static const struct cyc_run_state state = {
        .core = "executor 2\n", .host = "rate 1\n", .epoch = 7, .reading_number = 9};
    struct maker maker;
    struct cyc_err err = {0};
    maker_init(&maker, run);
    CU_ASSERT_EQUAL(cyc_run_state(run, &state, &err), CYC_OK);
    for (int i = 0; i < CYCLES; i++) {
        CU_ASSERT_EQUAL(maker_cycle(&maker, &err), CYC_OK);
        if (rests) { /* in the midst of a transaction: without effect */
            cyc_run_rest(run);
        }
        CU_ASSERT_EQUAL(cyc_run_event(run, maker.t_ns, "test", "note", "a cycle", &err), CYC_OK);
        CU_ASSERT_EQUAL(cyc_run_commit(run, &err), CYC_OK);
        if (rests) {
            cyc_run_rest(run);
        }
    }
    dump(cyc_run_folder(run), while_running);
    CYC_SAME(err.text, "");
}

static void what_a_journal_says_does_not_depend_on_its_rests(void)
{
    struct cyc_text running[2] = {{0}, {0}}, ended[2] = {{0}, {0}};
    struct cyc_err err = {0};
    for (int i = 0; i < 2; i++) {
        struct cyc_run *run = open_live();
        char folder[CYC_PATH_SIZE];
        (void)cyc_copy(folder, sizeof folder, cyc_run_folder(run));
        work(run, i == 1, &running[i]);
        CU_ASSERT_EQUAL(cyc_run_finish(run, "done", NULL, 0, &err), CYC_OK);
        dump(folder, &ended[i]);
        maker_remove();
    }
    CU_ASSERT_PTR_NOT_NULL(strstr(cyc_text_get(&running[0]), "executor 2"));
    CYC_SAME(cyc_text_get(&running[1]), cyc_text_get(&running[0]));
    CYC_SAME(cyc_text_get(&ended[1]), cyc_text_get(&ended[0]));
    CYC_SAME(err.text, "");
    for (int i = 0; i < 2; i++) {
        cyc_text_release(&running[i]);
        cyc_text_release(&ended[i]);
    }
}

static void a_run_left_at_rest_is_gone_on_with(void)
{
    struct cyc_text text = {0};
    struct cyc_run *run = open_live();
    struct cyc_run_journal journal;
    struct cyc_run_tail tail;
    struct cyc_err err = {0};
    char folder[CYC_PATH_SIZE];
    (void)cyc_copy(folder, sizeof folder, cyc_run_folder(run));
    work(run, true, &text);
    cyc_run_leave(run);
    CU_ASSERT_EQUAL_FATAL(cyc_run_journal_read(folder, &journal, &err), CYC_OK);
    CU_ASSERT_EQUAL(journal.finished_steps, 2 * CYCLES);
    CU_ASSERT_EQUAL(journal.row_count, 2 * CYCLES * 40);
    CYC_SAME(journal.state, "executor 2\n");
    CU_ASSERT_EQUAL(cyc_run_reopen(&journal, &run, &tail, &err), CYC_OK);
    CU_ASSERT_EQUAL(tail.rows, 0);
    CU_ASSERT_EQUAL(cyc_run_finish(run, "done", NULL, 0, &err), CYC_OK);
    CYC_SAME(err.text, "");
    cyc_run_journal_release(&journal);
    cyc_text_release(&text);
    maker_remove();
}

const struct cyc_check cyc_check_rest[] = {
    CYC_CHECK(what_a_journal_says_does_not_depend_on_its_rests),
    CYC_CHECK(a_run_left_at_rest_is_gone_on_with),
    {0},
};
