#include "check/check.h"

#include <CUnit/Basic.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

void cyc_check_near(double actual, double expected, double tolerance, const char *what,
                    const char *file, int line)
{
    const bool near = fabs(actual - expected) <= tolerance;
    if (!near) {
        (void)fprintf(stderr, "\n%s:%d: %s is %.12g, expected %.12g within %g\n", file, line, what,
                      actual, expected, tolerance);
    }
    (void)CU_assertImplementation(near, (unsigned)line, what, file, "", CU_FALSE);
}

void cyc_check_same(const char *actual, const char *expected, const char *what, const char *file,
                    int line)
{
    const bool same = actual != NULL && expected != NULL && strcmp(actual, expected) == 0;
    if (!same) {
        (void)fprintf(stderr, "\n%s:%d: %s is\n«%s»\nexpected\n«%s»\n", file, line, what,
                      actual ? actual : "(null)", expected ? expected : "(null)");
    }
    (void)CU_assertImplementation(same, (unsigned)line, what, file, "", CU_FALSE);
}

int cyc_check_main(int argc, char **argv, const struct cyc_check_suite *suites)
{
    const char *only = argc > 1 ? argv[1] : NULL;
    unsigned count = 0;
    /* Everything must come out the same under any locale of the user. */
    (void)setlocale(LC_ALL, "");
    (void)setlocale(LC_MESSAGES, "C"); /* the program never asks for translated texts */
    if (CU_initialize_registry() != CUE_SUCCESS) {
        return 2;
    }
    for (; suites->name != NULL; suites++) {
        CU_pSuite suite = CU_add_suite(suites->name, NULL, NULL);
        for (const struct cyc_check *check = suites->checks; check->name != NULL; check++) {
            if (only == NULL || strstr(check->name, only) != NULL) {
                (void)CU_add_test(suite, check->name, check->run);
                count++;
            }
        }
    }
    CU_basic_set_mode(CU_BRM_NORMAL);
    (void)CU_basic_run_tests();
    const unsigned failed = CU_get_number_of_failures() + CU_get_number_of_tests_failed();
    CU_cleanup_registry();
    if (count == 0) {
        (void)fprintf(stderr, "no test is named like '%s'\n", only ? only : "");
    }
    return failed == 0 && count > 0 ? 0 : 1;
}
