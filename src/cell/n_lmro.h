/* Types of the N-LMRO model; the essay is in n_lmro.c. */
#ifndef CYC_CELL_N_LMRO_H
#define CYC_CELL_N_LMRO_H

#include "cell/climate.h"

#include <stdbool.h>
#include <stdint.h>

#define CYC_N_LMRO_PARAMETERS(X)                                                                   \
    X(E_ref, "V", 0.62, "potential of the counter electrode against Li/Li+")                       \
    X(u, "1", 1, "utilisation of the active material")                                             \
    X(Q_N, "mAh/g", 126, "main host: capacity of the NCM part")                                    \
    X(U_N, "V", 3.85, "its potential")                                                             \
    X(W_N, "V", 0.10, "its width")                                                                 \
    X(Q_M, "mAh/g", 138.4, "main host: capacity of the activated Li2MnO3 part")                    \
    X(f1, "1", 0.55, "share of the lower of its two sites")                                        \
    X(U_1, "V", 3.28, "potential of the lower site")                                               \
    X(W_1, "V", 0.15, "its width")                                                                 \
    X(U_2, "V", 4.12, "potential of the upper site")                                               \
    X(W_2, "V", 0.09, "its width")                                                                 \
    X(Q_S, "mAh/g", 32.2, "slow host: capacity")                                                   \
    X(U_S, "V", 3.25, "its potential")                                                             \
    X(W_S, "V", 0.25, "its width")                                                                 \
    X(tau_s30, "h", 150, "its time constant at 30 degC")                                           \
    X(Ea_s, "kJ/mol", 150, "and activation energy")                                                \
    X(R0_30, "ohm g", 0.45, "ohmic resistance at 30 degC")                                         \
    X(Ea0, "kJ/mol", 34, "and activation energy")                                                  \
    X(R1_30, "ohm g", 0.50, "resistance of the fast interface at 30 degC")                         \
    X(Ea1, "kJ/mol", 45, "and activation energy")                                                  \
    X(tau1, "s", 5, "its time constant")                                                           \
    X(R2_30, "ohm g", 1.0, "resistance of the slow interface at 30 degC")                          \
    X(Ea2, "kJ/mol", 45, "and activation energy")                                                  \
    X(tau2, "s", 900, "its time constant")                                                         \
    X(R_add, "ohm g", 0, "resistance of a surface layer, in series with the slow interface")       \
    X(tau_w30, "h", 0.413, "diffusion: time constant at 30 degC")                                  \
    X(Ea_w, "kJ/mol", 77.0, "and activation energy")                                               \
    X(M_0, "V", 0.02, "hysteresis before activation")                                              \
    X(M_a, "V", 0.08, "further hysteresis when activated")                                         \
    X(gamma, "1", 20, "rate of hysteresis per capacity")                                           \
    X(k_a, "1/h", 1.0, "rate of activation")                                                       \
    X(Ea_a, "kJ/mol", 10, "and activation energy")                                                 \
    X(E_act, "V", 4.53, "potential of activation")                                                 \
    X(W_act, "V", 0.04, "its width")                                                               \
    X(B0, "1", 0.507, "accessible part of Li2MnO3 at the start")                                   \
    X(K_B, "1", 0.527, "growth of access per equivalent full cycle at 30 degC")                    \
    X(Ea_B, "kJ/mol", 18.2, "and activation energy")                                               \
    X(K_H, "1/h", 0.3, "growth of access above 4.80 V")                                            \
    X(A_max, "mAh/g", 224, "charge of full activation, reversible part included")                  \
    X(K_c, "1", 50, "contact loss per relative pressure drop")                                     \
    X(n_c, "1", 1, "1: contact depends on pressure; 0: liquid electrolyte")                        \
    X(Q_ox, "mAh/g", 12, "charge of the first-charge interphase")                                  \
    X(G_1, "1", 0.338, "interphase formed at 3.9 V")                                               \
    X(G_2, "1", 0.698, "interphase formed at 4.4 V")                                               \
    X(p_ox, "MPa", 0.414, "pressure drop by the interphase")                                       \
    X(p_rev, "MPa", 0.1134, "reversible pressure change")                                          \
    X(p_a, "MPa", 0.02, "pressure drop by activation")                                             \
    X(beta_T, "MPa/K", 0, "thermal expansion of the stack, from 30 degC")                          \
    X(i_s, "mA/g", 0.04, "side reaction at 4.6 V and 30 degC")                                     \
    X(Ea_i, "kJ/mol", 40, "and activation energy")                                                 \
    X(W_i, "V", 0.15, "its dependence on potential")                                               \
    X(k_1, "1", 1.81e-5, "loss of active material per equivalent full cycle at 30 degC")           \
    X(Ea_F, "kJ/mol", 50, "and activation energy")                                                 \
    X(kappa, "1", 7.60e-9, "further loss per squared equivalent full cycle at 30 degC")            \
    X(Ea_kappa, "kJ/mol", 160, "and activation energy")                                            \
    X(k_delta, "V", 2.0e-5, "voltage decay per equivalent full cycle at 30 degC")                  \
    X(Ea_delta, "kJ/mol", 56, "and activation energy")                                             \
    X(step_max, "s", 36, "longest step of the model")                                              \
    X(step_charge, "mAh/g", 0.25, "most charge in one step")                                       \
    CYC_CLIMATE_PARAMETERS(X)

struct cyc_n_lmro_values {
#define CYC_N_LMRO_FIELD(name, unit, value, help) double name;
    CYC_N_LMRO_PARAMETERS(CYC_N_LMRO_FIELD)
#undef CYC_N_LMRO_FIELD
};

/* Charges in mAh/g, potentials in V, pressures in MPa. */
struct cyc_n_lmro_state {
    double main;       /* q_m: charge in the main host */
    double slow;       /* q_s: charge in the slow host */
    double surface;    /* w: surface minus bulk charge */
    double active;     /* a: activated fraction of Li2MnO3 */
    double formed;     /* N: formation progress */
    double interphase; /* x: extent of the first-charge interphase */
    double rc1_V, rc2_V;
    double hysteresis; /* h: -1 … 1 */
    double factor;     /* F: active material left */
    double decay_V;    /* delta: voltage decay */
    double cycles;     /* n: equivalent full cycles */
    double surface_V;  /* U: potential of the main host at its surface */
    double slope;      /* dq_m/dU there, mAh/g per V */
    double ncm;        /* part of the NCM sites that is charged */
    double lost;       /* charge that left by irreversible ways: for the balance */
    double faded;      /* charge that left with lost material */
    double current;    /* mA/g: in the step that led here */
    double next_step_s;
};

/* Rates and resistances, by temperature, pressure and interphase at the base state. */
struct cyc_n_lmro_rates {
    double temperature_degC, press_Pa, interphase; /* they hold for these */
    double contact;                                /* c */
    double r0, r1, r2;                             /* V per mA/g */
    double tau_w_h, tau_s_h;
    double activation, access, side, fade, fade_square, decay;
};

/* What a step takes from the state it begins with, whatever its length and current. */
struct cyc_n_lmro_frozen {
    double useful;         /* F u */
    double capacity;       /* of the main host, for the hysteresis */
    double room;           /* accessible and not yet active */
    double activation;     /* rate, 1/h */
    double access_by_time; /* dN/dt, 1/h */
    double interphase_goal;
    double slow_goal;
    double side; /* side reaction, mA/g */
};

struct cyc_n_lmro {
    struct cyc_n_lmro_values values;
    double mass_g;
    struct cyc_n_lmro_rates rates;
    struct cyc_n_lmro_frozen frozen;
    int64_t frozen_ns; /* base state that it is for */
};

#endif
