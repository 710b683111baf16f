/* Recording: every transfer of a bus, appended to an exchange file.
 *
 *     > "*IDN?\n"
 *     < "KEITHLEY INSTRUMENTS INC.,MODEL 2400,1234567,C30\n"
 *     > 05 FA 00 F8
 *     # no reply in time
 *
 * What is all text is written as text, anything else as bytes. Each transfer is flushed, because
 * the last one before a crash is the one that will be wanted. A recording that cannot be written
 * ends; the instruments matter more.
 */
#include "device/bus_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_SIZE (4 * CYC_BUS_REPLY_MAX + 8)

struct cyc_bus_record {
    FILE *file;
    char line[LINE_SIZE];
};

/* ---- Bytes as text ------------------------------------------------------------------------------
 */

static bool is_text(const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const uint8_t byte = bytes[i];
        if ((byte < 0x20 || byte > 0x7E) && byte != '\n' && byte != '\r' && byte != '\t') {
            return false;
        }
    }
    return count > 0;
}

/* One byte within quotes; returns its length, at most 2. */
static size_t put_character(char *text, uint8_t byte)
{
    const char *const plain = "\n\r\t\"\\";
    const char *const letters = "nrt\"\\";
    const char *const at = strchr(plain, byte);
    if (at == NULL) {
        text[0] = (char)byte;
        return 1;
    }
    text[0] = '\\';
    text[1] = letters[at - plain];
    return 2;
}

static size_t put_hex(char *text, uint8_t byte, bool first)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t used = 0;
    if (!first) {
        text[used++] = ' ';
    }
    text[used++] = digits[byte >> 4];
    text[used++] = digits[byte & 15];
    return used;
}

const char *cyc_bytes_show(char *text, size_t size, const uint8_t *bytes, size_t count)
{
    static const char cut[] = "…";
    const bool quoted = is_text(bytes, count);
    const size_t room = size - sizeof cut - 1; /* the mark, a quote, the end */
    size_t used = 0;
    size_t i = 0;
    if (!CYC_ASSERT(size > 16)) {
        return "";
    }
    if (quoted) {
        text[used++] = '"';
    }
    for (; i < count && used + 3 <= room; i++) {
        used +=
            quoted ? put_character(text + used, bytes[i]) : put_hex(text + used, bytes[i], i == 0);
    }
    if (quoted) {
        text[used++] = '"';
    }
    (void)cyc_copy(text + used, size - used, i < count ? cut : "");
    return text;
}

/* ---- The file -----------------------------------------------------------------------------------
 */

int cyc_bus_record(struct cyc_bus *bus, const char *path, struct cyc_err *err)
{
    struct cyc_bus_record *const record = calloc(1, sizeof *record);
    if (record == NULL) {
        return cyc_err_set(err, CYC_E_NO_MEMORY, "no memory to record %s", bus->address);
    }
    record->file = fopen(path, "ae");
    if (record->file == NULL) {
        free(record);
        return cyc_err_set(err, CYC_E_FILE, "cannot record to '%s': %m", path);
    }
    cyc_bus_record_close(bus->record);
    bus->record = record;
    cyc_bus_note(bus, bus->address);
    return CYC_OK;
}

void cyc_bus_record_close(struct cyc_bus_record *record)
{
    if (record != NULL) {
        (void)fclose(record->file);
        free(record);
    }
}

static void put_line(struct cyc_bus *bus, char mark, const char *text)
{
    struct cyc_bus_record *const record = bus->record;
    if (fprintf(record->file, "%c %s\n", mark, text) < 0 || fflush(record->file) != 0) {
        cyc_bus_record_close(record);
        bus->record = NULL;
    }
}

static void note_bytes(struct cyc_bus *bus, char mark, const uint8_t *bytes, size_t size)
{
    if (bus->record != NULL && size > 0) {
        put_line(bus, mark,
                 cyc_bytes_show(bus->record->line, sizeof bus->record->line, bytes, size));
    }
}

void cyc_bus_note_sent(struct cyc_bus *bus, const uint8_t *bytes, size_t size)
{
    note_bytes(bus, '>', bytes, size);
}

void cyc_bus_note_received(struct cyc_bus *bus, const uint8_t *bytes, size_t size)
{
    note_bytes(bus, '<', bytes, size);
}

void cyc_bus_note(struct cyc_bus *bus, const char *what)
{
    if (bus->record != NULL) {
        put_line(bus, '#', what);
    }
}
