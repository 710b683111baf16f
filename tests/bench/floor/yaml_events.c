/* The floor of reading a protocol: all events of a YAML file by libyaml, in memory, and no more.
 *
 *   yaml_events FILE REPEAT
 *
 * Prints the number of events and the CPU seconds of one pass, the fastest of all. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <yaml.h>

static double now_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static long count_events(const unsigned char *text, size_t size)
{
    yaml_parser_t parser;
    long count = 0;
    if (!yaml_parser_initialize(&parser)) {
        return -1;
    }
    yaml_parser_set_input_string(&parser, text, size);
    for (bool more = true; more; count++) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            count = -1;
            break;
        }
        more = event.type != YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return count;
}

int main(int argc, char **argv)
{
    static unsigned char text[32 * 1024 * 1024];
    FILE *file = argc == 3 ? fopen(argv[1], "rb") : NULL;
    if (file == NULL) {
        (void)fprintf(stderr, "usage: yaml_events FILE REPEAT\n");
        return 2;
    }
    const size_t size = fread(text, 1, sizeof text, file);
    (void)fclose(file);
    double best_s = 1e9;
    long count = 0;
    for (long i = strtol(argv[2], NULL, 10); i > 0; i--) {
        const double start_s = now_s();
        count = count_events(text, size);
        const double time_s = now_s() - start_s;
        best_s = time_s < best_s ? time_s : best_s;
    }
    (void)printf("%ld %.9f\n", count, best_s);
    return count > 0 ? 0 : 1;
}
