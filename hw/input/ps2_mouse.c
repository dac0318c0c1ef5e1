/* SPDX-License-Identifier: MIT */
/*
 * A PS/2 mouse (IBM Personal System/2 Hardware Interface Technical Reference, mice) that becomes
 * one with a wheel and five buttons for drivers that ask in Microsoft's way: rates 200, 100, 80 are
 * for the wheel, 200, 200, 80 for the buttons as well.
 */
#include <string.h>

#include "base/bits.h"
#include "hw/input/ps2.h"

enum { /* commands */
    SCALING_ONCE = 0xe6,
    SCALING_TWICE = 0xe7,
    SET_RESOLUTION = 0xe8,
    STATUS = 0xe9,
    SET_STREAM = 0xea,
    READ_DATA = 0xeb,
    RESET_WRAP = 0xec,
    SET_WRAP = 0xee,
    SET_REMOTE = 0xf0,
    IDENTIFY = 0xf2,
    SET_RATE = 0xf3,
    ENABLE = 0xf4,
    DISABLE = 0xf5,
    SET_DEFAULTS = 0xf6,
    RESET = 0xff
};

#define MOVED_MOST 0x7fff /* more is not remembered */

/* ---- packets */

static int clamp(int64_t v, int most)
{
    return v > most ? most : v < -most ? -most : (int)v;
}

static unsigned packet_bytes(const struct ps2_mouse *m)
{
    return m->id ? 4 : 3;
}

/* Movement in reports that are not asked for may count more the faster it is. */
static int scaled(const struct ps2_mouse *m, int v, bool asked)
{
    static const uint8_t faster[] = {0, 1, 1, 3, 6, 9};
    if (!m->twice || asked) {
        return v;
    }
    const int size = v < 0 ? -v : v;
    const int more = size < 6 ? faster[size] : 2 * size;
    return v < 0 ? -more : more;
}

/* Takes as much of the movement as a packet can tell. */
static bool put_packet(struct ps2_mouse *m, bool asked)
{
    const int step = m->twice && !asked ? 127 : 255, wheel = m->id == 4 ? 7 : 127;
    const int tx = clamp(m->dx, step), ty = clamp(m->dy, step), tz = clamp(m->dz, wheel);
    const int dx = scaled(m, tx, asked), dy = scaled(m, ty, asked);
    const uint8_t packet[4] = {
        (uint8_t)(8 | (m->buttons & 7) | (dx < 0 ? 0x10 : 0) | (dy < 0 ? 0x20 : 0)), (uint8_t)dx,
        (uint8_t)dy,
        (uint8_t)(m->id == 4 ? (tz & 15) | (m->buttons & (INPUT_SIDE | INPUT_EXTRA)) << 1 : tz)};
    if (!ps2_queue_put(&m->queue, packet, packet_bytes(m))) {
        return false;
    }
    m->dx -= tx;
    m->dy -= ty;
    m->dz = m->id ? m->dz - tz : 0;
    m->told = m->buttons;
    return true;
}

void ps2_mouse_continue(struct ps2_mouse *m)
{
    const bool reports = m->on && !m->remote && !m->wrap;
    while (reports && (m->dx || m->dy || (m->dz && m->id) || m->buttons != m->told)) {
        if (!put_packet(m, false)) {
            return;
        }
    }
}

void ps2_mouse_move(struct ps2_mouse *m, const struct input_motion *motion)
{
    if (!m->on && !m->remote) {
        m->buttons = (uint8_t)(motion->buttons & 31);
        return;
    }
    m->dx = clamp((int64_t)m->dx + motion->dx, MOVED_MOST);
    m->dy = clamp((int64_t)m->dy - motion->dy, MOVED_MOST);
    m->dz = clamp((int64_t)m->dz + motion->dz, MOVED_MOST);
    m->buttons = (uint8_t)(motion->buttons & 31);
    ps2_mouse_continue(m);
}

/* ---- commands */

static void answer(struct ps2_mouse *m, uint8_t byte)
{
    ps2_queue_put(&m->queue, &byte, 1);
}

static void set_defaults(struct ps2_mouse *m)
{
    m->rate = 100;
    m->resolution = 2;
    m->on = m->remote = m->twice = m->wrap = false;
}

static void set_rate(struct ps2_mouse *m, uint8_t rate)
{
    if (rate == 80 && m->rates[0] == 200 && m->rates[1] == 100) {
        m->id = 3;
    } else if (rate == 80 && m->rates[0] == 200 && m->rates[1] == 200) {
        m->id = 4;
    }
    m->rates[0] = m->rates[1];
    m->rates[1] = rate;
    m->rate = rate;
}

static void parameter(struct ps2_mouse *m, uint8_t value)
{
    const uint8_t command = m->command;
    m->command = 0;
    if (command == SET_RATE) {
        set_rate(m, value);
    } else {
        m->resolution = value & 3;
    }
    answer(m, PS2_ACK);
}

static void tell_status(struct ps2_mouse *m)
{
    const uint8_t buttons = (uint8_t)((m->buttons & INPUT_LEFT ? 4 : 0) |
                                      (m->buttons & INPUT_MIDDLE ? 2 : 0) |
                                      (m->buttons & INPUT_RIGHT ? 1 : 0));
    const uint8_t status = (uint8_t)((m->remote ? 0x40 : 0) | (m->on ? 0x20 : 0) |
                                     (m->twice ? 0x10 : 0) | buttons);
    ps2_queue_put(&m->queue, (const uint8_t[]){PS2_ACK, status, m->resolution, m->rate}, 4);
}

/* The commands that set a mode, with an acknowledgement. False: it is none. */
static bool set_mode(struct ps2_mouse *m, uint8_t value)
{
    switch (value) {
    case SCALING_ONCE:
    case SCALING_TWICE:
        m->twice = value == SCALING_TWICE;
        return true;
    case SET_STREAM:
        m->remote = false;
        return true;
    case SET_WRAP:
    case RESET_WRAP:
        m->wrap = value == SET_WRAP;
        return true;
    case SET_REMOTE:
        m->remote = true;
        return true;
    case ENABLE:
    case DISABLE:
        m->on = value == ENABLE;
        m->dx = m->dy = m->dz = 0;
        return true;
    case SET_DEFAULTS:
        set_defaults(m);
        return true;
    case SET_RESOLUTION:
    case SET_RATE:
        m->command = value;
        return true;
    default:
        return false;
    }
}

static void command(struct ps2_mouse *m, uint8_t value)
{
    if (set_mode(m, value)) {
        answer(m, PS2_ACK);
        return;
    }
    switch (value) {
    case STATUS:
        tell_status(m);
        break;
    case READ_DATA:
        answer(m, PS2_ACK);
        put_packet(m, true);
        break;
    case IDENTIFY:
        ps2_queue_put(&m->queue, (const uint8_t[]){PS2_ACK, m->id}, 2);
        break;
    case RESET:
        ps2_mouse_reset(m);
        ps2_queue_put(&m->queue, (const uint8_t[]){PS2_ACK, PS2_TEST_PASSED, m->id}, 3);
        break;
    default:
        answer(m, PS2_RESEND);
        break;
    }
}

void ps2_mouse_write(struct ps2_mouse *m, uint8_t value)
{
    ps2_queue_clear(&m->queue);
    if (m->wrap && value != RESET && value != RESET_WRAP) {
        answer(m, value);
    } else if (m->command) {
        parameter(m, value);
    } else {
        command(m, value);
    }
}

void ps2_mouse_reset(struct ps2_mouse *m)
{
    const uint8_t buttons = m->buttons;
    *m = (struct ps2_mouse){.buttons = buttons, .told = buttons};
    set_defaults(m);
}

const struct field ps2_mouse_fields[] = {
    FIELD_PARTS(ps2_mouse, queue, ps2_queue_fields, ps2_queue),
    FIELD(ps2_mouse, command),
    FIELD_MOST(ps2_mouse, id, 4),
    FIELD(ps2_mouse, rate),
    FIELD_MOST(ps2_mouse, resolution, 3),
    FIELD(ps2_mouse, rates),
    FIELD(ps2_mouse, on),
    FIELD(ps2_mouse, remote),
    FIELD(ps2_mouse, wrap),
    FIELD(ps2_mouse, twice),
    FIELD_MOST(ps2_mouse, buttons, 31),
    FIELD_MOST(ps2_mouse, told, 31),
    FIELD_SKIP(ps2_mouse, pad),
    FIELD(ps2_mouse, dx),
    FIELD(ps2_mouse, dy),
    FIELD(ps2_mouse, dz),
    FIELD_END,
};
