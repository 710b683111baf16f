#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

#define BOLD  "\033[1m"
#define PLAIN "\033[0m"

/* Characters, not bytes: every byte but the continuations of UTF-8. */
static size_t width_of(const char *text)
{
    size_t width = 0;
    for (; *text != '\0'; text++) {
        if (((unsigned char)*text & 0xC0u) != 0x80u) {
            width++;
        }
    }
    return width;
}

void cyc_table_init(struct cyc_table *table, const char *const *columns)
{
    *table = (struct cyc_table){0};
    size_t count = 0;
    while (columns[count] != NULL && count < CYC_TABLE_COLUMNS_MAX) {
        table->right[count] = columns[count][0] == '>';
        count++;
    }
    table->column_count = count;
    for (size_t i = 0; i < count; i++) {
        cyc_table_cell(table, columns[i] + (table->right[i] ? 1 : 0));
    }
}

void cyc_table_cell(struct cyc_table *table, const char *text)
{
    const size_t column = table->cell_count % table->column_count;
    const size_t width = width_of(text);
    if (width > table->widths[column]) {
        table->widths[column] = width;
    }
    cyc_text_append_size(&table->cells, text, strlen(text));
    cyc_text_append_size(&table->cells, "", 1);
    table->cell_count++;
}

void cyc_table_number(struct cyc_table *table, double value, int decimals)
{
    struct cyc_text text = {0};
    cyc_cli_fixed(&text, value, decimals);
    cyc_table_cell(table, cyc_text_get(&text));
    cyc_text_release(&text);
}

void cyc_table_brief(struct cyc_table *table, double value, int digits)
{
    char number[CYC_NUMBER_SIZE];
    cyc_table_cell(table, cyc_number_brief(number, value, digits));
}

static void put_blanks(struct cyc_text *out, size_t count)
{
    while (count-- > 0) {
        cyc_text_append_size(out, " ", 1);
    }
}

/* One row into `line`; returns the first cell of the next one. */
static const char *put_row(const struct cyc_table *table, const char *cell, struct cyc_text *line)
{
    for (size_t column = 0; column < table->column_count; column++) {
        const size_t blanks = table->widths[column] - width_of(cell);
        put_blanks(line, column > 0 ? 2 : 0);
        put_blanks(line, table->right[column] ? blanks : 0);
        cyc_text_append(line, cell);
        put_blanks(line, table->right[column] ? 0 : blanks);
        cell += strlen(cell) + 1;
    }
    return cell;
}

static void trim(struct cyc_text *line)
{
    while (line->length > 0 && line->data[line->length - 1] == ' ') {
        line->data[--line->length] = '\0';
    }
}

/* Cut to so many characters, which an ellipsis tells: a number that lost digits would lie. */
static void cut(struct cyc_text *line, size_t width_max)
{
    trim(line); /* the last cell may be empty */
    if (line->length == 0 || width_of(line->data) <= width_max) {
        return;
    }
    size_t at = 0;
    for (size_t width = 0; at < line->length; at++) {
        if (((unsigned char)line->data[at] & 0xC0u) != 0x80u && ++width == width_max) {
            break;
        }
    }
    line->length = at;
    line->data[at] = '\0';
    trim(line);
    cyc_text_append(line, "…");
}

void cyc_table_print(struct cyc_table *table, struct cyc_text *out)
{
    const bool colour = cyc_cli_colour(stdout);
    const size_t width_max = cyc_cli_is_terminal(stdout) ? cyc_cli_width(stdout) : SIZE_MAX;
    const char *cell = cyc_text_get(&table->cells);
    struct cyc_text line = {0};
    if (table->cells.failed) {
        cyc_text_append(out, "(no memory for this table)\n");
        return;
    }
    for (size_t row = 0; row < table->cell_count / table->column_count; row++) {
        cell = put_row(table, cell, &line);
        cut(&line, width_max);
        cyc_text_append(out, row == 0 && colour ? BOLD : "");
        cyc_text_append(out, cyc_text_get(&line));
        cyc_text_append(out, row == 0 && colour ? PLAIN "\n" : "\n");
        cyc_text_clear(&line);
    }
    cyc_text_release(&line);
}

void cyc_table_release(struct cyc_table *table)
{
    cyc_text_release(&table->cells);
}
