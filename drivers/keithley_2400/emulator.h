/* Inside of the emulated Keithley 2400: what emulator.c (commands, the instrument),
 * emulator_settings.c and emulator_output.c (what the output does, readings) share. */
#ifndef CYC_DRIVERS_KEITHLEY_2400_EMULATOR_H
#define CYC_DRIVERS_KEITHLEY_2400_EMULATOR_H

#include "emulate/emulate.h"
#include "emulate/fault.h"
#include "emulate/scpi.h"

#define NOT_A_NUMBER  9.91e37
#define OVERFLOW_CODE 9.9e37
#define OVER_RANGE    1.05
#define OFF_FRACTION  0.005 /* of full scale: compliance of the off states */
#define MS_PER_PLC    20.0

#define CODE_CONFLICT   (-221)
#define CODE_RANGE      (-222)
#define CODE_VALUE      (-224)
#define CODE_UNDEFINED  (-113)
#define CODE_NOT_WANTED (-108)
#define CODE_MISSING    (-109)
#define CODE_INTERLOCK  802
#define CODE_OUTPUT_OFF 803
#define CODE_TOO_HOT    810

/* ---- Settings -----------------------------------------------------------------------------------
 */

enum kind { BOOLEAN, NUMBER, CHOICE };

enum off_state { OFF_HIMP, OFF_NORM, OFF_ZERO, OFF_GUARD };
enum function { FUNCTION_VOLT, FUNCTION_CURR };

/* id, kind, lowest, highest, after *RST, choices, effect, header. `V` and `A` stand for the
 * model's largest voltage and current. */
enum effect { NONE, DRIVES, SENSE, SWITCHES, FUNCTION, LEVEL, RANGE, COMPLIANCE, MEASURE_RANGE };

#define V_MAX 210.0
#define A_MAX 1.05
#define SETTINGS(X)                                                                                \
    X(OUTPUT, BOOLEAN, 0, 1, 0, NULL, SWITCHES, "OUTPut[1][:STATe]")                               \
    X(OFF_STATE, CHOICE, 0, 3, OFF_NORM, "HIMPedance|NORMal|ZERO|GUARd", DRIVES,                   \
      "OUTPut[1]:SMODe")                                                                           \
    X(ENABLE, BOOLEAN, 0, 1, 0, NULL, DRIVES, "OUTPut[1]:ENABle[:STATe]")                          \
    X(FOUR_WIRE, BOOLEAN, 0, 1, 0, NULL, SENSE, "SYSTem:RSENse")                                   \
    X(FUNCTION, CHOICE, 0, 1, FUNCTION_VOLT, "VOLTage|CURRent", FUNCTION,                          \
      "SOURce[1]:FUNCtion[:MODE]")                                                                 \
    X(VOLT_MODE, CHOICE, 0, 0, 0, "FIXed", NONE, "SOURce[1]:VOLTage:MODE")                         \
    X(CURR_MODE, CHOICE, 0, 0, 0, "FIXed", NONE, "SOURce[1]:CURRent:MODE")                         \
    X(VOLT, NUMBER, -V_MAX, V_MAX, 0, NULL, LEVEL,                                                 \
      "SOURce[1]:VOLTage[:LEVel][:IMMediate][:AMPLitude]")                                         \
    X(CURR, NUMBER, -A_MAX, A_MAX, 0, NULL, LEVEL,                                                 \
      "SOURce[1]:CURRent[:LEVel][:IMMediate][:AMPLitude]")                                         \
    X(VOLT_RANGE, NUMBER, -V_MAX, V_MAX, 20, NULL, RANGE, "SOURce[1]:VOLTage:RANGe")               \
    X(CURR_RANGE, NUMBER, -A_MAX, A_MAX, 1e-4, NULL, RANGE, "SOURce[1]:CURRent:RANGe")             \
    X(VOLT_AUTO, BOOLEAN, 0, 1, 1, NULL, DRIVES, "SOURce[1]:VOLTage:RANGe:AUTO")                   \
    X(CURR_AUTO, BOOLEAN, 0, 1, 1, NULL, DRIVES, "SOURce[1]:CURRent:RANGe:AUTO")                   \
    X(SOURCE_LIMIT, NUMBER, -500, 500, 160, NULL, DRIVES, "SOURce[1]:VOLTage:PROTection[:LEVel]")  \
    X(VOLT_PROT, NUMBER, -V_MAX, V_MAX, 21, NULL, COMPLIANCE,                                      \
      "[SENSe[1]]:VOLTage[:DC]:PROTection[:LEVel]")                                                \
    X(CURR_PROT, NUMBER, -A_MAX, A_MAX, 1.05e-4, NULL, COMPLIANCE,                                 \
      "[SENSe[1]]:CURRent[:DC]:PROTection[:LEVel]")                                                \
    X(VOLT_SENSE, NUMBER, -V_MAX, V_MAX, 21, NULL, MEASURE_RANGE,                                  \
      "[SENSe[1]]:VOLTage[:DC]:RANGe[:UPPer]")                                                     \
    X(CURR_SENSE, NUMBER, -A_MAX, A_MAX, 1.05e-4, NULL, MEASURE_RANGE,                             \
      "[SENSe[1]]:CURRent[:DC]:RANGe[:UPPer]")                                                     \
    X(VOLT_SENSE_AUTO, BOOLEAN, 0, 1, 1, NULL, DRIVES, "[SENSe[1]]:VOLTage[:DC]:RANGe:AUTO")       \
    X(CURR_SENSE_AUTO, BOOLEAN, 0, 1, 1, NULL, DRIVES, "[SENSe[1]]:CURRent[:DC]:RANGe:AUTO")       \
    X(NPLC, NUMBER, 0.01, 10, 1, NULL, NONE, "[SENSe[1]]:VOLTage[:DC]:NPLCycles")                  \
    X(CONCURRENT, BOOLEAN, 0, 1, 1, NULL, NONE, "[SENSe[1]]:FUNCtion:CONCurrent")                  \
    X(AUTO_OFF, BOOLEAN, 0, 1, 0, NULL, NONE, "SOURce[1]:CLEar:AUTO")                              \
    X(AUTO_ZERO, CHOICE, 0, 2, 1, "OFF|ON|ONCE", NONE, "SYSTem:AZERo[:STATe]")                     \
    X(DELAY, NUMBER, 0, 9999.999, 0, NULL, NONE, "SOURce[1]:DELay")                                \
    X(DELAY_AUTO, BOOLEAN, 0, 1, 1, NULL, NONE, "SOURce[1]:DELay:AUTO")                            \
    X(FILTER, BOOLEAN, 0, 1, 0, NULL, NONE, "[SENSe[1]]:AVERage[:STATe]")                          \
    X(FILTER_COUNT, NUMBER, 1, 100, 10, NULL, NONE, "[SENSe[1]]:AVERage:COUNt")                    \
    X(TRIGGERS, NUMBER, 1, 2500, 1, NULL, NONE, "TRIGger[:SEQuence1]:COUNt")                       \
    X(ARMS, NUMBER, 1, 2500, 1, NULL, NONE, "ARM[:SEQuence1]:COUNt")                               \
    X(BEEPER, BOOLEAN, 0, 1, 1, NULL, NONE, "SYSTem:BEEPer[:STATe]")                               \
    X(DISPLAY, BOOLEAN, 0, 1, 1, NULL, NONE, "DISPlay:ENABle")                                     \
    X(LOCKED, BOOLEAN, 0, 1, 0, NULL, NONE, "SYSTem:RWLock[:STATe]")

enum setting {
#define SETTING_ID(id, kind, low, high, rst, choices, effect, header) SET_##id,
    SETTINGS(SETTING_ID)
#undef SETTING_ID
        SETTING_COUNT
};

struct setting_row {
    const char *header;
    const char *choices;
    double low, high, after_reset;
    enum kind kind;
    enum effect effect;
};

extern const struct setting_row cyc_keithley_rows[];

enum element { ELEMENT_VOLT, ELEMENT_CURR, ELEMENT_RES, ELEMENT_TIME, ELEMENT_STATUS, ELEMENTS };
#define MEASURES(element) (1u << (element))

struct keithley {
    struct cyc_scpi_unit scpi;
    double set[SETTING_COUNT];
    double before[SETTING_COUNT]; /* before the message at hand */
    unsigned elements;            /* bit per enum element: FORMat:ELEMents */
    unsigned functions;           /* bit per enum element: what is measured */
    bool latched;                 /* the output relay tripped; the settings know nothing of it */
    bool keeps_output;            /* when the source function changes */
    enum off_state saved_off;     /* the off state of the power-on setup that a user has saved */
    double baud;                  /* of the line; 0: readings take no time either */
    double last[ELEMENTS];        /* the last reading */
    bool has_reading;
    int64_t zero_ns; /* the timestamps count from here */
    char identity[160];
};

/* ---- What the output does, and what is read ---------------------------------------------------
 */

struct compliance {
    double value;
    bool by_range; /* a fixed measurement range limits, not the programmed value */
};

/* The smallest range for a value. */
double cyc_keithley_range(bool volts, double value);
/* The range of SET_VOLT or SET_CURR. */
double cyc_keithley_source_range(const struct keithley *k, enum setting level);
/* Full scale of a fixed measurement range; NaN while it ranges by itself. */
double cyc_keithley_fixed_range(const struct keithley *k, enum setting sense,
                                enum setting automatic);
/* The output does what the settings say. */
void cyc_keithley_drive(struct keithley *k);
bool cyc_keithley_in_compliance(const struct keithley *k, const struct cyc_terminals *seen);
bool cyc_keithley_blocked(const struct keithley *k);
/* Takes the readings that were asked for; into `answer` where there is one. */
int cyc_keithley_initiate(struct keithley *k, struct cyc_text *answer);
void cyc_keithley_append_reading(const struct keithley *k, struct cyc_text *answer);

/* ---- Settings ---------------------------------------------------------------------------------
 */

bool cyc_keithley_is_setting(unsigned id, const char *header);
int cyc_keithley_change(struct keithley *k, enum setting id,
                        const struct cyc_scpi_unit_command *command);
void cyc_keithley_ask(const struct setting_row *row, double value, struct cyc_text *answer);

#endif
