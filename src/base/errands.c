#include "base/errands.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define S_NS INT64_C(1000000000)

struct errand {
    struct errand *next;
    cyc_errand *run;
    _Alignas(max_align_t) unsigned char context[];
};

struct cyc_errands {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t posted, done;
    struct errand *first, **last; /* that wait */
    size_t waiting;
    uint64_t posted_count, done_count;
    struct cyc_err complaint; /* status CYC_OK: none */
    bool closing;
};

static void complain(struct cyc_errands *errands, const struct cyc_err *err)
{
    if (errands->complaint.status == CYC_OK) {
        errands->complaint = *err;
    }
}

static struct errand *take_first(struct cyc_errands *errands)
{
    struct errand *const errand = errands->first;
    errands->first = errand->next;
    if (errands->first == NULL) {
        errands->last = &errands->first;
    }
    errands->waiting--;
    return errand;
}

static void *work(void *context)
{
    struct cyc_errands *const errands = context;
    (void)pthread_mutex_lock(&errands->lock);
    while (errands->first != NULL || !errands->closing) {
        if (errands->first == NULL) {
            (void)pthread_cond_wait(&errands->posted, &errands->lock);
            continue;
        }
        struct errand *const errand = take_first(errands);
        struct cyc_err err = {0};
        (void)pthread_mutex_unlock(&errands->lock);
        const int status = errand->run(errand->context, &err);
        free(errand);
        (void)pthread_mutex_lock(&errands->lock);
        if (status != CYC_OK) {
            complain(errands, &err);
        }
        errands->done_count++;
        (void)pthread_cond_broadcast(&errands->done);
    }
    (void)pthread_mutex_unlock(&errands->lock);
    return NULL;
}

static int start_thread(struct cyc_errands *errands)
{
    pthread_condattr_t attributes;
    sigset_t all;
    sigset_t before;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&errands->posted, &attributes);
    (void)pthread_cond_init(&errands->done, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    pthread_mutexattr_t kind;
    (void)pthread_mutexattr_init(&kind); /* who posts may go first: who holds it then does, too */
    (void)pthread_mutexattr_setprotocol(&kind, PTHREAD_PRIO_INHERIT);
    (void)pthread_mutex_init(&errands->lock, &kind);
    (void)pthread_mutexattr_destroy(&kind);
    (void)sigfillset(&all); /* signals are for the loop */
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    const int failed = pthread_create(&errands->thread, NULL, work, errands);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

static void destroy(struct cyc_errands *errands)
{
    (void)pthread_mutex_destroy(&errands->lock);
    (void)pthread_cond_destroy(&errands->posted);
    (void)pthread_cond_destroy(&errands->done);
    free(errands);
}

int cyc_errands_open(struct cyc_errands **errands, struct cyc_err *err)
{
    struct cyc_errands *const opened = calloc(1, sizeof *opened);
    if (opened == NULL) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for errands to the disk");
    }
    opened->last = &opened->first;
    if (start_thread(opened) != 0) {
        destroy(opened);
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no thread for errands to the disk");
    }
    *errands = opened;
    return CYC_OK;
}

void cyc_errands_close(struct cyc_errands *errands)
{
    if (errands == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&errands->lock);
    errands->closing = true;
    (void)pthread_cond_signal(&errands->posted);
    (void)pthread_mutex_unlock(&errands->lock);
    (void)pthread_join(errands->thread, NULL);
    destroy(errands);
}

bool cyc_errands_post(struct cyc_errands *errands, cyc_errand *run, const void *context,
                      size_t size)
{
    struct errand *const errand = malloc(sizeof *errand + size);
    if (errand != NULL) {
        *errand = (struct errand){.run = run};
        memcpy(errand->context, context, size);
    }
    (void)pthread_mutex_lock(&errands->lock);
    const bool taken = errand != NULL && errands->waiting < CYC_ERRANDS_MAX;
    if (taken) {
        *errands->last = errand;
        errands->last = &errand->next;
        errands->waiting++;
        errands->posted_count++;
        (void)pthread_cond_signal(&errands->posted);
    } else {
        struct cyc_err err;
        (void)cyc_err_set(&err, CYC_E_BOUND,
                          "the disk is too slow, or memory is short: files of "
                          "the state folder are not up to date");
        complain(errands, &err);
    }
    (void)pthread_mutex_unlock(&errands->lock);
    if (!taken) {
        free(errand);
    }
    return taken;
}

bool cyc_errands_wait(struct cyc_errands *errands, int64_t ns)
{
    struct timespec until;
    int failed = 0;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    const int64_t until_ns = until.tv_nsec + ns % S_NS;
    until.tv_sec += ns / S_NS + until_ns / S_NS;
    until.tv_nsec = until_ns % S_NS;
    (void)pthread_mutex_lock(&errands->lock);
    const uint64_t wanted = errands->posted_count;
    while (errands->done_count < wanted && failed == 0) {
        failed = pthread_cond_timedwait(&errands->done, &errands->lock, &until);
    }
    const bool all = errands->done_count >= wanted;
    (void)pthread_mutex_unlock(&errands->lock);
    return all;
}

bool cyc_errands_complaint(struct cyc_errands *errands, struct cyc_err *err)
{
    (void)pthread_mutex_lock(&errands->lock);
    const bool any = errands->complaint.status != CYC_OK;
    if (any) {
        *err = errands->complaint;
        errands->complaint.status = CYC_OK;
    }
    (void)pthread_mutex_unlock(&errands->lock);
    return any;
}
