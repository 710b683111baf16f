/* Faults of the machine on demand: the nth call that changes a file, or the nth allocation, fails.
 *
 * The functions of the C library are defined anew in the test program, so the store and SQLite see
 * the faults alike and nothing in them knows of it. One thread.
 */
#ifndef CYC_TESTS_STORE_FAULTS_H
#define CYC_TESTS_STORE_FAULTS_H

#include <stdbool.h>

enum fault_kind {
    FAULT_WRITE,      /* write, pwrite, ftruncate, open for writing, rename, mkdir */
    FAULT_SHORT,      /* the same, but a write does half of its work first */
    FAULT_SYNC,       /* fsync, fdatasync */
    FAULT_ALLOCATION, /* malloc, calloc, realloc */
    FAULT_KILL,       /* the process is killed before such a write */
    FAULT_KILL_SHORT, /* the process is killed when half of such a write is done */
    FAULT_NETWORK,    /* all file systems are of the type error_number */
};

/* The nth call from now on fails with error_number, and with `lasting` all after it. */
void faults_arm(enum fault_kind kind, unsigned nth, int error_number, bool lasting);
/* Back to normal. Returns whether a call failed. */
bool faults_disarm(void);
/* False where allocations belong to a sanitizer. */
bool faults_can_allocate(void);

#endif
