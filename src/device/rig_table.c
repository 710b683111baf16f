/* The table of all keys of a rig file. The reader, its messages, the manual and the JSON Schema
 * come from it, so they cannot drift apart. */
#include "device/rig_int.h"

#include <math.h>
#include <stddef.h>

#define NO_BOUNDS NAN, NAN
#define NO_PLACE  NULL, CYC_RIG_PLACE_COUNT
#define INTO(place, field)                                                                         \
    offsetof(struct cyc_rig##place, field), 0, sizeof(((struct cyc_rig##place *)NULL)->field)
#define CALIBRATION_INTO(field)                                                                    \
    offsetof(struct cyc_calibration, field), 0, sizeof(((struct cyc_calibration *)NULL)->field)
#define OUTPUT_INTO(instrument, output)                                                            \
    offsetof(struct cyc_rig_channel, instrument), offsetof(struct cyc_rig_channel, output), 0
#define NOWHERE 0, 0, 0

/* clang-format off */
const struct cyc_rig_row cyc_rig_rows[] = {
    {CYC_RIG_FILE, "cyclostat_rig", CYC_RIG_VERSION, CYC_KIND_TEXT, NO_BOUNDS, NO_PLACE, true, NULL,
     "version of this form; always 1", NOWHERE},
    {CYC_RIG_FILE, "name", CYC_RIG_TEXT, CYC_KIND_TEXT, NO_BOUNDS, NO_PLACE, false, NULL,
     "a name for people", INTO(, name)},
    {CYC_RIG_FILE, "institution", CYC_RIG_TEXT, CYC_KIND_TEXT, NO_BOUNDS, NO_PLACE, false, NULL,
     "short name of the laboratory; the names of data files begin with it", INTO(, institution)},
    {CYC_RIG_FILE, "runs", CYC_RIG_PATH, CYC_KIND_TEXT, NO_BOUNDS, NO_PLACE, false, "(./runs of whoever starts)",
     "folder of the runs", INTO(, runs)},
    {CYC_RIG_FILE, "alarm_command", CYC_RIG_PATH, CYC_KIND_TEXT, NO_BOUNDS, NO_PLACE, false, NULL,
     "program that is run at each alarm, with the alarm's text as its one argument", INTO(, alarm_command)},
    {CYC_RIG_FILE, "sync", CYC_RIG_TIME, CYC_KIND_TIME, 0.1, 60.0, NO_PLACE, false, "10 s",
     "rows of data wait at most so long before they are forced to the disk", INTO(, sync_ns)},
    {CYC_RIG_FILE, "ports", CYC_RIG_NAMES, CYC_KIND_TEXT, NO_BOUNDS, NULL, CYC_RIG_PORT, true, NULL,
     "serial ports and network addresses", NOWHERE},
    {CYC_RIG_FILE, "instruments", CYC_RIG_NAMES, CYC_KIND_TEXT, NO_BOUNDS, NULL, CYC_RIG_INSTRUMENT, true, NULL,
     "what is connected to the ports: cyclers, chambers, presses, indicators", NOWHERE},
    {CYC_RIG_FILE, "sensors", CYC_RIG_NAMES, CYC_KIND_TEXT, NO_BOUNDS, NULL, CYC_RIG_SENSOR, false, NULL,
     "quantities that an instrument measures for a channel", NOWHERE},
    {CYC_RIG_FILE, "channels", CYC_RIG_NAMES, CYC_KIND_TEXT, NO_BOUNDS, NULL, CYC_RIG_CHANNEL, true, NULL,
     "places where one cell is connected", NOWHERE},

    {CYC_RIG_PORT, "address", CYC_RIG_ADDRESS, CYC_KIND_TEXT, NO_BOUNDS, NO_PLACE, true, NULL,
     "`/dev/serial/by-id/…`, another device, or `tcp:HOST:PORT`; a relative path begins at the rig file", INTO(_port, address)},
    {CYC_RIG_PORT, "baud", CYC_RIG_WHOLE, CYC_KIND_NUMBER, 50, 4000000, NO_PLACE, false, "(the driver's)",
     "bits per second, as set at the instrument", INTO(_port, bus.baud)},
    {CYC_RIG_PORT, "data_bits", CYC_RIG_WHOLE, CYC_KIND_NUMBER, 5, 8, NO_PLACE, false, "(the driver's)",
     "bits of a character", INTO(_port, bus.data_bits)},
    {CYC_RIG_PORT, "stop_bits", CYC_RIG_WHOLE, CYC_KIND_NUMBER, 1, 2, NO_PLACE, false, "(the driver's)",
     "stop bits", INTO(_port, bus.stop_bits)},
    {CYC_RIG_PORT, "parity", CYC_RIG_CHOICE, CYC_KIND_TEXT, NO_BOUNDS, "none|even|odd", CYC_RIG_PLACE_COUNT, false,
     "(the driver's)", "parity", INTO(_port, bus.parity)},
    {CYC_RIG_PORT, "flow", CYC_RIG_CHOICE, CYC_KIND_TEXT, NO_BOUNDS, "none|xon_xoff|rts_cts", CYC_RIG_PLACE_COUNT, false,
     "(the driver's)", "flow control", INTO(_port, bus.flow)},
    {CYC_RIG_PORT, "settle", CYC_RIG_TIME, CYC_KIND_TIME, 0.0, 10.0, NO_PLACE, false, "(the driver's)",
     "nothing is written so long after the port was opened", INTO(_port, bus.settle_ns)},
    {CYC_RIG_PORT, "byte_gap", CYC_RIG_TIME, CYC_KIND_TIME, 0.0, 0.1, NO_PLACE, false, "(the driver's)",
     "pause between the bytes of a command", INTO(_port, bus.byte_gap_ns)},
    {CYC_RIG_PORT, "command_gap", CYC_RIG_TIME, CYC_KIND_TIME, 0.0, 10.0, NO_PLACE, false, "(the driver's)",
     "pause from the end of one exchange to the next command", INTO(_port, bus.command_gap_ns)},
    {CYC_RIG_PORT, "record", CYC_RIG_PATH, CYC_KIND_TEXT, NO_BOUNDS, NO_PLACE, false, NULL,
     "file to which every transfer is written, to look for trouble on the wire", INTO(_port, record)},

    {CYC_RIG_INSTRUMENT, "driver", CYC_RIG_DRIVER, CYC_KIND_TEXT, NO_BOUNDS, NO_PLACE, true, NULL,
     "name of a driver, or the path of a `.lua` or `.so` file", NOWHERE},
    {CYC_RIG_INSTRUMENT, "port", CYC_RIG_PORT_NAME, CYC_KIND_TEXT, NO_BOUNDS, NO_PLACE, true, NULL,
     "the port it is connected to", INTO(_instrument, port)},
    {CYC_RIG_INSTRUMENT, "serial_number", CYC_RIG_TEXT, CYC_KIND_TEXT, NO_BOUNDS, NO_PLACE, false, "(any)",
     "who must answer; another instrument of the kind is refused", INTO(_instrument, serial_number)},
    {CYC_RIG_INSTRUMENT, "options", CYC_RIG_OPTIONS, CYC_KIND_TEXT, NO_BOUNDS, NO_PLACE, false, NULL,
     "options of the driver, by name", NOWHERE},
    {CYC_RIG_INSTRUMENT, "poll", CYC_RIG_TIME, CYC_KIND_TIME, 0.001, 3600.0, NO_PLACE, false,
     "(1 s, or the fastest it can)", "time from one measurement to the next", INTO(_instrument, poll_ns)},
    {CYC_RIG_INSTRUMENT, "accept", CYC_RIG_FLAG, CYC_KIND_TEXT, NO_BOUNDS, "no_watchdog", CYC_RIG_PLACE_COUNT, false, NULL,
     "a risk taken knowingly: it goes on driving the cell when this computer stops", INTO(_instrument, accept_no_watchdog)},
    {CYC_RIG_INSTRUMENT, "safe", CYC_RIG_FLAG, CYC_KIND_TEXT, NO_BOUNDS, "keep|off", CYC_RIG_PLACE_COUNT, false, "keep",
     "what becomes of a chamber's or press's setpoint when the rig is made safe", INTO(_instrument, safe_environment)},
    {CYC_RIG_INSTRUMENT, "note", CYC_RIG_TEXT, CYC_KIND_TEXT, NO_BOUNDS, NO_PLACE, false, NULL,
     "for people; says why it is here if no channel uses it", INTO(_instrument, note)},

    {CYC_RIG_SENSOR, "instrument", CYC_RIG_OUTPUT_NAME, CYC_KIND_TEXT, NO_BOUNDS, NO_PLACE, true, NULL,
     "who measures it; `name.2` is its second input", offsetof(struct cyc_rig_sensor, instrument), offsetof(struct cyc_rig_sensor, output), 0},
    {CYC_RIG_SENSOR, "quantity", CYC_RIG_MEASURED, CYC_KIND_TEXT, NO_BOUNDS, "voltage|current|temperature|pressure|force",
     CYC_RIG_PLACE_COUNT, true, NULL, "what it is; pressure may come from a force over an area", NOWHERE},
    {CYC_RIG_SENSOR, "area", CYC_RIG_QUANTITY, CYC_KIND_AREA, 1e-6, 1e6, NO_PLACE, false, NULL,
     "area under the force, for a pressure", INTO(_sensor, area_cm2)},
    {CYC_RIG_SENSOR, "tare", CYC_RIG_QUANTITY, CYC_KIND_FORCE, NO_BOUNDS, NO_PLACE, false, "0 N",
     "force that is read with nothing pressed; subtracted", INTO(_sensor, tare_N)},
    {CYC_RIG_SENSOR, "calibration", CYC_RIG_OWN_CALIBRATION, CYC_KIND_TEXT, NO_BOUNDS, NULL, CYC_RIG_CALIBRATION, false, NULL,
     "of what is read (the force), before tare and area", NOWHERE},

    {CYC_RIG_CHANNEL, "cycler", CYC_RIG_OUTPUT_NAME, CYC_KIND_TEXT, NO_BOUNDS, NO_PLACE, true, NULL,
     "the instrument that drives the cell; `name.2` is its second output", OUTPUT_INTO(cycler, output)},
    {CYC_RIG_CHANNEL, "chamber", CYC_RIG_OUTPUT_NAME, CYC_KIND_TEXT, NO_BOUNDS, NO_PLACE, false, NULL,
     "the chamber the cell is in", OUTPUT_INTO(chamber, chamber_output)},
    {CYC_RIG_CHANNEL, "press", CYC_RIG_OUTPUT_NAME, CYC_KIND_TEXT, NO_BOUNDS, NO_PLACE, false, NULL,
     "the instrument that sets its pressure", OUTPUT_INTO(press, press_output)},
    {CYC_RIG_CHANNEL, "temperature", CYC_RIG_SENSOR_NAME, CYC_KIND_TEMPERATURE, NO_BOUNDS, NO_PLACE, false, "(the chamber's own)",
     "sensor at the cell", INTO(_channel, temperature)},
    {CYC_RIG_CHANNEL, "pressure", CYC_RIG_SENSOR_NAME, CYC_KIND_PRESSURE, NO_BOUNDS, NO_PLACE, false, "(the press's own)",
     "sensor of the stack pressure", INTO(_channel, pressure)},
    {CYC_RIG_CHANNEL, "ambient", CYC_RIG_SENSOR_NAME, CYC_KIND_TEMPERATURE, NO_BOUNDS, NO_PLACE, false, "(the chamber's own)",
     "sensor of the air around the cell", INTO(_channel, ambient)},
    {CYC_RIG_CHANNEL, "sensors", CYC_RIG_SENSORS, CYC_KIND_TEXT, NO_BOUNDS, NO_PLACE, false, NULL,
     "further sensors; protocols use their names in conditions", INTO(_channel, aux)},
    {CYC_RIG_CHANNEL, "limits", CYC_RIG_MAPPING, CYC_KIND_TEXT, NO_BOUNDS, NULL, CYC_RIG_LIMITS, true, NULL,
     "what no protocol may leave; voltage and current must be stated", NOWHERE},
    {CYC_RIG_CHANNEL, "calibration", CYC_RIG_MAPPING, CYC_KIND_TEXT, NO_BOUNDS, NULL, CYC_RIG_CALIBRATIONS, false, NULL,
     "corrections to what the cycler reads and is asked for", NOWHERE},

    {CYC_RIG_LIMITS, "voltage", CYC_RIG_WINDOW, CYC_KIND_VOLTAGE, -1500, 1500, NO_PLACE, true, NULL,
     "lowest and highest voltage of the cell", INTO(_channel, limits.voltage_min_V)},
    {CYC_RIG_LIMITS, "current", CYC_RIG_BOTH_WAYS, CYC_KIND_CURRENT, -10000, 10000, NO_PLACE, true, NULL,
     "highest current either way, or lowest (discharge, negative) and highest", INTO(_channel, limits.current_min_A)},
    {CYC_RIG_LIMITS, "power", CYC_RIG_QUANTITY, CYC_KIND_POWER, 0.0, 1e6, NO_PLACE, false, NULL,
     "highest power either way", INTO(_channel, power_max_W)},
    {CYC_RIG_LIMITS, "temperature", CYC_RIG_WINDOW, CYC_KIND_TEMPERATURE, -100, 400, NO_PLACE, false, NULL,
     "lowest and highest temperature", INTO(_channel, limits.temperature_min_degC)},
    {CYC_RIG_LIMITS, "pressure", CYC_RIG_WINDOW, CYC_KIND_PRESSURE, -1e5, 1e10, NO_PLACE, false, NULL,
     "lowest and highest pressure", INTO(_channel, limits.pressure_min_Pa)},

    {CYC_RIG_CALIBRATIONS, "voltage", CYC_RIG_MAPPING, CYC_KIND_VOLTAGE, NO_BOUNDS, NULL, CYC_RIG_CALIBRATION, false, NULL,
     "of the voltage", INTO(_channel, voltage)},
    {CYC_RIG_CALIBRATIONS, "current", CYC_RIG_MAPPING, CYC_KIND_CURRENT, NO_BOUNDS, NULL, CYC_RIG_CALIBRATION, false, NULL,
     "of the current", INTO(_channel, current)},

    {CYC_RIG_CALIBRATION, "gain", CYC_RIG_QUANTITY, CYC_KIND_NUMBER, 0.5, 2.0, NO_PLACE, false, "1",
     "true value = gain × reading + offset", CALIBRATION_INTO(gain)},
    {CYC_RIG_CALIBRATION, "offset", CYC_RIG_QUANTITY, CYC_KIND_COUNT, NO_BOUNDS, NO_PLACE, false, "(0)",
     "in the unit of the quantity", CALIBRATION_INTO(offset)},
    {CYC_RIG_CALIBRATION, "date", CYC_RIG_DATE, CYC_KIND_TEXT, NO_BOUNDS, NO_PLACE, false, NULL,
     "when it was calibrated, 2026-01-31", CALIBRATION_INTO(date)},
    {CYC_RIG_CALIBRATION, "due", CYC_RIG_DATE, CYC_KIND_TEXT, NO_BOUNDS, NO_PLACE, false, NULL,
     "when it must be calibrated again; a warning from then on", CALIBRATION_INTO(due)},
};
/* clang-format on */
const unsigned cyc_rig_row_count = sizeof cyc_rig_rows / sizeof cyc_rig_rows[0];
_Static_assert(sizeof cyc_rig_rows / sizeof cyc_rig_rows[0] <= CYC_RIG_ROWS_MAX, "too many rows");

const char *cyc_rig_place_name(enum cyc_rig_place place)
{
    static const char *const names[CYC_RIG_PLACE_COUNT] = {"a rig",
                                                           "a port",
                                                           "an instrument",
                                                           "a sensor",
                                                           "a channel",
                                                           "limits",
                                                           "calibration of a channel",
                                                           "a calibration"};
    return (unsigned)place < CYC_RIG_PLACE_COUNT ? names[place] : "?";
}
