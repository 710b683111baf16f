/* Frames with their checksums as published: EBC-controller (MRS), libsigrok, esp-ebc-mqtt. */
#include "emulate/lab.h"

static const uint8_t connect[] = {0xFA, 0x05, 0, 0, 0, 0, 0, 0, 0x05, 0xF8};
static const uint8_t disconnect[] = {0xFA, 0x06, 0, 0, 0, 0, 0, 0, 0x06, 0xF8};
static const uint8_t stop_frame[] = {0xFA, 0x02, 0, 0, 0, 0, 0, 0, 0x02, 0xF8};
/* A05: 1.000 A down to 3.00 V; its XOR is F0 or more and goes modulo 240. */
static const uint8_t discharge_a05[] = {0xFA, 0x01, 0x04, 0x28, 0x01, 0x3C, 0, 0, 0x10, 0xF8};
/* A20: 1.00 A to 4.20 V, down to 0.10 A. */
static const uint8_t charge_a20[] = {0xFA, 0x21, 0x00, 0x64, 0x01, 0xB4, 0x00, 0x0A, 0x0A, 0xF8};

static unsigned two(const struct lab *lab, unsigned at)
{
    return lab->reply[at] * 240u + lab->reply[at + 1];
}

static void send(struct lab *lab, const uint8_t *frame)
{
    lab_bytes(lab, frame, 10);
}

static void it_reports_by_itself_once_it_is_connected(void)
{
    struct lab lab;
    lab_open(&lab, &cyc_emulator_zketech_ebc, "", 1, 1);
    lab_wait(&lab, 10);
    (void)lab_hear(&lab);
    CU_ASSERT_EQUAL(lab.reply_size, 0);
    send(&lab, connect);
    lab_wait(&lab, 9.9);
    (void)lab_hear(&lab);
    CU_ASSERT_EQUAL(lab.reply_size, 5 * 19);
    CU_ASSERT_EQUAL(lab.reply[0], 0xFA);
    CU_ASSERT_EQUAL(lab.reply[18], 0xF8);
    CU_ASSERT_EQUAL(lab.reply[16], 5);
    CU_ASSERT_EQUAL(two(&lab, 4), 3500);
    send(&lab, disconnect);
    lab_wait(&lab, 10);
    (void)lab_hear(&lab);
    CU_ASSERT_EQUAL(lab.reply_size, 0);
    lab_close(&lab);
}

static void it_discharges_to_its_own_cut_off_with_nobody_listening(void)
{
    struct lab lab;
    lab_open(&lab, &cyc_emulator_zketech_ebc, "", 1, 1);
    send(&lab, discharge_a05);
    CYC_NEAR(lab_cell_A(&lab), -1, 1e-9);
    lab_wait(&lab, 20); /* 5 mAh at 1 A with 0.1 V of drop: 14.4 s to 3.00 V */
    CU_ASSERT_EQUAL(lab_cell_A(&lab), 0);
    send(&lab, connect);
    (void)lab_hear(&lab);
    CU_ASSERT_EQUAL(lab.reply[1], 20);
    CU_ASSERT_EQUAL(two(&lab, 10), 1000);
    CU_ASSERT_EQUAL(two(&lab, 12), 300);
    CYC_NEAR((double)two(&lab, 6), 4, 1);
    lab_close(&lab);
}

static void a_frame_with_a_wrong_checksum_is_ignored_without_a_word(void)
{
    struct lab lab;
    uint8_t frame[10];
    lab_open(&lab, &cyc_emulator_zketech_ebc, "", 1, 1);
    memcpy(frame, discharge_a05, sizeof frame);
    frame[8] = 0x1F;
    send(&lab, frame);
    memcpy(frame, discharge_a05, sizeof frame);
    frame[4] = 0xF1; /* reserved */
    send(&lab, frame);
    lab_bytes(&lab, discharge_a05, 7);
    CU_ASSERT_EQUAL(lab_cell_A(&lab), 0);
    lab_bytes(&lab, discharge_a05, 10); /* a start byte begins anew */
    CYC_NEAR(lab_cell_A(&lab), -1, 1e-9);
    send(&lab, stop_frame);
    CU_ASSERT_EQUAL(lab_cell_A(&lab), 0);
    lab_close(&lab);
}

static void the_large_models_charge_to_a_current_in_steps_of_ten_milliamperes(void)
{
    struct lab lab;
    lab_open(&lab, &cyc_emulator_zketech_ebc, "model=a20", 1, 1);
    send(&lab, charge_a20);
    CYC_NEAR(lab_cell_A(&lab), 1, 1e-9);
    send(&lab, connect);
    (void)lab_hear(&lab);
    CU_ASSERT_EQUAL(lab.reply[1], 12);
    CU_ASSERT_EQUAL(lab.reply[16], 9);
    CU_ASSERT_EQUAL(two(&lab, 2), 100);
    lab_wait(&lab, 60);
    (void)lab_hear(&lab);
    CU_ASSERT_EQUAL(lab.reply[lab.reply_size - 18], 22);
    CU_ASSERT_EQUAL(lab_cell_A(&lab), 0);
    lab_close(&lab);
}

const struct cyc_check cyc_check_ebc[] = {
    CYC_CHECK(it_reports_by_itself_once_it_is_connected),
    CYC_CHECK(it_discharges_to_its_own_cut_off_with_nobody_listening),
    CYC_CHECK(a_frame_with_a_wrong_checksum_is_ignored_without_a_word),
    CYC_CHECK(the_large_models_charge_to_a_current_in_steps_of_ten_milliamperes),
    {0}};
