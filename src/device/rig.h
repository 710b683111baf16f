/* The rig file: what ports, instruments, chambers, sensors and channels one host has, and the
 * limits of each channel. YAML, read and diagnosed like a protocol; every key is a row of a table.
 *
 *   cyclostat_rig: 1
 *   name: bench 3
 *   institution: LAB
 *   ports:
 *     smu:   {address: /dev/serial/by-id/usb-FTDI_…-if00-port0, baud: 9600}
 *     oven:  {address: "tcp:192.168.1.20:10001"}
 *     press: {address: /dev/serial/by-id/…, parity: even}
 *   instruments:
 *     smu1:   {driver: keithley_2400, port: smu, serial_number: "1234567", poll: 250 ms,
 *              accept: no_watchdog}
 *     oven1:  {driver: espec_p300, port: oven, poll: 5 s}
 *     force1: {driver: bongshin_bs205, port: press, options: {unit: kgf}, poll: 1 s}
 *   sensors:
 *     stack:  {instrument: force1, quantity: pressure, area: 1.327 cm2, tare: 12 N}
 *     t_cell: {instrument: oven1, quantity: temperature}
 *   channels:
 *     A1:
 *       cycler: smu1
 *       chamber: oven1
 *       temperature: t_cell
 *       pressure: stack
 *       sensors: [anode]                  # names for conditions of protocols
 *       limits: {voltage: [0 V, 5 V], current: 100 mA, temperature: [5 degC, 80 degC]}
 *       calibration: {voltage: {gain: 1, offset: 0 V, date: 2026-01-10, due: 2027-01-10}}
 *
 * An instrument with several outputs is named with one of them: `cycler: box1.3`. Relative paths
 * begin at the folder of the rig file.
 *
 * A channel must state limits of voltage and current. All indexes are into the arrays of the rig,
 * in the order of the file; -1: none.
 */
#ifndef CYC_DEVICE_RIG_H
#define CYC_DEVICE_RIG_H

#include "base/diag.h"
#include "device/driver.h"

#define CYC_RIG_PORTS_MAX       256
#define CYC_RIG_INSTRUMENTS_MAX 1024
#define CYC_RIG_SENSORS_MAX     1024
#define CYC_RIG_CHANNELS_MAX    1024
#define CYC_RIG_NAME_SIZE       64
#define CYC_RIG_SETTINGS_MAX    24

/* value = gain * raw + offset */
struct cyc_calibration {
    double gain, offset;    /* 1 and 0: none */
    char date[16], due[16]; /* ISO dates, "" */
};

struct cyc_rig_port {
    char name[CYC_RIG_NAME_SIZE];
    char address[CYC_BUS_ADDRESS_SIZE];
    struct cyc_bus_settings bus;       /* the driver's defaults with what the rig says */
    char record[CYC_BUS_ADDRESS_SIZE]; /* file to record all transfers to, "" */
    struct cyc_pos pos;
};

struct cyc_rig_instrument {
    char name[CYC_RIG_NAME_SIZE];
    const struct cyc_driver *driver; /* borrowed from the registry */
    int port;
    struct cyc_driver_setting settings[CYC_RIG_SETTINGS_MAX]; /* texts owned by the rig */
    unsigned setting_count;
    char serial_number[64]; /* who must answer; "": anyone of the kind */
    int64_t poll_ns;
    bool accept_no_watchdog;
    bool safe_environment; /* `safe: off`: a chamber or press is released when made safe */
    char note[128];
    struct cyc_capabilities capabilities; /* by the driver's table, before identification */
    struct cyc_pos pos;
};

struct cyc_rig_sensor {
    char name[CYC_RIG_NAME_SIZE];
    int instrument;
    unsigned output;
    enum cyc_measurand measurand; /* what is read */
    enum cyc_kind kind;           /* what it is: PRESSURE from a force over an area, … */
    double area_cm2, tare_N;      /* NaN: none */
    struct cyc_calibration calibration;
    struct cyc_pos pos;
};

struct cyc_rig_channel {
    char name[CYC_RIG_NAME_SIZE];
    int cycler; /* instrument */
    unsigned output;
    int chamber, press; /* instruments */
    unsigned chamber_output, press_output;
    int temperature, pressure, ambient; /* sensors; ambient -1: the chamber's own */
    int aux[CYC_AUX_MAX];               /* sensors by name; -1 */
    struct cyc_protection limits;
    double power_max_W;
    struct cyc_calibration voltage, current;
    struct cyc_pos pos;
};

struct cyc_rig {
    char name[CYC_RIG_NAME_SIZE];
    char institution[CYC_RIG_NAME_SIZE];
    char path[1024];
    char sha256[65];          /* of the file's text */
    char runs[1024];          /* folder of the runs; "": not stated */
    char alarm_command[1024]; /* run with the alarm's text as its one argument; "" */
    int64_t sync_ns;          /* rows are synced so often; 10 s */
    bool proof_required;      /* no run on a channel that was not shown to be made safe lately */
    unsigned port_count, instrument_count, sensor_count, channel_count;
    struct cyc_rig_port *ports; /* all owned by the rig's arena */
    struct cyc_rig_instrument *instruments;
    struct cyc_rig_sensor *sensors;
    struct cyc_rig_channel *channels;
    struct cyc_arena arena;
};

/* Reads and checks without touching a port. CYC_E_INPUT: there are errors in diags. CYC_E_FILE: not
 * readable, or others may write it (they could widen the limits). The drivers
 * are borrowed from the registry, which must outlive the rig. */
int cyc_rig_load(const char *path, struct cyc_registry *registry, struct cyc_diags *diags,
                 struct cyc_rig **rig, struct cyc_err *err);
void cyc_rig_free(struct cyc_rig *rig);
/* Index by name, or -1. */
int cyc_rig_find_channel(const struct cyc_rig *rig, const char *name);
int cyc_rig_find_port(const struct cyc_rig *rig, const char *name);
int cyc_rig_find_instrument(const struct cyc_rig *rig, const char *name);
/* The channel's part of the rig as JSON on one line, for the run folder and its hash: cycler,
 * driver, options, sensors, limits, calibration. */
void cyc_rig_channel_json(const struct cyc_rig *rig, unsigned channel, struct cyc_text *text);
void cyc_rig_channel_put(const struct cyc_rig *rig, unsigned channel, struct cyc_json *json);
/* A sensor's value in SI from a reading of its instrument; NaN when not valid there. */
double cyc_rig_sensor_value(const struct cyc_rig_sensor *sensor, const struct cyc_reading *reading);
/* Measured to true, and a setpoint to what must be asked of the instrument. */
double cyc_calibration_apply(const struct cyc_calibration *calibration, double raw);
double cyc_calibration_invert(const struct cyc_calibration *calibration, double value);
/* The table of all keys, as Markdown (the manual) and as JSON Schema. */
void cyc_rig_manual(struct cyc_text *out);
void cyc_rig_schema(struct cyc_text *out);

#endif
