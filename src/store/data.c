/* The data file: a Battery Data Format table (Battery Data Alliance, ontology 1.3.0) that any tool
 * can read while it grows.
 *
 * One header line with preferred labels, then rows; UTF-8, ',', '.', LF, nothing before the header.
 * Required columns come first, then the recommended, then the optional ones. Charging current is
 * positive. The four totals count from the start of the test and never reset; cycle and step totals
 * stand in the journal. A quantity that is not known leaves its field empty.
 *
 * Rows are written as scaled integers into a buffer that goes to the kernel when it is full or the
 * run is committed, whole lines only, so that what a killed writer leaves ends in a line feed or in
 * one torn line. Times come from integer nanoseconds, rounded to milliseconds: Unix time is the
 * anchor (whole milliseconds) plus the very number that Test Time shows, so the two columns never
 * drift apart. Most columns repeat from row to row (a chamber at rest, the charging total while the
 * cell discharges), so each keeps the text of its last value.
 *
 * When a part would exceed its size, the next number begins, with a header of its own. After the
 * first failed write nothing more is written: the file is cut back to its last whole line, if the
 * file system still lets us, and all later calls return the same status.
 */
#include "store/store_int.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MS_NS                INT64_C(1000000)
#define TAIL_SIZE            (2u * CYC_ROW_SIZE)
#define TEMPERATURE_DECIMALS 3
#define PRESSURE_DECIMALS    0
#define DECIMALS_MAX         12
#define STEP_TYPE_SIZE       16
/* Places in a row that are read again. */
#define COLUMNS          17
#define COLUMN_TEST_TIME 0
#define COLUMN_VOLTAGE   1
#define COLUMN_CURRENT   2
#define COLUMN_INDEX     10
#define COLUMN_TOTALS    11

const char cyc_data_header[] =
    "Test Time / s,Voltage / V,Current / A,"
    "Unix Time / s,Cycle Count / 1,Step Count / 1,Ambient Temperature / degC,"
    "Step ID,Step Type,Step Time / s,Record Index / 1,"
    "Charging Capacity / Ah,Discharging Capacity / Ah,Charging Energy / Wh,Discharging Energy / Wh,"
    "Temperature T1 / degC,Applied Pressure / Pa\n";

void cyc_data_name(char name[CYC_FILE_NAME_SIZE + 48], const char *stem, unsigned number,
                   const char *suffix)
{
    (void)snprintf(name, CYC_FILE_NAME_SIZE + 48, "%s_%03u%s", stem, number, suffix);
}

static int64_t round_ms(int64_t t_ns)
{
    return (t_ns + MS_NS / 2) / MS_NS;
}

/* ---- Parts ----------------------------------------------------------------------------------- */

/* Keeps a failure, if it is one; nothing is written from then on. */
static int fail(struct cyc_data *data, int status)
{
    data->status = status;
    if (status != CYC_OK) {
        data->room = 0;
    }
    return status;
}

/* The buffer is empty now: what stands in it is no longer the row before. */
static void empty_buffer(struct cyc_data *data)
{
    data->fill = 0;
    for (int i = 0; i < CYC_FIELD_COUNT; i++) {
        data->fields[i].value = (double)NAN;
    }
    data->place.size = 0;
    data->kind.size = 0;
}

/* After a write that failed half-way: keeps the whole lines and forgets the rest. */
static size_t cut_at_line(struct cyc_data *data, size_t written)
{
    const char *end = memrchr(data->buffer, '\n', written);
    const size_t whole = end != NULL ? (size_t)(end - data->buffer) + 1 : 0;
    for (size_t i = whole; i < data->fill; i++) {
        data->row_count -= data->buffer[i] == '\n' && data->row_count > 0;
    }
    /* Should this fail too, a reader stops at the last line feed. */
    (void)!ftruncate(data->fd, (off_t)(data->length + whole));
    return whole;
}

static int write_buffer(struct cyc_data *data, struct cyc_err *err)
{
    size_t written = 0;
    const int status =
        cyc_file_write(data->fd, data->buffer, data->fill, data->path, &written, err);
    if (status != CYC_OK) {
        written = cut_at_line(data, written);
    }
    cyc_checksum_add(&data->checksum, data->buffer, written);
    data->length += written;
    empty_buffer(data);
    return status == CYC_OK ? CYC_OK : fail(data, status);
}

/* A row may begin while the fill is below `room`: it must fit into buffer and part. After a failure
 * there is none, so that each row is refused. */
static void set_room(struct cyc_data *data)
{
    const uint64_t left =
        data->part_size_max > data->length ? data->part_size_max - data->length : 0;
    const uint64_t most = left < data->buffer_size ? left : data->buffer_size;
    data->room = data->status == CYC_OK && most > CYC_ROW_SIZE ? (size_t)(most - CYC_ROW_SIZE) : 0;
}

static void close_part(struct cyc_data *data)
{
    if (data->fd >= 0) {
        (void)close(data->fd); /* all that counts was synced or is the kernel's by now */
        data->fd = -1;
    }
}

void cyc_data_release(struct cyc_data *data)
{
    close_part(data);
    free(data->buffer);
    data->buffer = NULL;
}

static int open_part(struct cyc_data *data, unsigned number, struct cyc_err *err)
{
    char name[CYC_FILE_NAME_SIZE + 48], path[CYC_PATH_SIZE];
    cyc_data_name(name, data->stem, number, CYC_DATA_SUFFIX);
    const int status = cyc_path_join(path, data->folder, name, err);
    if (status != CYC_OK) {
        return fail(data, status);
    }
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666);
    if (fd < 0) {
        return fail(data, cyc_file_failed(err, "create", path, errno));
    }
    close_part(data);
    data->fd = fd;
    data->number = number;
    (void)cyc_copy(data->path, sizeof data->path, path);
    data->length = 0;
    data->synced = 0;
    cyc_checksum_init(&data->checksum);
    empty_buffer(data);
    data->fill = strlen(cyc_data_header);
    memcpy(data->buffer, cyc_data_header, data->fill);
    set_room(data);
    if (data->room <= data->fill) {
        data->room = data->fill + 1; /* each part holds at least one row */
    }
    return CYC_OK;
}

static int prepare(struct cyc_data *data, const char *folder, const char *stem, unsigned number,
                   const struct cyc_run_identity *identity, struct cyc_err *err)
{
    const int digits[CYC_FIELD_COUNT] = {
        [CYC_FIELD_VOLTAGE] = identity->voltage_decimals,
        [CYC_FIELD_CURRENT] = identity->current_decimals,
        [CYC_FIELD_AMBIENT] = TEMPERATURE_DECIMALS,
        [CYC_FIELD_CHARGE_AH] = identity->capacity_decimals,
        [CYC_FIELD_DISCHARGE_AH] = identity->capacity_decimals,
        [CYC_FIELD_CHARGE_WH] = identity->capacity_decimals,
        [CYC_FIELD_DISCHARGE_WH] = identity->capacity_decimals,
        [CYC_FIELD_TEMPERATURE] = TEMPERATURE_DECIMALS,
        [CYC_FIELD_PRESSURE] = PRESSURE_DECIMALS,
    };
    for (int i = 0; i < CYC_FIELD_COUNT; i++) {
        const int decimals = digits[i] < 0              ? 0
                             : digits[i] > DECIMALS_MAX ? DECIMALS_MAX
                                                        : digits[i];
        data->decimals[i] = (uint8_t)decimals;
    }
    (void)cyc_copy(data->folder, sizeof data->folder, folder);
    (void)cyc_copy(data->stem, sizeof data->stem, stem);
    data->first_number = number;
    data->sync = identity->sync;
    data->anchor_ms = identity->start_unix_ns / MS_NS;
    data->buffer_size = identity->sync ? CYC_LIVE_BUFFER_SIZE : CYC_DATA_BUFFER_SIZE;
    data->buffer = malloc(data->buffer_size);
    return data->buffer != NULL
               ? CYC_OK
               : fail(data, cyc_err_set(err, CYC_E_NO_MEMORY, "no memory for the rows of a run"));
}

int cyc_data_open(struct cyc_data *data, const char *folder, const char *stem, unsigned number,
                  const struct cyc_run_identity *identity, struct cyc_err *err)
{
    int status = prepare(data, folder, stem, number, identity, err);
    status = status == CYC_OK ? open_part(data, number, err) : status;
    return status == CYC_OK ? cyc_data_flush(data, err) : status;
}

int cyc_data_reopen(struct cyc_data *data, const char *folder, const char *stem, unsigned number,
                    const struct cyc_run_identity *identity, struct cyc_err *err)
{
    char name[CYC_FILE_NAME_SIZE + 48];
    int status = prepare(data, folder, stem, number, identity, err);
    if (status != CYC_OK) {
        return status;
    }
    data->number = number;
    cyc_data_name(name, stem, number, CYC_DATA_SUFFIX);
    status = cyc_path_join(data->path, folder, name, err);
    if (status != CYC_OK) {
        return fail(data, status);
    }
    data->fd = open(data->path, O_RDWR | O_APPEND | O_CLOEXEC);
    if (data->fd < 0) {
        return fail(data, cyc_file_failed(err, "open", data->path, errno));
    }
    data->reopened = true;
    empty_buffer(data);
    return CYC_OK;
}

void cyc_data_there(struct cyc_data *data, const struct cyc_run_tail *tail)
{
    data->there_ms = round_ms(tail->t_ns);
    data->there_index = tail->index;
}

int cyc_data_push(struct cyc_data *data, struct cyc_err *err)
{
    if (data->status != CYC_OK) {
        return cyc_err_set(err, data->status, "the data file %s could not be written before",
                           data->path);
    }
    const int status = data->fill > 0 ? write_buffer(data, err) : CYC_OK;
    set_room(data);
    return status;
}

int cyc_data_flush(struct cyc_data *data, struct cyc_err *err)
{
    int status = cyc_data_push(data, err);
    if (status == CYC_OK && data->sync && data->length != data->synced) {
        status = fail(data, cyc_file_sync(data->fd, data->path, err));
        data->synced = data->length;
    }
    set_room(data);
    return status;
}

/* The buffer or the part is full. */
static int make_room(struct cyc_data *data, struct cyc_err *err)
{
    int status = cyc_data_push(data, err);
    if (status == CYC_OK && data->room == 0) {
        status = cyc_data_flush(data, err);
    }
    if (status == CYC_OK && data->room == 0) {
        status = open_part(data, data->number + 1, err);
        if (status == CYC_OK && data->sync) {
            status = fail(data, cyc_file_sync(data->folder_fd, data->folder, err));
        }
    }
    return status;
}

void cyc_data_anchor(struct cyc_data *data, int64_t unix_ns)
{
    data->anchor_ms = unix_ns / MS_NS;
}

/* ---- Rows ------------------------------------------------------------------------------------ */

static const char digit_pairs[] = "00010203040506070809101112131415161718192021222324"
                                  "25262728293031323334353637383940414243444546474849"
                                  "50515253545556575859606162636465666768697071727374"
                                  "75767778798081828384858687888990919293949596979899";

static unsigned count_digits(uint64_t number)
{
    static const uint64_t powers[] = {0,
                                      10,
                                      100,
                                      1000,
                                      10000,
                                      100000,
                                      1000000,
                                      10000000,
                                      100000000,
                                      1000000000,
                                      10000000000,
                                      100000000000,
                                      UINT64_C(1000000000000),
                                      UINT64_C(10000000000000),
                                      UINT64_C(100000000000000),
                                      UINT64_C(1000000000000000),
                                      UINT64_C(10000000000000000),
                                      UINT64_C(100000000000000000),
                                      UINT64_C(1000000000000000000),
                                      UINT64_C(10000000000000000000)};
    /* 1233 / 4096 is log10(2) closely enough for 64 bits. */
    const unsigned bits = 64 - (unsigned)__builtin_clzll(number | 1);
    const unsigned guess = bits * 1233 >> 12;
    return guess + (number >= powers[guess]);
}

static char *put_integer(char *at, uint64_t number)
{
    char *const end = at + count_digits(number);
    char *to = end;
    for (; number >= 100; number /= 100) {
        to -= 2;
        memcpy(to, digit_pairs + 2 * (number % 100), 2);
    }
    if (number >= 10) {
        memcpy(at, digit_pairs + 2 * number, 2);
    } else {
        *at = (char)('0' + number);
    }
    return end;
}

/* As put_integer(), at the price of four digits as long as those before them stay. */
static char *put_rising(char *at, struct cyc_top *top, uint64_t number)
{
    const uint64_t value = number / 10000;
    if (value == 0 || value >= UINT64_C(1000000000000000)) {
        return put_integer(at, number);
    }
    if (value != top->value) {
        top->value = value;
        top->size = (unsigned)(put_integer(top->text, value) - top->text);
    }
    memcpy(at, top->text, sizeof top->text);
    at += top->size;
    const unsigned low = (unsigned)(number - value * 10000);
    memcpy(at, digit_pairs + (size_t)2 * (low / 100), 2);
    memcpy(at + 2, digit_pairs + (size_t)2 * (low % 100), 2);
    return at + 4;
}

static char *put_time(char *at, struct cyc_top *top, int64_t time_ms)
{
    uint64_t ms = (uint64_t)time_ms;
    if (time_ms < 0) {
        *at++ = '-';
        ms = 0 - ms;
    }
    at = put_rising(at, top, ms / 1000);
    const unsigned rest = (unsigned)(ms % 1000);
    at[0] = '.';
    at[1] = (char)('0' + rest / 100);
    memcpy(at + 2, digit_pairs + (size_t)2 * (rest % 100), 2);
    at[4] = ',';
    return at + 5;
}

static char *put_number(char *at, struct cyc_data *data, enum cyc_field_index index, double value)
{
    struct cyc_field *field = &data->fields[index];
    if (field->value == value) {
        memcpy(at, data->buffer + field->offset, CYC_NUMBER_SIZE); /* a fixed size: no call */
    } else {
        field->value = value;
        field->size = 1;
        if (isfinite(value)) {
            field->size += (unsigned)cyc_number_fixed(at, value, data->decimals[index]);
        }
        at[field->size - 1] = ',';
    }
    field->offset = (unsigned)(at - data->buffer);
    return at + field->size;
}

/* True when the field was copied to `at` from the row before; else the caller writes it. */
static bool put_again(char *at, const struct cyc_data *data, const struct cyc_step_field *field,
                      uint32_t step_count)
{
    if (field->size == 0 || field->step_count != step_count) {
        return false;
    }
    memcpy(at, data->buffer + field->offset, CYC_NUMBER_SIZE);
    return true;
}

static char *remember(char *at, const char *end, const struct cyc_data *data,
                      struct cyc_step_field *field, uint32_t step_count)
{
    field->step_count = step_count;
    field->offset = (unsigned)(at - data->buffer);
    field->size = (unsigned)(end - at);
    return at + field->size;
}

static char *put_place(char *at, struct cyc_data *data, const struct cyc_record *record)
{
    char *end = at + data->place.size;
    if (!put_again(at, data, &data->place, record->step_count)) {
        end = put_integer(at, record->cycle_number);
        *end++ = ',';
        end = put_integer(end, record->step_count);
        *end++ = ',';
    }
    return remember(at, end, data, &data->place, record->step_count);
}

static char *put_kind(char *at, struct cyc_data *data, const struct cyc_record *record,
                      const char *step_type)
{
    char *end = at + data->kind.size;
    if (!put_again(at, data, &data->kind, record->step_count)) {
        end = put_integer(at, record->step_id);
        *end++ = ',';
        for (unsigned i = 0; i < STEP_TYPE_SIZE && step_type[i] != '\0'; i++) {
            const char c = step_type[i];
            *end++ = c == ',' || c == '"' || (unsigned char)c < 0x20u ? '_' : c;
        }
        *end++ = ',';
    }
    return remember(at, end, data, &data->kind, record->step_count);
}

/* Made again from the readings behind the mark; as it was seen, it stays. */
static bool is_there(const struct cyc_data *data, const struct cyc_record *record)
{
    if (data->there_index == 0) {
        return false;
    }
    const int64_t time_ms = round_ms(record->sample.t_ns);
    return time_ms < data->there_ms ||
           (time_ms == data->there_ms && record->index <= data->there_index);
}

int cyc_data_row(struct cyc_data *data, const struct cyc_record *record, const char *step_type,
                 struct cyc_err *err)
{
    if (is_there(data, record)) {
        return CYC_OK;
    }
    if (data->fill >= data->room) {
        const int status = make_room(data, err);
        if (status != CYC_OK) {
            return status;
        }
    }
    const struct cyc_sample *sample = &record->sample;
    const int64_t time_ms = round_ms(sample->t_ns);
    char *at = data->buffer + data->fill;
    at = put_time(at, &data->test_time, time_ms);
    at = put_number(at, data, CYC_FIELD_VOLTAGE, sample->voltage_V);
    at = put_number(at, data, CYC_FIELD_CURRENT, sample->current_A);
    at = put_time(at, &data->unix_time, data->anchor_ms + time_ms);
    at = put_place(at, data, record);
    at = put_number(at, data, CYC_FIELD_AMBIENT, sample->ambient_degC);
    at = put_kind(at, data, record, step_type);
    at = put_time(at, &data->step_time, round_ms(record->step_time_ns));
    at = put_rising(at, &data->index, data->reopened ? data->row_count + 1 : record->index);
    *at++ = ',';
    at = put_number(at, data, CYC_FIELD_CHARGE_AH, record->test.charge_Ah);
    at = put_number(at, data, CYC_FIELD_DISCHARGE_AH, record->test.discharge_Ah);
    at = put_number(at, data, CYC_FIELD_CHARGE_WH, record->test.charge_Wh);
    at = put_number(at, data, CYC_FIELD_DISCHARGE_WH, record->test.discharge_Wh);
    at = put_number(at, data, CYC_FIELD_TEMPERATURE, sample->temperature_degC);
    at = put_number(at, data, CYC_FIELD_PRESSURE, sample->pressure_Pa);
    at[-1] = '\n';
    data->fill = (size_t)(at - data->buffer);
    data->row_count++;
    data->t_ns = sample->t_ns;
    return CYC_OK;
}

/* ---- Reading the end ------------------------------------------------------------------------- */

/* The numbers of a row by column; NaN where there is none. */
static void parse_row(const char *line, size_t size, double values[COLUMNS])
{
    unsigned column = 0;
    for (size_t at = 0; at < size && column < COLUMNS; column++) {
        size_t used;
        const char *comma = memchr(line + at, ',', size - at);
        if (!cyc_number_parse(line + at, size - at, &values[column], &used)) {
            values[column] = (double)NAN;
        }
        at = comma != NULL ? (size_t)(comma - line) + 1 : size;
    }
    for (; column < COLUMNS; column++) {
        values[column] = (double)NAN;
    }
}

static bool last_row(const char *path, double values[COLUMNS])
{
    char tail[TAIL_SIZE];
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    struct stat status;
    ssize_t size = -1;
    if (fstat(fd, &status) == 0) {
        const off_t from =
            status.st_size > (off_t)sizeof tail ? status.st_size - (off_t)sizeof tail : 0;
        size = pread(fd, tail, sizeof tail, from);
    }
    (void)close(fd);
    const char *end = size > 0 ? memrchr(tail, '\n', (size_t)size) : NULL;
    const char *before = end != NULL ? memrchr(tail, '\n', (size_t)(end - tail)) : NULL;
    if (before == NULL) {
        return false;
    }
    parse_row(before + 1, (size_t)(end - before - 1), values);
    return isfinite(values[COLUMN_TEST_TIME]) && isfinite(values[COLUMN_INDEX]);
}

static int64_t time_of(double s)
{
    return (int64_t)(s * 1e3 + 0.5) * MS_NS;
}

bool cyc_data_last_row(const char *path, uint64_t *row_count, int64_t *t_ns)
{
    double values[COLUMNS];
    if (!last_row(path, values)) {
        return false;
    }
    *t_ns = time_of(values[COLUMN_TEST_TIME]);
    *row_count = (uint64_t)values[COLUMN_INDEX];
    return true;
}

bool cyc_data_tail(const char *path, struct cyc_run_tail *tail)
{
    double values[COLUMNS];
    if (!last_row(path, values)) {
        return false;
    }
    tail->index = (uint64_t)values[COLUMN_INDEX];
    tail->t_ns = time_of(values[COLUMN_TEST_TIME]);
    tail->voltage_V = values[COLUMN_VOLTAGE];
    tail->current_A = values[COLUMN_CURRENT];
    tail->test = (struct cyc_sums){values[COLUMN_TOTALS], values[COLUMN_TOTALS + 1],
                                   values[COLUMN_TOTALS + 2], values[COLUMN_TOTALS + 3]};
    return true;
}
