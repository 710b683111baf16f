#include "emulate/lab.h"

#include <stdio.h>

/* ---- ESPEC ---- */

static const char *espec(struct lab *lab, const char *text)
{
    char line[128];
    (void)snprintf(line, sizeof line, "%s\r\n", text);
    lab_bytes(lab, line, strlen(line));
    return lab_hear(lab);
}

static void the_chamber_goes_where_it_is_told_and_the_cell_with_it(void)
{
    struct lab lab;
    lab_open(&lab, &cyc_emulator_espec_p300, "", 2, 60);
    CYC_SAME(espec(&lab, "TEMP?"), "30.0,30.0,150.0,-70.0\r\n");
    CYC_SAME(espec(&lab, "TEMP, S60.0 H80.0 L-20.0"), "OK:TEMP, S60.0 H80.0 L-20.0\r\n");
    lab_wait(&lab, 15); /* 15 min of the cell at 2 K/min */
    CYC_SAME(espec(&lab, "MON?"), "60.0,,CONSTANT,0\r\n");
    CYC_SAME(espec(&lab, "CONSTANT SET?,TEMP"), "60.0,ON\r\n");
    CYC_SAME(espec(&lab, "TEMP?"), "60.0,60.0,80.0,-20.0\r\n");
    struct cyc_sample sample;
    cyc_unit_measure(lab.unit, 1, &sample);
    CYC_NEAR(sample.ambient_degC, 60, 1e-6);
    CU_ASSERT_TRUE(sample.temperature_degC > 35);
    lab_close(&lab);
}

static void the_chamber_refuses_what_it_does_not_know_or_cannot_do(void)
{
    struct lab lab;
    lab_open(&lab, &cyc_emulator_espec_p300, "model=scp220", 1, 1);
    CYC_SAME(espec(&lab, "FOO"), "NA:CMD ERR\r\n");
    CYC_SAME(espec(&lab, "TEMP, S400.0"), "NA:DATA OUT OF RANGE\r\n");
    CYC_SAME(espec(&lab, "MODE,WARP"), "NA:PARA ERR\r\n");
    CYC_SAME(espec(&lab, "MODE?,DETAIL"), "NA:CMD ERR\r\n");
    CYC_SAME(espec(&lab, "TYPE?"), "T,SCP220,150.0\r\n");
    lab_close(&lab);
}

static void the_chamber_answers_only_to_its_address(void)
{
    struct lab lab;
    lab_open(&lab, &cyc_emulator_espec_p300, "address=3", 1, 1);
    CYC_SAME(espec(&lab, "2,MODE?"), "");
    CYC_SAME(espec(&lab, "MODE?"), "");
    CYC_SAME(espec(&lab, "3,MODE?"), "CONSTANT\r\n");
    lab_close(&lab);
}

static void a_chamber_that_is_off_drifts_to_the_room(void)
{
    struct lab lab;
    lab_open(&lab, &cyc_emulator_espec_p300, "set=60", 1, 3600);
    lab_wait(&lab, 1);
    CYC_SAME(espec(&lab, "MODE,OFF"), "OK:MODE,OFF\r\n");
    lab_wait(&lab, 10);
    CYC_SAME(espec(&lab, "MON?"), "25.0,,OFF,0\r\n");
    lab_close(&lab);
}

/* ---- BS-205 ---- */

static void the_force_comes_in_the_frames_of_the_manual(void)
{
    struct lab lab;
    /* 50 MPa on 0.785 cm2 are 3925 N, 400.24 kgf. */
    lab_open(&lab, &cyc_emulator_bongshin_bs205, "mode=request,id=5", 1, 1);
    lab_bytes(&lab, "5R", 2);
    CYC_SAME(lab_hear(&lab), "\x02"
                             "5+400.24\x03");
    lab_bytes(&lab, "1R\x02zz5", 6);
    CYC_SAME(lab_hear(&lab), "");
    lab_bytes(&lab, "R", 1);
    CU_ASSERT_EQUAL(strlen(lab_hear(&lab)), 10);
    lab_bytes(&lab, "5Z5R", 4);
    CYC_SAME(lab_hear(&lab), "\x02"
                             "5+  0.00\x03");
    lab_close(&lab);
    lab_open(&lab, &cyc_emulator_bongshin_bs205, "mode=request,id=15,unit=N,decimals=0", 1, 1);
    lab_bytes(&lab, "?R", 2);
    CYC_SAME(lab_hear(&lab), "\x02?+  3925\x03");
    lab_close(&lab);
}

static void the_stream_comes_by_itself_and_answers_nothing(void)
{
    struct lab lab;
    lab_open(&lab, &cyc_emulator_bongshin_bs205, "interval=100", 1, 1);
    (void)lab_hear(&lab);
    lab_wait(&lab, 1);
    (void)lab_hear(&lab);
    CU_ASSERT_EQUAL(lab.reply_size, 100);
    lab_bytes(&lab, "0R", 2);
    CYC_SAME(lab_hear(&lab), "");
    lab_close(&lab);
}

/* ---- Alicat ---- */

static void the_pressure_follows_its_setpoint_through_the_piston(void)
{
    struct lab lab;
    lab_open(&lab, &cyc_emulator_alicat_pc, "", 1, 60);
    CYC_SAME(lab_ask(&lab, "A"), "A +0500.0 +0500.0"); /* 50 MPa / 100 */
    CYC_SAME(lab_ask(&lab, "as200"), "A +0500.0 +0200.0");
    lab_wait(&lab, 2); /* 24 time constants */
    CYC_SAME(lab_ask(&lab, "A"), "A +0200.0 +0200.0");
    struct cyc_sample sample;
    cyc_unit_measure(lab.unit, 0, &sample);
    CYC_NEAR(sample.pressure_Pa, 20e6, 10);
    CYC_SAME(lab_ask(&lab, "A32000"), "A +0200.0 +0500.0");
    lab_close(&lab);
}

static void the_controller_refuses_and_holds(void)
{
    struct lab lab;
    lab_open(&lab, &cyc_emulator_alicat_pc, "id=B,unit=psi,full_scale=145,ratio=100", 1, 60);
    CYC_SAME(lab_ask(&lab, "A"), "");
    CYC_SAME(lab_ask(&lab, "BS200"), "?");
    CYC_SAME(lab_ask(&lab, "BFOO"), "?");
    CYC_SAME(lab_ask(&lab, "BHC"), "B +072.52 +072.52 HLD");
    (void)lab_ask(&lab, "BS10");
    lab_wait(&lab, 2);
    CYC_SAME(lab_ask(&lab, "B"), "B +072.52 +010.00 HLD");
    (void)lab_ask(&lab, "BC");
    lab_wait(&lab, 5);
    CYC_SAME(lab_ask(&lab, "B"), "B +010.00 +010.00");
    CYC_SAME(lab_ask(&lab, "BR122"), "B  122 = 34");
    lab_close(&lab);
}

const struct cyc_check cyc_check_others[] = {
    CYC_CHECK(the_chamber_goes_where_it_is_told_and_the_cell_with_it),
    CYC_CHECK(the_chamber_refuses_what_it_does_not_know_or_cannot_do),
    CYC_CHECK(the_chamber_answers_only_to_its_address),
    CYC_CHECK(a_chamber_that_is_off_drifts_to_the_room),
    CYC_CHECK(the_force_comes_in_the_frames_of_the_manual),
    CYC_CHECK(the_stream_comes_by_itself_and_answers_nothing),
    CYC_CHECK(the_pressure_follows_its_setpoint_through_the_piston),
    CYC_CHECK(the_controller_refuses_and_holds),
    {0}};
