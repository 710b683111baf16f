/* Errands are done in order by another thread, and nobody waits for them who does not want to. */
#include "base/errands.h"
#include "check/check.h"

#include <errno.h>
#include <semaphore.h>

struct order {
    sem_t *gate; /* NULL: none */
    unsigned *list;
    _Atomic unsigned *count;
    unsigned number;
};

static int put(void *context, struct cyc_err *err)
{
    const struct order *const order = context;
    while (order->gate != NULL && sem_wait(order->gate) != 0 && errno == EINTR) {
    }
    order->list[(*order->count)++] = order->number;
    return order->number % 100 == 99 ? cyc_err_set(err, CYC_E_FILE, "errand %u", order->number)
                                     : CYC_OK;
}

static void errands_are_done_in_order(void)
{
    struct cyc_errands *errands = NULL;
    unsigned list[500];
    _Atomic unsigned count = 0;
    CU_ASSERT_EQUAL_FATAL(cyc_errands_open(&errands, NULL), CYC_OK);
    for (unsigned i = 0; i < 500; i++) {
        const struct order order = {NULL, list, &count, i};
        CU_ASSERT_TRUE(cyc_errands_post(errands, put, &order, sizeof order));
    }
    CU_ASSERT_TRUE(cyc_errands_wait(errands, INT64_C(60000000000)));
    CU_ASSERT_EQUAL(count, 500);
    for (unsigned i = 0; i < 500; i++) {
        CU_ASSERT_EQUAL(list[i], i);
    }
    struct cyc_err err;
    CU_ASSERT_TRUE(cyc_errands_complaint(errands, &err));
    CU_ASSERT_EQUAL(err.status, CYC_E_FILE);
    CYC_SAME(err.text, "errand 99");
    CU_ASSERT_FALSE(cyc_errands_complaint(errands, &err));
    cyc_errands_close(errands);
}

static void nobody_waits_for_an_errand_that_hangs(void)
{
    struct cyc_errands *errands = NULL;
    static unsigned list[CYC_ERRANDS_MAX + 2];
    _Atomic unsigned count = 0;
    sem_t gate;
    unsigned posted = 0;
    struct cyc_err err;
    CU_ASSERT_EQUAL_FATAL(sem_init(&gate, 0, 0), 0);
    CU_ASSERT_EQUAL_FATAL(cyc_errands_open(&errands, NULL), CYC_OK);
    struct order order = {&gate, list, &count, 0};
    while (cyc_errands_post(errands, put, &order, sizeof order)) {
        order.gate = NULL;
        order.number = ++posted % 99;
    }
    CU_ASSERT(posted == CYC_ERRANDS_MAX || posted == CYC_ERRANDS_MAX + 1); /* one is under way */
    CU_ASSERT_FALSE(cyc_errands_wait(errands, 1000));
    CU_ASSERT_EQUAL(count, 0);
    CU_ASSERT_TRUE(cyc_errands_complaint(errands, &err));
    CU_ASSERT_EQUAL(err.status, CYC_E_BOUND);
    CU_ASSERT_EQUAL(sem_post(&gate), 0);
    cyc_errands_close(errands); /* does what waits */
    CU_ASSERT_EQUAL(count, posted);
    CU_ASSERT_EQUAL(sem_destroy(&gate), 0);
}

const struct cyc_check cyc_check_errands[] = {
    CYC_CHECK(errands_are_done_in_order),
    CYC_CHECK(nobody_waits_for_an_errand_that_hangs),
    {0},
};
