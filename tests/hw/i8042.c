/* SPDX-License-Identifier: MIT */
/* The keyboard controller with its keyboard and mouse, port 0x92, and the commands of the monitor
 * that press keys. */
#include "hw/input/i8042.h"

#include "hw/input.h"
#include "monitor/monitor.h"
#include "tests/hw/pc_rig.h"

enum {
    DATA = 0x60,
    CONTROL = 0x64,
    FAST = 0x92,
    FULL = 1,
    OF_MOUSE = 0x20
};

struct bench {
    struct pc_rig p;
    struct device *d;
    struct test_line keyboard, mouse, a20;
};

static void begin(struct bench *b)
{
    pc_rig_open(&b->p);
    b->d = test_device(b->p.r.m, &i8042_class, NULL);
    b->d->irq[I8042_KEYBOARD] = test_line_irq(&b->keyboard);
    b->d->irq[I8042_MOUSE] = test_line_irq(&b->mouse);
    b->d->irq[I8042_A20] = test_line_irq(&b->a20);
    b->keyboard = b->mouse = b->a20 = (struct test_line){0};
    i8042_map(b->d, b->p.ports);
    device_reset(b->d);
}

static void end(struct bench *b)
{
    pc_rig_close(&b->p);
}

static void put(struct bench *b, unsigned port, unsigned value)
{
    pc_out(&b->p, port, 1, value);
}

/* The next byte, or -1. */
static int next(struct bench *b)
{
    return pc_in(&b->p, CONTROL, 1) & FULL ? (int)pc_in(&b->p, DATA, 1) : -1;
}

/* All that comes, as hexadecimal numbers. */
static const char *all(struct bench *b)
{
    static char text[200];
    size_t n = 0;
    text[0] = '\0';
    for (int v; n + 4 < sizeof(text) && (v = next(b)) >= 0;) {
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%02x", n ? " " : "", (unsigned)v);
    }
    return text;
}

static int answer(struct bench *b, unsigned command)
{
    put(b, CONTROL, command);
    return next(b);
}

static void set_mode(struct bench *b, unsigned mode)
{
    put(b, CONTROL, 0x60);
    put(b, DATA, mode);
}

static void to_mouse(struct bench *b, unsigned value)
{
    put(b, CONTROL, 0xd4);
    put(b, DATA, value);
}

static void press(struct bench *b, enum input_key k)
{
    input_key(b->p.r.m, k, true);
    input_key(b->p.r.m, k, false);
}

/* ---- the controller */

TEST(the_controller_tests_itself)
{
    struct bench b;
    begin(&b);
    CHECK_EQ(pc_in(&b.p, CONTROL, 1), 0x18);
    CHECK_EQ(answer(&b, 0xaa), 0x55);
    CHECK_EQ(pc_in(&b.p, CONTROL, 1) & 0x0c, 0x0c);
    CHECK_EQ(answer(&b, 0xab), 0);
    CHECK_EQ(answer(&b, 0xa9), 0);
    CHECK_EQ(answer(&b, 0xa4), 0xf1);
    CHECK_EQ(answer(&b, 0xc0), 0x80);
    CHECK_EQ(answer(&b, 0x20), 0x07);
    set_mode(&b, 0x65);
    CHECK_EQ(answer(&b, 0x20), 0x65);
    put(&b, CONTROL, 0xa7);
    put(&b, CONTROL, 0xad);
    CHECK_EQ(answer(&b, 0x20), 0x75);
    put(&b, CONTROL, 0xa8);
    put(&b, CONTROL, 0xae);
    CHECK_EQ(answer(&b, 0x20), 0x45);
    end(&b);
}

TEST(each_byte_of_the_keyboard_is_an_edge)
{
    struct bench b;
    begin(&b);
    set_mode(&b, 0x41);
    const int rises = b.keyboard.rises;
    press(&b, INPUT_KEY_A);
    CHECK_EQ(b.keyboard.level, 1);
    CHECK_EQ(next(&b), 0x1e);
    CHECK_EQ(b.keyboard.rises, rises + 2);
    CHECK_EQ(next(&b), 0x9e);
    CHECK_EQ(b.keyboard.level, 0);
    CHECK_EQ(next(&b), -1);
    CHECK_EQ(pc_in(&b.p, DATA, 1), 0x9e); /* the buffer keeps it */
    set_mode(&b, 0x40);
    press(&b, INPUT_KEY_A);
    CHECK_EQ(b.keyboard.level, 0);
    end(&b);
}

TEST(a_keyboard_that_is_off_keeps_its_bytes)
{
    struct bench b;
    begin(&b);
    set_mode(&b, 0x51);
    press(&b, INPUT_KEY_B);
    CHECK_EQ(next(&b), -1);
    put(&b, CONTROL, 0xae);
    CHECK_STR(all(&b), "30 b0");
    end(&b);
}

TEST(buffers_can_be_written_as_if_a_device_had_sent)
{
    struct bench b;
    begin(&b);
    put(&b, CONTROL, 0xd2);
    put(&b, DATA, 0x5a);
    CHECK_EQ(b.keyboard.level, 1);
    CHECK_EQ(next(&b), 0x5a);
    put(&b, CONTROL, 0xd3);
    put(&b, DATA, 0xa5);
    CHECK_EQ(b.mouse.level, 1);
    CHECK_EQ(pc_in(&b.p, CONTROL, 1) & OF_MOUSE, OF_MOUSE);
    CHECK_EQ(next(&b), 0xa5);
    CHECK_EQ(b.mouse.level, 0);
    end(&b);
}

TEST(a20_and_reset_have_two_ways)
{
    struct bench b;
    begin(&b);
    CHECK_EQ(b.a20.level, 1);
    put(&b, CONTROL, 0xd1);
    put(&b, DATA, 0xdd);
    CHECK_EQ(b.a20.level, 0);
    CHECK_EQ(pc_in(&b.p, FAST, 1), 0);
    put(&b, FAST, 2);
    CHECK_EQ(b.a20.level, 1);
    CHECK_EQ(answer(&b, 0xd0), 0x03);
    put(&b, CONTROL, 0xdd);
    CHECK_EQ(b.a20.level, 0);
    put(&b, CONTROL, 0xdf);
    CHECK_EQ(b.a20.level, 1);
    CHECK_EQ(b.p.requests[POWER_RESET], 0);
    put(&b, CONTROL, 0xfe);
    CHECK_EQ(b.p.requests[POWER_RESET], 1);
    put(&b, CONTROL, 0xff);
    CHECK_EQ(b.p.requests[POWER_RESET], 1);
    put(&b, CONTROL, 0xd1);
    put(&b, DATA, 0x02);
    CHECK_EQ(b.p.requests[POWER_RESET], 2);
    put(&b, FAST, 3);
    CHECK_EQ(b.p.requests[POWER_RESET], 3);
    put(&b, FAST, 3); /* it is no edge */
    CHECK_EQ(b.p.requests[POWER_RESET], 3);
    end(&b);
}

/* ---- the keyboard */

TEST(commands_of_the_keyboard_are_answered)
{
    struct bench b;
    begin(&b);
    put(&b, DATA, 0xff);
    CHECK_STR(all(&b), "fa aa");
    put(&b, DATA, 0xf2);
    CHECK_STR(all(&b), "fa ab 83");
    put(&b, DATA, 0xee);
    CHECK_STR(all(&b), "ee");
    put(&b, DATA, 0xed);
    CHECK_STR(all(&b), "fa");
    put(&b, DATA, 0x02);
    CHECK_STR(all(&b), "fa");
    put(&b, DATA, 0xf3);
    put(&b, DATA, 0x20);
    CHECK_STR(all(&b), "fa fa");
    put(&b, DATA, 0xed);
    put(&b, DATA, 0xf4); /* a command in place of the parameter */
    CHECK_STR(all(&b), "fa fa");
    put(&b, DATA, 0x12);
    CHECK_STR(all(&b), "fe");
    put(&b, DATA, 0xfe);
    CHECK_STR(all(&b), "fe");
    end(&b);
}

TEST(a_disabled_keyboard_is_silent)
{
    struct bench b;
    begin(&b);
    put(&b, DATA, 0xf5);
    CHECK_STR(all(&b), "fa");
    press(&b, INPUT_KEY_A);
    CHECK_STR(all(&b), "");
    put(&b, DATA, 0xf4);
    press(&b, INPUT_KEY_A);
    CHECK_STR(all(&b), "fa 1c f0 1c");
    end(&b);
}

static void choose_set(struct bench *b, unsigned set)
{
    put(b, DATA, 0xf0);
    CHECK_STR(all(b), "fa");
    put(b, DATA, set);
    CHECK_STR(all(b), "fa");
}

TEST(keys_have_codes_in_three_sets)
{
    struct bench b;
    begin(&b);
    set_mode(&b, 0x01);
    press(&b, INPUT_KEY_UP);
    CHECK_STR(all(&b), "e0 75 e0 f0 75");
    press(&b, INPUT_KEY_F7);
    CHECK_STR(all(&b), "83 f0 83");
    choose_set(&b, 1);
    press(&b, INPUT_KEY_UP);
    CHECK_STR(all(&b), "e0 48 e0 c8");
    choose_set(&b, 3);
    press(&b, INPUT_KEY_UP);
    CHECK_STR(all(&b), "63");
    press(&b, INPUT_KEY_SHIFT);
    CHECK_STR(all(&b), "12 f0 12");
    put(&b, DATA, 0xf8);
    CHECK_STR(all(&b), "fa");
    press(&b, INPUT_KEY_UP);
    CHECK_STR(all(&b), "63 f0 63");
    put(&b, DATA, 0xf0);
    CHECK_STR(all(&b), "fa");
    put(&b, DATA, 0);
    CHECK_STR(all(&b), "fa 03");
    put(&b, DATA, 0xf6);
    CHECK_STR(all(&b), "fa");
    press(&b, INPUT_KEY_UP);
    CHECK_STR(all(&b), "e0 75 e0 f0 75");
    end(&b);
}

TEST(the_controller_translates_set_2_to_set_1)
{
    struct bench b;
    begin(&b);
    set_mode(&b, 0x41);
    for (unsigned k = 0; k < INPUT_KEY_COUNT; k++) {
        const struct input_codes codes = input_key_codes((enum input_key)k);
        const unsigned code = codes.set2 > 0x84 ? codes.set2 & 0x7f : codes.number;
        char want[40];
        if (!code || k == INPUT_KEY_PRINT || k == INPUT_KEY_PAUSE) {
            continue;
        }
        const char *e0 = code & 0x80 ? "e0 " : "";
        snprintf(want, sizeof(want), "%s%02x %s%02x", e0,
                 codes.set2 > 0x84 ? codes.set2 : code & 0x7f, e0, (code & 0x7f) | 0x80);
        press(&b, (enum input_key)k); /* codes above 0x84 are not translated */
        CHECK_STR(all(&b), want);
    }
    press(&b, INPUT_KEY_PRINT);
    CHECK_STR(all(&b), "e0 2a e0 37 e0 b7 e0 aa");
    press(&b, INPUT_KEY_PAUSE);
    CHECK_STR(all(&b), "e1 1d 45 e1 9d c5");
    end(&b);
}

TEST(print_and_pause_are_other_keys_with_modifiers)
{
    struct bench b;
    begin(&b);
    set_mode(&b, 0x41);
    input_key(b.p.r.m, INPUT_KEY_ALT, true);
    press(&b, INPUT_KEY_PRINT);
    input_key(b.p.r.m, INPUT_KEY_ALT, false);
    CHECK_STR(all(&b), "38 54 d4 b8");
    input_key(b.p.r.m, INPUT_KEY_CTRL_R, true);
    press(&b, INPUT_KEY_PAUSE);
    CHECK_STR(all(&b), "e0 1d e0 46 e0 c6");
    end(&b);
}

TEST(keys_that_nobody_reads_are_lost)
{
    struct bench b;
    begin(&b);
    for (unsigned i = 0; i < 100; i++) {
        press(&b, INPUT_KEY_SPC);
    }
    unsigned n = 0;
    while (next(&b) >= 0) {
        n++;
    }
    CHECK(n >= 15 && n <= 18);
    press(&b, INPUT_KEY_SPC);
    CHECK_STR(all(&b), "29 f0 29");
    end(&b);
}

/* ---- the mouse */

TEST(the_mouse_is_identified_and_reports)
{
    struct bench b;
    begin(&b);
    to_mouse(&b, 0xff);
    CHECK_EQ(b.mouse.level, 1);
    CHECK_EQ(pc_in(&b.p, CONTROL, 1) & OF_MOUSE, OF_MOUSE);
    CHECK_STR(all(&b), "fa aa 00");
    to_mouse(&b, 0xe9);
    CHECK_STR(all(&b), "fa 00 02 64");
    input_move(b.p.r.m, &(struct input_motion){5, 3, 0, 0});
    CHECK_STR(all(&b), ""); /* not yet */
    to_mouse(&b, 0xf4);
    CHECK_STR(all(&b), "fa");
    input_move(b.p.r.m, &(struct input_motion){5, 3, 0, INPUT_LEFT});
    CHECK_STR(all(&b), "29 05 fd");
    input_move(b.p.r.m, &(struct input_motion){-1, 0, 0, 0});
    CHECK_STR(all(&b), "18 ff 00");
    input_move(b.p.r.m, &(struct input_motion){0, 0, 0, 0});
    CHECK_STR(all(&b), "");
    input_move(b.p.r.m, &(struct input_motion){300, 0, 0, 0});
    CHECK_STR(all(&b), "08 ff 00 08 2d 00");
    end(&b);
}

static void set_rate(struct bench *b, unsigned rate)
{
    to_mouse(b, 0xf3);
    CHECK_STR(all(b), "fa");
    to_mouse(b, rate);
    CHECK_STR(all(b), "fa");
}

TEST(drivers_find_the_wheel_and_the_side_buttons)
{
    struct bench b;
    begin(&b);
    set_rate(&b, 200);
    set_rate(&b, 100);
    set_rate(&b, 80);
    to_mouse(&b, 0xf2);
    CHECK_STR(all(&b), "fa 03");
    to_mouse(&b, 0xf4);
    all(&b);
    input_move(b.p.r.m, &(struct input_motion){0, 0, -1, 0});
    CHECK_STR(all(&b), "08 00 00 ff");
    set_rate(&b, 200);
    set_rate(&b, 200);
    set_rate(&b, 80);
    to_mouse(&b, 0xf2);
    CHECK_STR(all(&b), "fa 04");
    input_move(b.p.r.m, &(struct input_motion){0, 0, 1, INPUT_EXTRA});
    CHECK_STR(all(&b), "08 00 00 21");
    end(&b);
}

TEST(remote_and_wrap_mode)
{
    struct bench b;
    begin(&b);
    to_mouse(&b, 0xf0);
    CHECK_STR(all(&b), "fa");
    input_move(b.p.r.m, &(struct input_motion){1, 0, 0, 0});
    CHECK_STR(all(&b), "");
    to_mouse(&b, 0xeb);
    CHECK_STR(all(&b), "fa 08 01 00");
    to_mouse(&b, 0xee);
    CHECK_STR(all(&b), "fa");
    to_mouse(&b, 0x42);
    CHECK_STR(all(&b), "42");
    to_mouse(&b, 0xec);
    CHECK_STR(all(&b), "fa");
    to_mouse(&b, 0x42);
    CHECK_STR(all(&b), "fe");
    end(&b);
}

TEST(movements_that_nobody_reads_are_added_up)
{
    struct bench b;
    begin(&b);
    to_mouse(&b, 0xf4);
    all(&b);
    for (unsigned i = 0; i < 50; i++) {
        input_move(b.p.r.m, &(struct input_motion){1, -2, 0, 0});
    }
    int dx = 0, dy = 0;
    while (next(&b) >= 0) {
        dx += next(&b);
        dy += next(&b);
    }
    CHECK_EQ(dx, 50);
    CHECK_EQ(dy, 100);
    end(&b);
}

/* ---- the monitor */

static const char *say(struct bench *b, const char *line)
{
    static char text[300];
    struct strbuf out = {0};
    const struct monitor_context context = {.machine = b->p.r.m};
    struct monitor_session session = {.context = &context};
    monitor_execute(&session, line, &out);
    snprintf(text, sizeof(text), "%s", strbuf_text(&out));
    strbuf_free(&out);
    return text;
}

TEST(sendkey_holds_keys_for_a_while)
{
    struct bench b;
    begin(&b);
    set_mode(&b, 0x41);
    CHECK_STR(say(&b, "sendkey ctrl-alt-delete"), "");
    pc_advance(&b.p, 1000);
    CHECK_STR(all(&b), "1d");
    pc_advance(&b.p, 99000000);
    CHECK_STR(all(&b), "");
    pc_advance(&b.p, 201000000);
    CHECK_STR(all(&b), "38 e0 53 e0 d3");
    pc_advance(&b.p, 1000000000);
    CHECK_STR(all(&b), "b8 9d");
    CHECK_STR(say(&b, "sendkey a 1"), "");
    CHECK_STR(say(&b, "sendkey 0x9c 1"), "");
    CHECK_STR(say(&b, "sendkey < 1"), "");
    pc_advance(&b.p, 1000000000);
    CHECK_STR(all(&b), "1e 9e e0 1c e0 9c 56 d6");
    end(&b);
}

TEST(sendkey_says_what_it_does_not_know)
{
    struct bench b;
    begin(&b);
    CHECK_STR(say(&b, "sendkey ctrl-foo"), "invalid parameter: foo\n");
    CHECK_STR(say(&b, "sendkey 0xff"), "invalid parameter: 0xff\n");
    CHECK_STR(say(&b, "sendkey a-"), "invalid parameter: \n");
    CHECK_STR(say(&b, "sendkey a no"), "'no' is no time in milliseconds, from 1 to 60000\n");
    CHECK_STR(say(&b, "sendkey a-b-c-d-e-f-g-h-i-j-k-l-m-n-o-p-q"), "more than 16 keys\n");
    for (unsigned i = 0; i < 500; i++) {
        CHECK_STR(say(&b, "sendkey a"), "");
    }
    CHECK_STR(say(&b, "sendkey a"), "too many keys wait for their time\n");
    pc_advance(&b.p, UINT64_C(1000000000000));
    CHECK_STR(say(&b, "sendkey a"), "");
    end(&b);
}

TEST(the_mouse_of_the_monitor)
{
    struct bench b;
    begin(&b);
    to_mouse(&b, 0xf4);
    all(&b);
    CHECK_STR(say(&b, "info mice"), "* Mouse #0: QEMU PS/2 Mouse\n");
    CHECK_STR(say(&b, "mouse_button 4"), "");
    CHECK_STR(all(&b), "0a 00 00");
    CHECK_STR(say(&b, "mouse_move 3 -1"), "");
    CHECK_STR(all(&b), "0a 03 01");
    CHECK_STR(say(&b, "mouse_button 8"), "'8': the sum of 1 (left), 2 (middle) and 4 (right)\n");
    CHECK_STR(say(&b, "mouse_move 3 x"), "'x' is no distance from -32767 to 32767\n");
    end(&b);
}

/* ---- state and hostile guests */

TEST(state_survives_saving_and_loading)
{
    struct bench b;
    begin(&b);
    set_mode(&b, 0x43);
    to_mouse(&b, 0xf4);
    press(&b, INPUT_KEY_A);
    input_move(b.p.r.m, &(struct input_motion){7, 0, 0, 0});
    put(&b, FAST, 0);
    CHECK(test_round_trip(b.d));
    CHECK_EQ(b.a20.level, 0);
    CHECK_EQ(b.mouse.level, 1);
    CHECK_STR(all(&b), "fa 1e 9e 08 07 00");
    end(&b);
}

TEST(any_access_is_taken)
{
    struct bench b;
    begin(&b);
    for (unsigned i = 0; i < 4; i++) {
        input_move(b.p.r.m, &(struct input_motion){1000, -1000, 5, i});
        press(&b, (enum input_key)(i * 31 % INPUT_KEY_COUNT));
        pc_rig_hammer(&b.p, b.d, 0, 0x60, 5);
    }
    end(&b);
}
