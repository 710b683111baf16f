/* What the disk does and did, shared with whatever runs under disk.c. */
#ifndef CYC_TEST_BENCH_DISK_H
#define CYC_TEST_BENCH_DISK_H

#define DISK_VARIABLE "CYC_BENCH_DISK" /* names the file that is mapped */

struct disk {
    int stall_ms;        /* each sync takes so much longer */
    unsigned long syncs; /* so far */
};

#endif
