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

/* No blanks before a line end: the last cell of a row may be empty. */
static void end_line(struct cyc_text *out)
{
    while (out->length > 0 && out->data[out->length - 1] == ' ') {
        out->data[--out->length] = '\0';
    }
    cyc_text_append(out, "\n");
}

static void put_blanks(struct cyc_text *out, size_t count)
{
    while (count-- > 0) {
        cyc_text_append_size(out, " ", 1);
    }
}

void cyc_table_print(struct cyc_table *table, struct cyc_text *out, bool colour)
{
    const char *cell = cyc_text_get(&table->cells);
    if (table->cells.failed) {
        cyc_text_append(out, "(no memory for this table)\n");
        return;
    }
    for (size_t i = 0; i < table->cell_count; i++) {
        const size_t column = i % table->column_count;
        const bool last = column + 1 == table->column_count;
        const size_t blanks = table->widths[column] - width_of(cell);
        if (column == 0 && i == 0 && colour) {
            cyc_text_append(out, BOLD);
        }
        if (table->right[column]) {
            put_blanks(out, blanks);
        }
        cyc_text_append(out, cell);
        if (!last) {
            put_blanks(out, (table->right[column] ? 0 : blanks) + 2);
        } else {
            if (i < table->column_count && colour) {
                cyc_text_append(out, PLAIN);
            }
            end_line(out);
        }
        cell += strlen(cell) + 1;
    }
}

void cyc_table_release(struct cyc_table *table)
{
    cyc_text_release(&table->cells);
}
