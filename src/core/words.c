/* The words for messages, journal and trace. */
#include "core/core.h"

const char *cyc_mode_name(enum cyc_mode mode)
{
    switch (mode) {
    case CYC_MODE_REST:
        return "rest";
    case CYC_MODE_CC:
        return "cc";
    case CYC_MODE_CV:
        return "cv";
    case CYC_MODE_CCCV:
        return "cccv";
    case CYC_MODE_CP:
        return "cp";
    case CYC_MODE_CPCV:
        return "cpcv";
    case CYC_MODE_CR:
        return "cr";
    case CYC_MODE_SWEEP:
        return "sweep";
    case CYC_MODE_PROFILE:
        return "profile";
    case CYC_MODE_PULSE:
        return "pulse";
    case CYC_MODE_IMPEDANCE:
        return "impedance";
    case CYC_MODE_TEMPERATURE:
        return "temperature";
    case CYC_MODE_PRESSURE:
        return "pressure";
    case CYC_MODE_ASK:
        return "ask";
    }
    return "?";
}

const char *cyc_reason_name(enum cyc_reason reason)
{
    switch (reason) {
    case CYC_REASON_NONE:
        return "none";
    case CYC_REASON_VOLTAGE:
        return "voltage";
    case CYC_REASON_CURRENT:
        return "current";
    case CYC_REASON_TIME:
        return "time";
    case CYC_REASON_CAPACITY:
        return "capacity";
    case CYC_REASON_ENERGY:
        return "energy";
    case CYC_REASON_TEMPERATURE:
        return "temperature";
    case CYC_REASON_PRESSURE:
        return "pressure";
    case CYC_REASON_CONDITION:
        return "condition";
    case CYC_REASON_OPERATOR:
        return "operator";
    case CYC_REASON_PROFILE:
        return "profile";
    case CYC_REASON_FAULT:
        return "fault";
    }
    return "?";
}

const char *cyc_follow_up_name(enum cyc_follow_up action)
{
    switch (action) {
    case CYC_FOLLOW_NEXT:
        return "next";
    case CYC_FOLLOW_LEAVE:
        return "leave";
    case CYC_FOLLOW_GOTO:
        return "goto";
    case CYC_FOLLOW_PAUSE:
        return "pause";
    case CYC_FOLLOW_STOP:
        return "stop";
    case CYC_FOLLOW_FAIL:
        return "fail";
    }
    return "?";
}

const char *cyc_signal_name(unsigned signal)
{
    static const char *const names[CYC_SIGNAL_COUNT] = {
        [CYC_SIGNAL_VOLTAGE] = "voltage",
        [CYC_SIGNAL_CURRENT] = "current",
        [CYC_SIGNAL_POWER] = "power",
        [CYC_SIGNAL_TEMPERATURE] = "temperature",
        [CYC_SIGNAL_AMBIENT] = "ambient_temperature",
        [CYC_SIGNAL_PRESSURE] = "pressure",
        [CYC_SIGNAL_AUX] = "sensor",
        [CYC_SIGNAL_PEAK] = "peak",
        [CYC_SIGNAL_SLOPE] = "slope",
        [CYC_SIGNAL_TIME] = "time",
        [CYC_SIGNAL_HOLD_TIME] = "hold_time",
        [CYC_SIGNAL_CHARGE_CAPACITY] = "charge_capacity",
        [CYC_SIGNAL_DISCHARGE_CAPACITY] = "discharge_capacity",
        [CYC_SIGNAL_NET_CAPACITY] = "net_capacity",
        [CYC_SIGNAL_CAPACITY] = "capacity",
        [CYC_SIGNAL_CHARGE_ENERGY] = "charge_energy",
        [CYC_SIGNAL_DISCHARGE_ENERGY] = "discharge_energy",
        [CYC_SIGNAL_NET_ENERGY] = "net_energy",
        [CYC_SIGNAL_ENERGY] = "energy",
    };
    return signal < CYC_SIGNAL_COUNT ? names[signal] : "?";
}

const char *cyc_signal_text(char text[CYC_SIGNAL_TEXT], unsigned signal, unsigned index)
{
    const bool indexed = signal == CYC_SIGNAL_AUX || signal == CYC_SIGNAL_SLOPE;
    size_t size = 0;
    for (const char *name = cyc_signal_name(signal); *name != '\0'; name++) {
        text[size++] = *name;
    }
    if (indexed) { /* one digit: no list is longer */
        text[size++] = '[';
        text[size++] = (char)('0' + index % 10);
        text[size++] = ']';
    }
    text[size] = '\0';
    return text;
}

const char *cyc_state_name(enum cyc_state state)
{
    switch (state) {
    case CYC_STATE_IDLE:
        return "idle";
    case CYC_STATE_SETTLE:
        return "settle";
    case CYC_STATE_RUN:
        return "run";
    case CYC_STATE_HOLD:
        return "hold";
    case CYC_STATE_PAUSED:
        return "paused";
    case CYC_STATE_FAULT:
        return "fault";
    case CYC_STATE_FINISHED:
        return "finished";
    }
    return "?";
}

const char *cyc_fault_name(enum cyc_fault_kind kind)
{
    switch (kind) {
    case CYC_FAULT_NONE:
        return "none";
    case CYC_FAULT_LIMIT:
        return "limit";
    case CYC_FAULT_TIMEOUT:
        return "timeout";
    case CYC_FAULT_BOUND:
        return "bound";
    case CYC_FAULT_PAUSE:
        return "pause";
    case CYC_FAULT_STALE:
        return "stale";
    case CYC_FAULT_INVALID:
        return "invalid";
    case CYC_FAULT_REPLY:
        return "reply";
    case CYC_FAULT_PROTECTION:
        return "protection";
    case CYC_FAULT_INFEASIBLE:
        return "infeasible";
    case CYC_FAULT_PROGRESS:
        return "progress";
    case CYC_FAULT_INVARIANT:
        return "invariant";
    }
    return "?";
}

const char *cyc_finish_name(enum cyc_finish finish)
{
    switch (finish) {
    case CYC_FINISH_DONE:
        return "done";
    case CYC_FINISH_STOPPED:
        return "stopped";
    case CYC_FINISH_FAILED:
        return "failed";
    case CYC_FINISH_FAULT:
        return "fault";
    }
    return "?";
}

const char *cyc_control_name(enum cyc_control control)
{
    switch (control) {
    case CYC_CONTROL_OPEN:
        return "open";
    case CYC_CONTROL_CURRENT:
        return "current";
    case CYC_CONTROL_VOLTAGE:
        return "voltage";
    case CYC_CONTROL_POWER:
        return "power";
    case CYC_CONTROL_LOAD:
        return "load";
    }
    return "?";
}

enum cyc_kind cyc_signal_kind(unsigned signal)
{
    switch ((enum cyc_signal)signal) {
    case CYC_SIGNAL_VOLTAGE:
    case CYC_SIGNAL_PEAK:
        return CYC_KIND_VOLTAGE;
    case CYC_SIGNAL_CURRENT:
        return CYC_KIND_CURRENT;
    case CYC_SIGNAL_POWER:
        return CYC_KIND_POWER;
    case CYC_SIGNAL_TEMPERATURE:
    case CYC_SIGNAL_AMBIENT:
        return CYC_KIND_TEMPERATURE;
    case CYC_SIGNAL_PRESSURE:
        return CYC_KIND_PRESSURE;
    case CYC_SIGNAL_TIME:
    case CYC_SIGNAL_HOLD_TIME:
        return CYC_KIND_TIME;
    case CYC_SIGNAL_CHARGE_CAPACITY:
    case CYC_SIGNAL_DISCHARGE_CAPACITY:
    case CYC_SIGNAL_NET_CAPACITY:
    case CYC_SIGNAL_CAPACITY:
        return CYC_KIND_CAPACITY;
    case CYC_SIGNAL_CHARGE_ENERGY:
    case CYC_SIGNAL_DISCHARGE_ENERGY:
    case CYC_SIGNAL_NET_ENERGY:
    case CYC_SIGNAL_ENERGY:
        return CYC_KIND_ENERGY;
    case CYC_SIGNAL_AUX:
    case CYC_SIGNAL_SLOPE:
    case CYC_SIGNAL_COUNT:
        break;
    }
    return CYC_KIND_NUMBER;
}
