/* The instrument of the live benchmarks: sixteen outputs behind one pseudo-terminal, and a wire as
 * plain as it can be. Its far end is a process of its own (live.c), which stamps what it sees.
 *
 *   I        RACK,1                              who is there
 *   M<n>     +3.7012345E+00,+1.0000000E-03,1     voltage, current, output on
 *   P<n>     1                                   protections written (there are none)
 *   A<n>     1                                   1 mA, output on
 *   S<n>     0                                   output off
 */
#ifndef CYC_TEST_BENCH_RACK_H
#define CYC_TEST_BENCH_RACK_H

#define RACK_OUTPUTS_MAX 64
#define RACK_LIMIT_V     5.0 /* of the channels; beyond it the rack answers 5.1 V */
#define RACK_CURRENT_A   1e-3

#endif
