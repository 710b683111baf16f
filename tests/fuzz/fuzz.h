/* Entries for fuzzing: each file <entry>.c feeds one reader with bytes that nobody chose.
 *
 *            libFuzzer (clang, -DCYC_FUZZER=ON) ─┐
 *   bytes ──►                                    ├─► LLVMFuzzerTestOneInput() of one entry
 *            replay.c over corpus/<entry>/ ──────┘
 *
 * An entry returns 0 whatever the bytes are; what it must not do is crash, leak, run long or take
 * more memory than is allowed.
 */
#ifndef CYC_TESTS_FUZZ_H
#define CYC_TESTS_FUZZ_H

#include "protocol/protocol.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Writes a file in a folder of this process, which is removed when it exits; returns its path,
 * valid until the next call. */
const char *fuzz_file(const char *name, const void *data, size_t size);
/* The folder itself. */
const char *fuzz_folder(void);

/* Renders the diagnostics in both forms and drops the texts. */
void fuzz_show(struct cyc_diags *diags);
/* Everything that can be asked of a protocol: the plan in both forms, its files, and a source that
 * is given `count` made-up results. The results follow from `seed`. */
void fuzz_walk(const struct cyc_protocol *protocol, uint64_t seed, unsigned count);
/* Loads the bytes as a file of that name, and walks. */
void fuzz_protocol(const char *name, const uint8_t *data, size_t size);

#endif
