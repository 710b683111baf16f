/* Drivers: one kind of instrument each, behind one table of functions.
 *
 * A driver knows the wire protocol of its instrument and nothing of protocols, channels or limits'
 * origin. Three forms, one interface: C built in (drivers/<name>/driver.c), Lua
 * (drivers/<name>/driver.lua, the normal way), C plug-in (a shared object with
 * `const struct cyc_driver cyc_driver_plugin`).
 *
 * All calls block, at most until the deadline they are given (time of the bus); the bus enforces
 * it. `identify` and `measure` change nothing on the instrument, neither does `open`. Nothing
 * is allocated after `open`.
 */
#ifndef CYC_DEVICE_DRIVER_H
#define CYC_DEVICE_DRIVER_H

#include "base/quantity.h"
#include "core/types.h"
#include "device/bus.h"

#define CYC_DRIVER_API       1
#define CYC_DRIVER_NAME_SIZE 64
#define CYC_OUTPUTS_MAX      64 /* of one instrument */

/* What an instrument is to a channel; several bits may be set. */
enum cyc_role {
    CYC_ROLE_CYCLER = 1u << 0, /* drives and measures a cell */
    CYC_ROLE_CHAMBER = 1u << 1,
    CYC_ROLE_PRESS = 1u << 2, /* sets a pressure */
    CYC_ROLE_SENSOR = 1u << 3 /* only measures */
};

/* What an instrument may measure; values in SI (degC for temperatures). */
enum cyc_measurand {
    CYC_MEASURAND_VOLTAGE,
    CYC_MEASURAND_CURRENT, /* positive charges the cell */
    CYC_MEASURAND_TEMPERATURE,
    CYC_MEASURAND_TEMPERATURE_SET, /* the setpoint, as read back */
    CYC_MEASURAND_PRESSURE,
    CYC_MEASURAND_PRESSURE_SET,
    CYC_MEASURAND_FORCE,  /* N */
    CYC_MEASURAND_CHARGE, /* the instrument's own counter, Ah, since it was last applied */
    CYC_MEASURAND_ENERGY, /* Wh */
    CYC_MEASURAND_COUNT
};
const char *cyc_measurand_name(enum cyc_measurand measurand);
enum cyc_kind cyc_measurand_kind(enum cyc_measurand measurand);

enum cyc_trait {
    CYC_TRAIT_FOUR_WIRE = 1u << 0,
    CYC_TRAIT_CROSSES_OVER = 1u << 1, /* goes from CC to CV by itself and says so (SAMPLE_CV) */
    CYC_TRAIT_RUNS_STEPS = 1u << 2,   /* a setpoint runs in the instrument to its own end */
    CYC_TRAIT_OWN_CUTOFF = 1u << 3,   /* ends by itself at backstop_*_V when nobody speaks to it */
    CYC_TRAIT_STREAMS = 1u << 4,      /* talks unasked */
    CYC_TRAIT_SHARES_PORT = 1u << 5,  /* has an address: several on one port */
    CYC_TRAIT_RAMPS = 1u << 6         /* a chamber that goes to its setpoint at a given rate */
};
enum cyc_watchdog { CYC_WATCHDOG_NONE, CYC_WATCHDOG_INSTRUMENT, CYC_WATCHDOG_EXTERNAL };

#define CYC_RANGES_MAX 12
struct cyc_capabilities {
    uint32_t roles;      /* enum cyc_role */
    uint32_t controls;   /* 1u << enum cyc_control */
    uint32_t measurands; /* 1u << enum cyc_measurand */
    uint32_t traits;     /* enum cyc_trait */
    enum cyc_watchdog watchdog;
    unsigned output_count; /* 1 for most; sensors and chambers: 1 */
    double voltage_min_V, voltage_max_V;
    double current_min_A, current_max_A; /* signed: discharge negative */
    double power_max_W;
    double current_ranges_A[CYC_RANGES_MAX]; /* ascending; none: count 0 */
    unsigned current_range_count;
    double temperature_min_degC, temperature_max_degC;
    double pressure_min_Pa, pressure_max_Pa;
    double resolution[CYC_MEASURAND_COUNT]; /* NaN: not known */
    double accuracy[CYC_MEASURAND_COUNT];   /* of full scale, absolute; NaN: not known */
    int64_t fastest_sample_ns;
    int64_t safe_ns; /* longest time that `safe` takes on this wire */
};

struct cyc_identity {
    char maker[64], model[64], serial_number[64], firmware[64]; /* "": does not say */
    bool power_on; /* was reset or switched on since it was last asked (SCPI: the PON bit) */
};

/* Protections to be written into the instrument and read back: bounds it must not leave. NaN:
 * none asked. From the channel's limits. */
struct cyc_protection {
    double voltage_min_V, voltage_max_V;
    double current_min_A, current_max_A;
    double temperature_min_degC, temperature_max_degC;
    double pressure_min_Pa, pressure_max_Pa;
};

/* One setpoint, with all an instrument needs to carry it out safely. */
struct cyc_drive {
    struct cyc_setpoint setpoint;
    struct cyc_protection bounds; /* as in `protect`: compliance in current control lies within */
    double latest_V;              /* last measured at this output; NaN: the driver measures first */
    /* For instruments that run by themselves (RUNS_STEPS): where they stop if nobody speaks to
     * them, and when at the latest. They are applied again in slices while the lease lives. */
    double backstop_low_V, backstop_high_V;
    int64_t backstop_after_ns;
};

/* One measurement of one output. */
struct cyc_reading {
    int64_t t_ns;                       /* time of the bus, middle of the exchange */
    uint32_t flags;                     /* enum cyc_sample_flag: OUTPUT_ON, CV, ENDED, PROTECTION */
    uint32_t valid;                     /* 1u << measurand: measured, and a number */
    double values[CYC_MEASURAND_COUNT]; /* NaN where not valid */
    char why[48];     /* why something is not valid: "overflow", "over range"; "" */
    int64_t since_ns; /* not a driver's: its port knows when it switched the output to what is read;
                         0: it has not */
};

struct cyc_driver_option {
    const char *name;     /* "terminator"; NULL ends the list */
    enum cyc_kind kind;   /* NUMBER, TIME, …, TEXT, BOOLEAN ("yes", "no") */
    double low, high;     /* bounds, in SI; NaN: none */
    const char *choices;  /* TEXT: "a|b|c", or NULL */
    const char *fallback; /* as an author writes it; NULL: must be given */
    const char *help;     /* one sentence without a full stop */
};
/* A value as read: text as written, number in SI (booleans 0 and 1). */
struct cyc_driver_setting {
    const char *name;
    const char *text;
    double number;
};

struct cyc_instrument; /* an opened driver: its bus, options and state */

struct cyc_driver {
    uint32_t api;       /* CYC_DRIVER_API */
    const char *name;   /* the folder: "keithley_2400" */
    const char *title;  /* "Keithley 2400 SourceMeter (SCPI, RS-232)" */
    const char *models; /* what `identify` accepts, for people */
    uint32_t roles;
    struct cyc_bus_settings bus;             /* factory settings of the instrument */
    const struct cyc_driver_option *options; /* beside those of the bus; NULL: none */
    size_t state_size;                       /* of its own state, zeroed before open */

    /* Takes its settings; sends nothing. May change *capabilities by model. */
    int (*open)(struct cyc_instrument *instrument, struct cyc_err *err);
    void (*close)(struct cyc_instrument *instrument); /* may be NULL */
    /* Reads who answers. CYC_E_IDENTITY: another kind of instrument. Instruments that cannot say
     * who they are answer with empty fields once they have spoken sensibly. */
    int (*identify)(struct cyc_instrument *instrument, struct cyc_identity *identity,
                    int64_t deadline_ns, struct cyc_err *err);
    /* What it can do; after identify it may depend on the model. No exchange. */
    int (*capabilities)(struct cyc_instrument *instrument, struct cyc_capabilities *capabilities,
                        struct cyc_err *err);
    /* Sets the instrument up for a cell with its output off (off state high impedance, sense,
     * ranges) and writes the protections, reading each back. Refused while the output is on. */
    int (*protect)(struct cyc_instrument *instrument, unsigned output,
                   const struct cyc_protection *protection, int64_t deadline_ns,
                   struct cyc_err *err);
    /* Carries out one setpoint and reads it back. CONTROL_OPEN: no current: the output off, or 0 A
     * where an instrument measures nothing with its output off; off for certain when `protect` has
     * not been called since `safe`, in which state all other setpoints are refused. Chambers,
     * presses: NULL. */
    int (*apply)(struct cyc_instrument *instrument, unsigned output, const struct cyc_drive *drive,
                 int64_t deadline_ns, struct cyc_err *err);
    /* Chambers and presses: set temperature or pressure, read it back. Others: NULL. */
    int (*environment)(struct cyc_instrument *instrument, unsigned output,
                       const struct cyc_environment *environment,
                       const struct cyc_protection *bounds, int64_t deadline_ns,
                       struct cyc_err *err);
    /* One that talks unasked has nothing new between its reports: it gives the last one once more,
     * with the same t_ns, and never waits for the next. */
    int (*measure)(struct cyc_instrument *instrument, unsigned output, struct cyc_reading *reading,
                   int64_t deadline_ns, struct cyc_err *err);
    /* Output off from any state, without identification, and seen to be off. Cyclers: must be
     * there. Chambers, presses: to the safe state that the rig asks for (may be NULL). Works on a
     * bus that is out of step. Where it is only seen after a while (a report every two seconds) the
     * command goes out at once, CYC_E_TIMEOUT says "not yet", and the next call goes on looking. */
    int (*safe)(struct cyc_instrument *instrument, unsigned output, int64_t deadline_ns,
                struct cyc_err *err);
    /* Feeds the instrument's own watchdog; NULL: none, or any command does. */
    int (*keepalive)(struct cyc_instrument *instrument, int64_t deadline_ns, struct cyc_err *err);
    /* After a time-out: finds the step again on a drained bus and calls cyc_bus_in_step(). Changes
     * no output. NULL: identify does. */
    int (*resync)(struct cyc_instrument *instrument, int64_t deadline_ns, struct cyc_err *err);
    /* What came over the wire in another process's time is forgotten; NULL: nothing is kept. */
    const void *implementation; /* a Lua driver's own; built-in drivers: NULL */
};

/* ---- An opened driver ---------------------------------------------------------------------------
 */

/* `bus` is borrowed (several instruments may share it), so are the settings during the call. */
int cyc_instrument_open(const struct cyc_driver *driver, struct cyc_bus *bus,
                        const struct cyc_driver_setting *settings, unsigned setting_count,
                        struct cyc_instrument **instrument, struct cyc_err *err);
void cyc_instrument_close(struct cyc_instrument *instrument);
const struct cyc_driver *cyc_instrument_driver(const struct cyc_instrument *instrument);
struct cyc_bus *cyc_instrument_bus(struct cyc_instrument *instrument);
void *cyc_instrument_state(struct cyc_instrument *instrument);
/* Who has to answer; "": anybody. `identify` asks another one nothing more: what is read from it
 * may be gone for those whose it is. */
void cyc_instrument_expect(struct cyc_instrument *instrument, const char *serial_number);
bool cyc_instrument_is_expected(const struct cyc_instrument *instrument,
                                const struct cyc_identity *identity);
/* A setting by name: the value given, else its fallback. Aborts on a name that the driver does
 * not have: a defect of the driver. */
double cyc_instrument_number(const struct cyc_instrument *instrument, const char *name);
const char *cyc_instrument_text(const struct cyc_instrument *instrument, const char *name);

/* ---- All drivers that there are
 * ------------------------------------------------------------------ */

struct cyc_registry; /* owned by whoever opened it */

/* Built-in drivers (ended by NULL), then <folder>/<name>/driver.lua of each folder (ended by NULL).
 * A broken Lua driver is diagnosed when it is asked for. */
int cyc_registry_open(const struct cyc_driver *const *builtin, const char *const *folders,
                      struct cyc_registry **registry, struct cyc_err *err);
void cyc_registry_close(struct cyc_registry *registry);
/* By name, or a path to a .lua file or a .so. CYC_E_UNKNOWN_NAME names the nearest. Every driver
 * is checked before it is handed out. Borrowed from the registry. */
int cyc_registry_find(struct cyc_registry *registry, const char *name,
                      const struct cyc_driver **driver, struct cyc_err *err);
/* Names, sorted, ended by NULL; borrowed. */
const char *const *cyc_registry_names(const struct cyc_registry *registry);

/* Every fault of a driver's table, one line each; CYC_E_INPUT when there is one. */
int cyc_driver_check(const struct cyc_driver *driver, struct cyc_text *faults);
/* Checks what a rig gives to a driver: names, kinds, bounds, choices. Without a place. */
int cyc_driver_check_setting(const struct cyc_driver *driver, const char *name, const char *text,
                             struct cyc_driver_setting *setting, struct cyc_err *err);

#endif
