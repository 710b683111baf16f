/* A lumped model of the cell of Song et al., Adv. Energy Mater. 2024, 14, 2403374: lithium- and
 * manganese-rich oxide (0.5 LiNi1/3Co1/3Mn1/3O2 . 0.5 Li2MnO3) | Li6PS5Cl | Li-In, under pressure.
 *
 * The paper gives capacities, retentions and pressure changes; the equations and their parameters
 * are ours, calibrated so that the paper's numbers come out (marked in protocols/cells/). It is a
 * model to test protocols on, not a theory of the material, and good for about 20 to 65 degC.
 *
 * All is per gram of oxide: I in mA/g (charge positive), q in mAh/g, resistances in ohm g,
 * potentials against Li/Li+. s(x) = 1 / (1 + exp(-x)). Rates are multiplied by
 * k(Ea) = exp(-Ea/R (1/T - 1/303.15 K)), resistances and time constants divided by it.
 *
 * Open circuit. Charge sits in sites with a logistic isotherm each (as in the multi-species,
 * multi-reaction model, Verbrugge et al. 2017):
 *     q_m(U) = F u (Q_N s((U-U_N)/W_N) + Q_M a (f1 s((U-U_1+d)/W_1) + (1-f1) s((U-U_2+d)/W_2)))
 * U is that of the surface, where the charge is q_m + w.
 *
 * Voltage. V = U + (M_0 + M_a a) h + v1 + v2 + I R0 - E_ref, with a one-state hysteresis h
 * (Plett 2004), two RC pairs, and w: the first mode of diffusion in a sphere. Resistance and
 * diffusion grow with contact loss c = exp(n_c K_c p_ox (x/P - 0.395/50)): the interphase that the
 * first charge makes (x) costs pressure.
 *
 * Slow host. A capacity Q_S that only warm cells reach relaxes towards its equilibrium with U.
 *
 * Activation. Above E_act the accessible Li2MnO3 (A, growing with charge passed and with time above
 * 4.8 V: N) turns into sites that appear empty, that is, charged; part of that charge never
 * returns (A_max - Q_M - Q_S): the low first coulombic efficiency.
 *
 * Balance, exact at every step:
 *     I dt = dq_m + dq_s + (A_max-Q_M-Q_S) F u da + Q_ox dx + side reaction dt   (+ fading)
 *
 * A step freezes E and U, takes every linear part by its exact exponential, and ends with the new U.
 * It is of first order: steps of at most 36 s and 0.25 mAh/g leave 0.03 % in the capacities.
 *
 * Left out: calendar ageing, rate-dependent fade, gas, an anode of its own, and the cell's heat
 * (about 0.2 mW: 1 mK).
 */
#include "cell/n_lmro_int.h"

#include <math.h>

#define GAS_KJ_PER_MOL_K 8.314462618e-3
#define KELVIN           273.15
#define REFERENCE_K      303.15
#define FULL_CYCLE       400.0 /* mAh/g of an equivalent full cycle: twice the nominal 200 */
#define CONTACT_MAX      100.0 /* without pressure: next to no contact, but finite */
#define REFERENCE_DROP   0.395 /* interphase times pressure drop of a formed cell, MPa */
#define REFERENCE_MPA    50.0
#define OUTSIDE_V        0.2  /* per mAh/g beyond what the sites can hold */
#define SURFACE_V_MAX    7.0
#define INTERPHASE_H     0.5

static double logistic(double x)
{
    return 1 / (1 + exp(-x));
}

/* The part of a way that is gone after x time constants. */
static double gone(double x)
{
    return -expm1(-x);
}

/* ---- Open circuit ----------------------------------------------------------------------------------- */

struct sites {
    double ncm, lower, upper; /* capacities, mAh/g */
    double shift_V;
    const struct cyc_n_lmro_values *p;
};

static struct sites sites_of(const struct cyc_n_lmro *model, const struct cyc_n_lmro_state *state)
{
    const struct cyc_n_lmro_values *p = &model->values;
    const double useful = state->factor * p->u;
    const double manganese = useful * p->Q_M * state->active;
    return (struct sites){.ncm = useful * p->Q_N,
                          .lower = manganese * p->f1,
                          .upper = manganese * (1 - p->f1),
                          .shift_V = state->decay_V,
                          .p = p};
}

static double charge_at(const struct sites *sites, double potential_V, double *slope)
{
    const struct cyc_n_lmro_values *p = sites->p;
    const double ncm = logistic((potential_V - p->U_N) / p->W_N);
    double charge = sites->ncm * ncm;
    *slope = charge * (1 - ncm) / p->W_N;
    if (sites->lower + sites->upper > 0) {
        const double shifted_V = potential_V + sites->shift_V;
        const double lower = logistic((shifted_V - p->U_1) / p->W_1);
        const double upper = logistic((shifted_V - p->U_2) / p->W_2);
        charge += sites->lower * lower + sites->upper * upper;
        *slope += sites->lower * lower * (1 - lower) / p->W_1 +
                  sites->upper * upper * (1 - upper) / p->W_2;
    }
    return charge;
}

/* Newton from a guess, kept in a bracket. */
double cyc_n_lmro_potential_V(const struct cyc_n_lmro *model, const struct cyc_n_lmro_state *state,
                              double charge, double guess_V, double *slope)
{
    const struct sites sites = sites_of(model, state);
    double low_V = 0;
    double high_V = SURFACE_V_MAX;
    double potential_V = guess_V > low_V && guess_V < high_V ? guess_V : 3.5;
    for (unsigned turn = 0; turn < 100; turn++) {
        const double off = charge_at(&sites, potential_V, slope) - charge;
        if (off < 0) {
            low_V = potential_V;
        } else {
            high_V = potential_V;
        }
        const double change_V = -off / *slope;
        if (fabs(change_V) < 1e-8) { /* what is left is its square */
            potential_V += change_V;
            break;
        }
        const double next_V = potential_V + change_V;
        potential_V = next_V > low_V && next_V < high_V ? next_V : (low_V + high_V) / 2;
    }
    if (potential_V > 1e-6 && potential_V < SURFACE_V_MAX - 1e-6) {
        return potential_V;
    }
    const double end_V = potential_V > 1 ? SURFACE_V_MAX : 0;
    const double beyond = charge - charge_at(&sites, end_V, slope);
    *slope = 1 / OUTSIDE_V;
    return end_V + OUTSIDE_V * beyond;
}

/* ---- Rates -------------------------------------------------------------------------------------------- */

void cyc_n_lmro_rates(struct cyc_n_lmro *model, const struct cyc_n_lmro_state *state,
                      const struct cyc_climate *climate)
{
    struct cyc_n_lmro_rates *rates = &model->rates;
    const struct cyc_n_lmro_values *p = &model->values;
    if (rates->temperature_degC == climate->cell_degC && rates->press_Pa == climate->press_Pa &&
        rates->interphase == state->interphase) {
        return;
    }
    rates->temperature_degC = climate->cell_degC;
    rates->press_Pa = climate->press_Pa;
    rates->interphase = state->interphase;
    const double inverse =
        (1 / (climate->cell_degC + KELVIN) - 1 / REFERENCE_K) / GAS_KJ_PER_MOL_K;
    const double press_MPa = fmax(climate->press_Pa * 1e-6, 1e-3);
    const double contact = exp(p->n_c * p->K_c * (p->p_ox * state->interphase / press_MPa -
                                                  REFERENCE_DROP / REFERENCE_MPA));
    const double c = fmin(contact, CONTACT_MAX);
    rates->contact = c;
    rates->r0 = 1e-3 * p->R0_30 * exp(p->Ea0 * inverse);
    rates->r1 = 1e-3 * c * p->R1_30 * exp(p->Ea1 * inverse);
    rates->r2 = 1e-3 * (c * p->R2_30 * exp(p->Ea2 * inverse) + p->R_add);
    rates->tau_w_h = c * p->tau_w30 * exp(p->Ea_w * inverse);
    rates->tau_s_h = p->tau_s30 * exp(p->Ea_s * inverse);
    rates->activation = p->k_a * exp(-p->Ea_a * inverse);
    rates->access = p->K_B * exp(-p->Ea_B * inverse) / c;
    rates->side = p->i_s * exp(-p->Ea_i * inverse);
    rates->fade = p->k_1 * exp(-p->Ea_F * inverse);
    rates->fade_square = p->kappa * exp(-p->Ea_kappa * inverse);
    rates->decay = p->k_delta * exp(-p->Ea_delta * inverse);
}

/* ---- The step ------------------------------------------------------------------------------------------- */

static double hysteresis_V(const struct cyc_n_lmro_values *p, const struct cyc_n_lmro_state *state)
{
    return (p->M_0 + p->M_a * state->active) * state->hysteresis;
}

static double potential_V(const struct cyc_n_lmro_values *p, const struct cyc_n_lmro_state *state)
{
    return state->surface_V + hysteresis_V(p, state) + state->rc1_V + state->rc2_V;
}

double cyc_n_lmro_rest_V(const struct cyc_n_lmro *model, const struct cyc_n_lmro_state *state)
{
    return potential_V(&model->values, state) - model->values.E_ref;
}

/* How far the interphase goes at a potential: nothing below 3.3 V, all at 4.56 V. */
static double interphase_at(const struct cyc_n_lmro_values *p, double potential)
{
    if (potential < 3.3) {
        return 0;
    }
    if (potential < 3.9) {
        return p->G_1 * (potential - 3.3) / 0.6;
    }
    if (potential < 4.4) {
        return p->G_1 + (p->G_2 - p->G_1) * (potential - 3.9) / 0.5;
    }
    return fmin(p->G_2 + (1 - p->G_2) * (potential - 4.4) / 0.16, 1);
}

/* Activation, interphase, both hosts: where the charge goes. */
static void move_charge(const struct cyc_n_lmro *model, const struct cyc_n_lmro_state *from,
                        double current, double time_h, struct cyc_n_lmro_state *to)
{
    const struct cyc_n_lmro_values *p = &model->values;
    const struct cyc_n_lmro_rates *rates = &model->rates;
    const double e = potential_V(p, from);
    const double useful = from->factor * p->u;

    const double closed = fmin(0.95, (1 - p->B0) * rates->contact) * exp(-from->formed);
    const double room = fmax(0, 1 - closed - from->active);
    const double gained = room * gone(rates->activation * time_h *
                                    logistic((e - p->E_act) / p->W_act));
    to->active = from->active + gained;
    to->formed = from->formed + rates->access * fabs(current) * time_h / FULL_CYCLE +
                 p->K_H * (e > 3.6 ? logistic((e - 4.80) / 0.03) : 0) * time_h;

    const double goal = interphase_at(p, e);
    double grown = 0;
    if (goal > from->interphase) {
        grown = (goal - from->interphase) * gone(time_h / INTERPHASE_H);
    }
    to->interphase = from->interphase + grown;

    const double slow_goal = useful * p->Q_S * from->active *
                             logistic((from->surface_V - p->U_S + from->decay_V) / p->W_S);
    const double slow = (slow_goal - from->slow) * gone(time_h / rates->tau_s_h) +
                        useful * p->Q_S * gained;
    const double lost = (p->A_max - p->Q_M - p->Q_S) * useful * gained + p->Q_ox * grown +
                        rates->side * exp((e - 4.6) / p->W_i) * time_h;
    to->slow = from->slow + slow;
    to->main = from->main + current * time_h - slow - lost;
    to->lost = from->lost + lost;
}

/* Diffusion, RC pairs, hysteresis: exact for a constant current. */
static void relax(const struct cyc_n_lmro *model, const struct cyc_n_lmro_state *from,
                  double current, double time_h, struct cyc_n_lmro_state *to, double *rc_volt_hours)
{
    const struct cyc_n_lmro_values *p = &model->values;
    const struct cyc_n_lmro_rates *rates = &model->rates;
    const double capacity = from->factor * p->u * (p->Q_N + p->Q_M * from->active);
    const double sign = current > 0 ? 1 : -1;
    to->hysteresis = from->hysteresis + (sign - from->hysteresis) *
                                            gone(p->gamma * fabs(current) * time_h / capacity);
    const double surface_goal = current * rates->tau_w_h;
    to->surface = from->surface + (surface_goal - from->surface) *
                                      gone(time_h / (0.743 * rates->tau_w_h));
    const double goal1_V = rates->r1 * current;
    const double goal2_V = rates->r2 * current;
    const double time_s = time_h * CYC_S_PER_H;
    to->rc1_V = from->rc1_V + (goal1_V - from->rc1_V) * gone(time_s / p->tau1);
    to->rc2_V = from->rc2_V + (goal2_V - from->rc2_V) * gone(time_s / p->tau2);
    *rc_volt_hours = (goal1_V + goal2_V) * time_h -
                     (p->tau1 * (to->rc1_V - from->rc1_V) +
                      p->tau2 * (to->rc2_V - from->rc2_V)) / CYC_S_PER_H;
}

static void fade(const struct cyc_n_lmro *model, double current, double time_h,
                 struct cyc_n_lmro_state *to)
{
    const struct cyc_n_lmro_rates *rates = &model->rates;
    const double cycles = fabs(current) * time_h / FULL_CYCLE;
    const double loss = gone((rates->fade + rates->fade_square * to->cycles) * cycles);
    to->faded += loss * (to->main + to->slow);
    to->main -= loss * to->main;
    to->slow -= loss * to->slow;
    to->factor -= loss * to->factor;
    to->decay_V += rates->decay * cycles;
    to->cycles += cycles;
}

void cyc_n_lmro_step(const struct cyc_n_lmro *model, const struct cyc_n_lmro_state *from,
                     double current, double time_h, struct cyc_n_lmro_state *to,
                     double *volt_hours)
{
    const struct cyc_n_lmro_values *p = &model->values;
    double rc_volt_hours = 0;
    *to = *from;
    to->current = current;
    move_charge(model, from, current, time_h, to);
    relax(model, from, current, time_h, to, &rc_volt_hours);
    fade(model, current, time_h, to);
    const double charge = to->main + to->surface;
    const double guess_V =
        from->surface_V + (charge - from->main - from->surface) / from->slope;
    to->surface_V = cyc_n_lmro_potential_V(model, to, charge, guess_V, &to->slope);
    const double mean_V = (from->surface_V + hysteresis_V(p, from) + to->surface_V +
                           hysteresis_V(p, to)) / 2;
    *volt_hours = (mean_V + current * model->rates.r0 - p->E_ref) * time_h + rc_volt_hours;
}

double cyc_n_lmro_stiffness(const struct cyc_n_lmro *model, const struct cyc_n_lmro_state *from,
                            double time_h)
{
    const struct cyc_n_lmro_values *p = &model->values;
    const struct cyc_n_lmro_rates *rates = &model->rates;
    const double time_s = time_h * CYC_S_PER_H;
    const double surface = rates->tau_w_h * gone(time_h / (0.743 * rates->tau_w_h));
    return rates->r0 + rates->r1 * gone(time_s / p->tau1) +
           rates->r2 * gone(time_s / p->tau2) + (time_h + surface) / from->slope;
}

double cyc_n_lmro_pressure_MPa(const struct cyc_n_lmro *model,
                               const struct cyc_n_lmro_state *state,
                               const struct cyc_climate *climate)
{
    const struct cyc_n_lmro_values *p = &model->values;
    return climate->press_Pa * 1e-6 - p->p_rev * logistic((state->surface_V - p->U_N) / p->W_N) -
           p->p_ox * state->interphase - p->p_a * state->active +
           p->beta_T * (climate->cell_degC + KELVIN - REFERENCE_K);
}

void cyc_n_lmro_start(const struct cyc_n_lmro *model, struct cyc_n_lmro_state *state)
{
    *state = (struct cyc_n_lmro_state){.hysteresis = -1, .factor = 1, .surface_V = 3.0};
    const struct sites sites = sites_of(model, state);
    state->main = charge_at(&sites, state->surface_V, &state->slope);
}
