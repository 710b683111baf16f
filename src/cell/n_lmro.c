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
 * A step freezes E and U, takes every linear part by its exact exponential, and ends with the new
 * U. It is of first order: steps of at most 36 s and 0.25 mAh/g leave 0.03 % in the capacities.
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
#define OUTSIDE_V        0.2 /* per mAh/g beyond what the sites can hold */
#define SURFACE_V_MAX    7.0
#define SIDE_V_MAX       5.5 /* the side reaction grows no more beyond */
#define INTERPHASE_H     0.5

static double logistic(double x)
{
    return 1 / (1 + exp(-x));
}

/* The part of a way that is gone after x time constants: 1 - exp(-x). Most steps are short against
 * most time constants, where the series, to rounding, is several times as fast. */
static inline double gone(double x)
{
    if (x > 0.005) {
        return -expm1(-x);
    }
    return x * (1 - x * (1.0 / 2 - x * (1.0 / 6 - x * (1.0 / 24 - x * (1.0 / 120 - x / 720)))));
}

/* ---- Open circuit ---------------------------------------------------------------------------- */

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

static double charge_at(const struct sites *sites, struct cyc_n_lmro_host *host)
{
    const struct cyc_n_lmro_values *p = sites->p;
    const double ncm = logistic((host->potential_V - p->U_N) / p->W_N);
    double charge = sites->ncm * ncm;
    host->ncm = ncm;
    host->slope = charge * (1 - ncm) / p->W_N;
    if (sites->lower + sites->upper > 0) {
        const double shifted_V = host->potential_V + sites->shift_V;
        const double lower = logistic((shifted_V - p->U_1) / p->W_1);
        const double upper = logistic((shifted_V - p->U_2) / p->W_2);
        charge += sites->lower * lower + sites->upper * upper;
        host->slope += sites->lower * lower * (1 - lower) / p->W_1 +
                       sites->upper * upper * (1 - upper) / p->W_2;
    }
    return charge;
}

/* Newton from a guess, kept in a bracket. */
struct cyc_n_lmro_host cyc_n_lmro_host(const struct cyc_n_lmro *model,
                                       const struct cyc_n_lmro_state *state, double charge,
                                       double guess_V)
{
    const struct sites sites = sites_of(model, state);
    double low_V = 0;
    double high_V = SURFACE_V_MAX;
    struct cyc_n_lmro_host host = {guess_V > low_V && guess_V < high_V ? guess_V : 3.5, 0, 0};
    for (unsigned turn = 0; turn < 100; turn++) {
        const double off = charge_at(&sites, &host) - charge;
        if (off < 0) {
            low_V = host.potential_V;
        } else {
            high_V = host.potential_V;
        }
        const double change_V = -off / host.slope;
        if (fabs(change_V) < 1e-8) { /* what is left is its square */
            host.potential_V += change_V;
            break;
        }
        const double next_V = host.potential_V + change_V;
        host.potential_V = next_V > low_V && next_V < high_V ? next_V : (low_V + high_V) / 2;
    }
    if (host.potential_V > 1e-6 && host.potential_V < SURFACE_V_MAX - 1e-6) {
        return host;
    }
    host.potential_V = host.potential_V > 1 ? SURFACE_V_MAX : 0;
    host.potential_V += OUTSIDE_V * (charge - charge_at(&sites, &host));
    host.slope = 1 / OUTSIDE_V;
    return host;
}

/* ---- Rates ----------------------------------------------------------------------------------- */

static void find_rates(struct cyc_n_lmro *model, const struct cyc_n_lmro_state *state,
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
    const double inverse = (1 / (climate->cell_degC + KELVIN) - 1 / REFERENCE_K) / GAS_KJ_PER_MOL_K;
    const double press_MPa = fmax(climate->press_Pa * 1e-6, 1e-3);
    const double contact =
        exp(p->n_c * p->K_c *
            (p->p_ox * state->interphase / press_MPa - REFERENCE_DROP / REFERENCE_MPA));
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

/* ---- The step -------------------------------------------------------------------------------- */

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

void cyc_n_lmro_freeze(struct cyc_n_lmro *model, const struct cyc_n_lmro_state *state,
                       const struct cyc_climate *climate)
{
    const struct cyc_n_lmro_values *p = &model->values;
    const struct cyc_n_lmro_rates *rates = &model->rates;
    struct cyc_n_lmro_frozen *frozen = &model->frozen;
    find_rates(model, state, climate);
    const double e = potential_V(p, state);
    const double closed = fmin(0.95, (1 - p->B0) * rates->contact) * exp(-state->formed);
    frozen->useful = state->factor * p->u;
    frozen->capacity = frozen->useful * (p->Q_N + p->Q_M * state->active);
    frozen->room = fmax(0, 1 - closed - state->active);
    frozen->activation = rates->activation * logistic((e - p->E_act) / p->W_act);
    frozen->access_by_time = p->K_H * logistic((e - 4.80) / 0.03);
    frozen->interphase_goal = interphase_at(p, e);
    frozen->slow_goal = frozen->useful * p->Q_S * state->active *
                        logistic((state->surface_V - p->U_S + state->decay_V) / p->W_S);
    frozen->side = rates->side * exp((fmin(e, SIDE_V_MAX) - 4.6) / p->W_i);
}

/* Activation, interphase, both hosts: where the charge goes. */
static void move_charge(const struct cyc_n_lmro *model, const struct cyc_n_lmro_state *from,
                        double current, double time_h, struct cyc_n_lmro_state *to)
{
    const struct cyc_n_lmro_values *p = &model->values;
    const struct cyc_n_lmro_frozen *frozen = &model->frozen;
    const double gained = frozen->room * gone(frozen->activation * time_h);
    to->active = from->active + gained;
    to->formed = from->formed + model->rates.access * fabs(current) * time_h / FULL_CYCLE +
                 frozen->access_by_time * time_h;

    double grown = 0;
    if (frozen->interphase_goal > from->interphase) {
        grown = (frozen->interphase_goal - from->interphase) * gone(time_h / INTERPHASE_H);
    }
    to->interphase = from->interphase + grown;

    const double slow = (frozen->slow_goal - from->slow) * gone(time_h / model->rates.tau_s_h) +
                        frozen->useful * p->Q_S * gained;
    const double lost = (p->A_max - p->Q_M - p->Q_S) * frozen->useful * gained + p->Q_ox * grown +
                        frozen->side * time_h;
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
    const double sign = current > 0 ? 1 : -1;
    to->hysteresis =
        from->hysteresis + (sign - from->hysteresis) *
                               gone(p->gamma * fabs(current) * time_h / model->frozen.capacity);
    const double surface_goal = current * rates->tau_w_h;
    to->surface =
        from->surface + (surface_goal - from->surface) * gone(time_h / (0.743 * rates->tau_w_h));
    const double goal1_V = rates->r1 * current;
    const double goal2_V = rates->r2 * current;
    const double time_s = time_h * CYC_S_PER_H;
    to->rc1_V = from->rc1_V + (goal1_V - from->rc1_V) * gone(time_s / p->tau1);
    to->rc2_V = from->rc2_V + (goal2_V - from->rc2_V) * gone(time_s / p->tau2);
    *rc_volt_hours =
        (goal1_V + goal2_V) * time_h -
        (p->tau1 * (to->rc1_V - from->rc1_V) + p->tau2 * (to->rc2_V - from->rc2_V)) / CYC_S_PER_H;
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
                     double current, double time_h, struct cyc_n_lmro_state *to, double *volt_hours)
{
    const struct cyc_n_lmro_values *p = &model->values;
    double rc_volt_hours = 0;
    *to = *from;
    to->current = current;
    move_charge(model, from, current, time_h, to);
    relax(model, from, current, time_h, to, &rc_volt_hours);
    fade(model, current, time_h, to);
    const double charge = to->main + to->surface;
    const double guess_V = from->surface_V + (charge - from->main - from->surface) / from->slope;
    const struct cyc_n_lmro_host host = cyc_n_lmro_host(model, to, charge, guess_V);
    to->surface_V = host.potential_V;
    to->slope = host.slope;
    to->ncm = host.ncm;
    const double mean_V =
        (from->surface_V + hysteresis_V(p, from) + to->surface_V + hysteresis_V(p, to)) / 2;
    *volt_hours = (mean_V + current * model->rates.r0 - p->E_ref) * time_h + rc_volt_hours;
}

double cyc_n_lmro_stiffness(const struct cyc_n_lmro *model, const struct cyc_n_lmro_state *from,
                            double time_h)
{
    const struct cyc_n_lmro_values *p = &model->values;
    const struct cyc_n_lmro_rates *rates = &model->rates;
    const double time_s = time_h * CYC_S_PER_H;
    const double surface = rates->tau_w_h * gone(time_h / (0.743 * rates->tau_w_h));
    return rates->r0 + rates->r1 * gone(time_s / p->tau1) + rates->r2 * gone(time_s / p->tau2) +
           (time_h + surface) / from->slope;
}

double cyc_n_lmro_pressure_MPa(const struct cyc_n_lmro *model, const struct cyc_n_lmro_state *state,
                               const struct cyc_climate *climate)
{
    const struct cyc_n_lmro_values *p = &model->values;
    return climate->press_Pa * 1e-6 - p->p_rev * state->ncm - p->p_ox * state->interphase -
           p->p_a * state->active + p->beta_T * (climate->cell_degC + KELVIN - REFERENCE_K);
}

void cyc_n_lmro_start(const struct cyc_n_lmro *model, struct cyc_n_lmro_state *state)
{
    *state = (struct cyc_n_lmro_state){.hysteresis = -1, .factor = 1, .surface_V = 3.0};
    const struct sites sites = sites_of(model, state);
    struct cyc_n_lmro_host host = {state->surface_V, 0, 0};
    state->main = charge_at(&sites, &host);
    state->slope = host.slope;
    state->ncm = host.ncm;
}
