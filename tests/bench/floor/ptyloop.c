/* The floor of a port process: one loop that polls one pseudo-terminal on a grid of absolute
 * deadlines, reads three numbers, looks at a limit, and does nothing else. As many of these
 * processes as there are ports.
 *
 *   bench_ptyloop PTY OUTPUTS PERIOD_MS SHIFT_MS      until SIGTERM
 *
 * Each output is asked once per period, one after the other from the tick on. A reading beyond the
 * limit is asked again, as the port process does, and then answered with OFF; the output is
 * switched on again a period later. */
#include "../rack.h"
#include "base/priority.h"

#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static int exchange(int fd, char verb, unsigned output, char *reply, size_t size)
{
    char request[16];
    size_t used = 0;
    const int length = snprintf(request, sizeof request, "%c%u\n", verb, output);
    if (write(fd, request, (size_t)length) != length) {
        return -1;
    }
    while (used + 1 < size) {
        struct pollfd waiting = {.fd = fd, .events = POLLIN};
        if (poll(&waiting, 1, 400) <= 0) {
            return -1;
        }
        const ssize_t got = read(fd, reply + used, size - 1 - used);
        if (got <= 0) {
            return -1;
        }
        used += (size_t)got;
        if (reply[used - 1] == '\n') {
            reply[used] = '\0';
            return 0;
        }
    }
    return -1;
}

/* "+3.7012345E+00": digits by hand, as small as it can be. */
static double number(const char **at)
{
    const char *text = *at + 1;
    double value = 0.0;
    double scale = 0.0;
    for (; (*text >= '0' && *text <= '9') || *text == '.'; text++) {
        if (*text == '.') {
            scale = 1.0;
        } else {
            value = value * 10.0 + (*text - '0');
            scale *= 10.0;
        }
    }
    value /= scale > 0.0 ? scale : 1.0;
    if (*text == 'E') {
        int exponent = (text[2] - '0') * 10 + text[3] - '0';
        for (; exponent > 0; exponent--) {
            value = text[1] == '-' ? value / 10.0 : value * 10.0;
        }
        text += 4;
    }
    *at = text + 1;
    return value;
}

static double volts(int fd, unsigned output, int *on)
{
    char reply[64];
    if (exchange(fd, 'M', output, reply, sizeof reply) != 0) {
        return 0.0;
    }
    const char *at = reply;
    const double voltage_V = number(&at);
    const double current_A = number(&at);
    *on = at[0] == '1';
    return current_A > 1.0 ? 0.0 : voltage_V;
}

static void sleep_until(int64_t t_ns)
{
    const struct timespec time = {.tv_sec = t_ns / 1000000000, .tv_nsec = t_ns % 1000000000};
    (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
}

int main(int argc, char **argv)
{
    char reply[64];
    struct termios raw;
    if (argc != 5) {
        return 2;
    }
    const int fd = open(argv[1], O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || tcgetattr(fd, &raw) != 0) {
        return 1;
    }
    cfmakeraw(&raw);
    (void)tcsetattr(fd, TCSANOW, &raw);
    (void)cyc_go_first(); /* as a port process does */
    const unsigned outputs = (unsigned)strtoul(argv[2], NULL, 10);
    const int64_t period_ns = strtoll(argv[3], NULL, 10) * 1000000;
    const int64_t shift_ns = strtoll(argv[4], NULL, 10) * 1000000;
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t due_ns = ((int64_t)now.tv_sec * 1000000000 / period_ns + 1) * period_ns + shift_ns;
    for (;; due_ns += period_ns) {
        sleep_until(due_ns);
        for (unsigned i = 0; i < outputs; i++) {
            int on = 0;
            double voltage_V = volts(fd, i, &on);
            if (!on) {
                (void)exchange(fd, 'A', i, reply, sizeof reply);
            } else if (voltage_V > RACK_LIMIT_V && volts(fd, i, &on) > RACK_LIMIT_V) {
                (void)exchange(fd, 'S', i, reply, sizeof reply);
            }
        }
    }
}
