#include "store/store_int.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static bool plain(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

void cyc_name_safe(char *target, size_t size, const char *name)
{
    size_t used = 0;
    for (; *name != '\0' && used + 1 < size; name++) {
        if (plain(*name)) {
            target[used++] = *name;
        } else if (used > 0 && target[used - 1] != '-') {
            target[used++] = '-';
        }
    }
    while (used > 0 && target[used - 1] == '-') {
        used--;
    }
    if (used == 0) {
        target[used++] = 'X';
    }
    target[used] = '\0';
}

void cyc_date_text(char target[16], int64_t unix_ns)
{
    /* Rounded down, also before 1970. */
    const time_t seconds = (time_t)(unix_ns / CYC_S_NS - (unix_ns % CYC_S_NS < 0 ? 1 : 0));
    struct tm date = {0};
    (void)gmtime_r(&seconds, &date);
    const int number = (date.tm_year + 1900) * 10000 + (date.tm_mon + 1) * 100 + date.tm_mday;
    (void)snprintf(target, 16, "%08d", number);
}

bool cyc_run_id_valid(const char *id, unsigned *number)
{
    const size_t digits = strspn(id, "0123456789");
    const char *last = strrchr(id, '-');
    if (digits != 8 || id[8] != '-' || last == id + 8) {
        return false;
    }
    const size_t size = strspn(last + 1, "0123456789");
    if (size < 3 || size > 5 || last[1 + size] != '\0') {
        return false;
    }
    *number = 0;
    for (const char *at = last + 1; *at != '\0'; at++) {
        *number = *number * 10 + (unsigned)(*at - '0');
    }
    return true;
}
