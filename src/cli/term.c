#include "cli/cli.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

bool cyc_cli_is_terminal(FILE *stream)
{
    return isatty(fileno(stream)) == 1;
}

bool cyc_cli_colour(FILE *stream)
{
    const char *no_color = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");
    if ((no_color != NULL && no_color[0] != '\0') || !cyc_cli_is_terminal(stream)) {
        return false;
    }
    return terminal != NULL && terminal[0] != '\0' && strcmp(terminal, "dumb") != 0;
}

unsigned cyc_cli_width(FILE *stream)
{
    struct winsize size = {0};
    if (ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col >= 20) {
        return size.ws_col;
    }
    return 80;
}

void cyc_cli_put(FILE *stream, struct cyc_text *text)
{
    (void)fwrite(cyc_text_get(text), 1, text->length, stream);
    cyc_text_clear(text);
}

void cyc_cli_fixed(struct cyc_text *text, double value, int decimals)
{
    char number[CYC_NUMBER_SIZE];
    if (!isfinite(value)) {
        cyc_text_append(text, "-");
        return;
    }
    const size_t size = cyc_number_fixed(number, value, decimals);
    cyc_text_append_size(text, number, size);
}
