/* SPDX-License-Identifier: MIT */
/*
 * A PS/2 keyboard (IBM Personal System/2 Hardware Interface Technical Reference, keyboards; IBM
 * 101- and 102-key) with the scan code sets 1 to 3. Keys do not repeat by themselves: whoever holds
 * them down sends them again. Not modelled: the shift codes around the keys of the cursor block
 * while Num Lock or Shift is on.
 */
#include <string.h>

#include "base/bits.h"
#include "hw/input/ps2.h"

enum { /* commands */
    SET_LEDS = 0xed,
    ECHO = 0xee,
    SET_CODES = 0xf0,
    IDENTIFY = 0xf2,
    SET_RATE = 0xf3,
    ENABLE = 0xf4,
    DISABLE = 0xf5,
    SET_DEFAULTS = 0xf6,
    ALL_REPEAT = 0xf7, /* set 3: all keys repeat, tell when they go up, both */
    ALL_MAKE_BREAK = 0xf8,
    ALL_MAKE = 0xf9,
    ALL_BOTH = 0xfa,
    KEY_REPEAT = 0xfb,
    KEY_MAKE_BREAK = 0xfc,
    KEY_MAKE = 0xfd,
    RESEND = 0xfe,
    RESET = 0xff
};

#define RATE_INITIAL 0x2b
#define LOCKED_LEDS 7

/* ---- keys */

static void put(struct ps2_keyboard *k, const uint8_t *bytes, size_t n)
{
    if (ps2_queue_put(&k->queue, bytes, n)) {
        k->last = bytes[n - 1];
    }
}

static bool held(const struct ps2_keyboard *k, enum input_key a, enum input_key b)
{
    return k->held[a] || k->held[b];
}

/* Print Screen shifts, and is another key with Alt, as on the first keyboards. */
static void print_key(struct ps2_keyboard *k, bool down)
{
    static const uint8_t codes[2][2][6] = {
        {{0xe0, 0xb7, 0xe0, 0xaa}, {0xe0, 0x2a, 0xe0, 0x37}},
        {{0xe0, 0xf0, 0x7c, 0xe0, 0xf0, 0x12}, {0xe0, 0x12, 0xe0, 0x7c}},
    };
    static const uint8_t lengths[2][2] = {{4, 4}, {6, 4}};
    put(k, codes[k->set - 1][down], lengths[k->set - 1][down]);
}

/* Pause tells that it is up at once; with Ctrl it is Break. */
static void pause_key(struct ps2_keyboard *k, bool down)
{
    static const uint8_t pause[2][8] = {{0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5},
                                        {0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77}};
    static const uint8_t broken[2][5] = {{0xe0, 0x46, 0xe0, 0xc6}, {0xe0, 0x7e, 0xe0, 0xf0, 0x7e}};
    const unsigned second = k->set - 1u;
    if (!down) {
        return;
    }
    if (held(k, INPUT_KEY_CTRL, INPUT_KEY_CTRL_R)) {
        put(k, broken[second], second ? 5 : 4);
    } else {
        put(k, pause[second], second ? 8 : 6);
    }
}

static void key_of_set1(struct ps2_keyboard *k, uint8_t number, bool down)
{
    const uint8_t code = (number & 0x7f) | (down ? 0 : 0x80);
    const uint8_t bytes[2] = {0xe0, code};
    put(k, number & 0x80 ? bytes : bytes + 1, number & 0x80 ? 2 : 1);
}

static void key_of_set2(struct ps2_keyboard *k, const struct input_codes *c, bool down)
{
    uint8_t bytes[3];
    size_t n = 0;
    if (c->number & 0x80) {
        bytes[n++] = 0xe0;
    }
    if (!down) {
        bytes[n++] = 0xf0;
    }
    bytes[n++] = c->set2;
    put(k, bytes, n);
}

static void key_of_set3(struct ps2_keyboard *k, uint8_t code, bool down)
{
    const uint8_t bytes[2] = {0xf0, code};
    if (code && (down || !bit(k->silent[code / 8], code % 8))) {
        put(k, down ? bytes + 1 : bytes, down ? 1 : 2);
    }
}

void ps2_keyboard_key(struct ps2_keyboard *k, enum input_key key, bool down)
{
    struct input_codes c = input_key_codes(key);
    k->held[key] = down;
    if (!k->on || !c.number) {
        return;
    }
    const bool alt = held(k, INPUT_KEY_ALT, INPUT_KEY_ALT_R);
    if (k->set == 3) {
        key_of_set3(k, c.set3, down);
        return;
    }
    if (key == INPUT_KEY_PAUSE) {
        pause_key(k, down);
        return;
    }
    if (key == INPUT_KEY_PRINT && !alt) {
        print_key(k, down);
        return;
    }
    if (key == INPUT_KEY_PRINT) {
        c = input_key_codes(INPUT_KEY_SYSRQ);
    }
    if (k->set == 1) {
        key_of_set1(k, c.number, down);
    } else {
        key_of_set2(k, &c, down);
    }
}

/* ---- commands */

static void answer(struct ps2_keyboard *k, uint8_t byte)
{
    put(k, &byte, 1);
}

/* Keys that tell of going up in set 3, to begin with: those that are held with others. */
static void set_default_keys(struct ps2_keyboard *k)
{
    static const uint8_t loud[] = {0x11, 0x12, 0x14, 0x19, 0x39, 0x58, 0x59};
    memset(k->silent, 0xff, sizeof(k->silent));
    for (unsigned i = 0; i < array_len(loud); i++) {
        k->silent[loud[i] / 8] &= (uint8_t) ~(1u << loud[i] % 8);
    }
}

static void set_defaults(struct ps2_keyboard *k)
{
    k->set = 2;
    k->rate = RATE_INITIAL;
    set_default_keys(k);
}

static void choose_set(struct ps2_keyboard *k, uint8_t set)
{
    if (set > 3) {
        answer(k, PS2_RESEND);
        return;
    }
    answer(k, PS2_ACK);
    if (set) {
        k->set = set;
    } else {
        answer(k, k->set);
    }
}

static void set_key(struct ps2_keyboard *k, uint8_t code, bool silent)
{
    const uint8_t mask = (uint8_t)(1u << code % 8);
    uint8_t *byte = &k->silent[code / 8];
    *byte = silent ? *byte | mask : *byte & (uint8_t)~mask;
    answer(k, PS2_ACK);
    k->on = false; /* until it is enabled again */
}

/* False: it is none of the command's, but a command itself. */
static bool parameter(struct ps2_keyboard *k, uint8_t value)
{
    const uint8_t command = k->command;
    k->command = 0;
    if (value >= 0x80 && command != KEY_REPEAT && command != KEY_MAKE_BREAK &&
        command != KEY_MAKE) {
        return false;
    }
    switch (command) {
    case SET_LEDS:
        k->leds = value & LOCKED_LEDS;
        answer(k, PS2_ACK);
        break;
    case SET_CODES:
        choose_set(k, value);
        break;
    case SET_RATE:
        k->rate = value;
        answer(k, PS2_ACK);
        break;
    default:
        set_key(k, value, command != KEY_MAKE_BREAK);
        break;
    }
    return true;
}

static void wait_for_parameter(struct ps2_keyboard *k, uint8_t command)
{
    k->command = command;
    answer(k, PS2_ACK);
}

static void set_all_keys(struct ps2_keyboard *k, bool silent)
{
    memset(k->silent, silent ? 0xff : 0, sizeof(k->silent));
    answer(k, PS2_ACK);
}

static void command(struct ps2_keyboard *k, uint8_t value)
{
    switch (value) {
    case SET_LEDS:
    case SET_CODES:
    case SET_RATE:
    case KEY_REPEAT:
    case KEY_MAKE_BREAK:
    case KEY_MAKE:
        wait_for_parameter(k, value);
        break;
    case ECHO:
        answer(k, ECHO);
        break;
    case IDENTIFY:
        put(k, (const uint8_t[]){PS2_ACK, 0xab, 0x83}, 3);
        break;
    case ENABLE:
        k->on = true;
        answer(k, PS2_ACK);
        break;
    case DISABLE:
    case SET_DEFAULTS:
        set_defaults(k);
        k->on = value == SET_DEFAULTS;
        answer(k, PS2_ACK);
        break;
    case ALL_REPEAT:
    case ALL_MAKE:
        set_all_keys(k, true);
        break;
    case ALL_MAKE_BREAK:
    case ALL_BOTH:
        set_all_keys(k, false);
        break;
    case RESET:
        ps2_keyboard_reset(k);
        put(k, (const uint8_t[]){PS2_ACK, PS2_TEST_PASSED}, 2);
        break;
    default:
        answer(k, PS2_RESEND);
        break;
    }
}

/* Whatever it had to say is forgotten when it is spoken to. */
void ps2_keyboard_write(struct ps2_keyboard *k, uint8_t value)
{
    ps2_queue_clear(&k->queue);
    if (value == RESEND) {
        answer(k, k->last);
    } else if (!k->command || !parameter(k, value)) {
        command(k, value);
    }
}

void ps2_keyboard_reset(struct ps2_keyboard *k)
{
    bool keys[INPUT_KEY_COUNT];
    memcpy(keys, k->held, sizeof(keys));
    *k = (struct ps2_keyboard){.on = true};
    memcpy(k->held, keys, sizeof(keys));
    set_defaults(k);
}

bool ps2_keyboard_check(const struct ps2_keyboard *k, struct error *e)
{
    return k->set >= 1 || error_set(e, "its keyboard has no set of scan codes");
}

const struct field ps2_keyboard_fields[] = {
    FIELD_PARTS(ps2_keyboard, queue, ps2_queue_fields, ps2_queue),
    FIELD(ps2_keyboard, command),
    FIELD_MOST(ps2_keyboard, set, 3),
    FIELD_MOST(ps2_keyboard, leds, LOCKED_LEDS),
    FIELD(ps2_keyboard, rate),
    FIELD(ps2_keyboard, last),
    FIELD(ps2_keyboard, on),
    FIELD_SKIP(ps2_keyboard, held),
    FIELD(ps2_keyboard, silent),
    FIELD_END,
};
