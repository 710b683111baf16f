/* The one main() of all unit tests: CUnit with tests named as sentences.
 *
 * A test file defines a table and the folder's main.c lists the tables:
 *
 *     static void cv_ends_when_current_tapers(void) { CU_ASSERT(...); }
 *     const struct cyc_check cyc_check_hold[] = {CYC_CHECK(cv_ends_when_current_tapers), {0}};
 */
#ifndef CYC_CHECK_H
#define CYC_CHECK_H

#include <CUnit/CUnit.h>
#include <stdbool.h>

struct cyc_check {
    const char *name;
    void (*run)(void);
};

#define CYC_CHECK(function) {#function, function}

struct cyc_check_suite {
    const char *name;
    const struct cyc_check *checks; /* ends with a row of zeros */
};

/* Asserts |actual - expected| <= tolerance and prints all three when it does not hold. */
#define CYC_NEAR(actual, expected, tolerance)                                                      \
    cyc_check_near((actual), (expected), (tolerance), #actual, __FILE__, __LINE__)
/* Asserts that two strings are equal and prints both when they are not. */
#define CYC_SAME(actual, expected) cyc_check_same((actual), (expected), #actual, __FILE__, __LINE__)

void cyc_check_near(double actual, double expected, double tolerance, const char *what,
                    const char *file, int line);
void cyc_check_same(const char *actual, const char *expected, const char *what, const char *file,
                    int line);

/* Runs all suites (the last one has a null name), or with an argument the tests whose name
 * contains it. Returns the exit code of the program: 0 when at least one test ran and none
 * failed. */
int cyc_check_main(int argc, char **argv, const struct cyc_check_suite *suites);

#endif
