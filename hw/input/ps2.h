/* SPDX-License-Identifier: MIT */
/*
 * PS/2 devices, as a controller has them at its two ports: a keyboard and a mouse. The controller
 * sends them bytes and takes what they have to say from their queues; all under its lock.
 */
#ifndef HW_INPUT_PS2_H
#define HW_INPUT_PS2_H

#include "base/fields.h"
#include "hw/input.h"

#define PS2_QUEUE_BYTES 16
#define PS2_KEY_CODES 256

/* Bytes from a device that the controller has not taken. */
struct ps2_queue {
    uint8_t data[PS2_QUEUE_BYTES];
    uint8_t first, count;
};

bool ps2_queue_take(struct ps2_queue *q, uint8_t *byte);

struct ps2_keyboard {
    struct ps2_queue queue;
    uint8_t command; /* that waits for a parameter, or 0 */
    uint8_t set;     /* of scan codes: 1 to 3 */
    uint8_t leds;
    uint8_t rate; /* of repeats */
    uint8_t last; /* byte that was sent, for RESEND */
    bool on;      /* it scans its keys */
    bool held[INPUT_KEY_COUNT];
    uint8_t silent[PS2_KEY_CODES / 8]; /* set 3: codes of keys that do not tell that they go up */
};

extern const struct field ps2_keyboard_fields[];
/* After a state was loaded: false, with what is wrong. */
bool ps2_keyboard_check(const struct ps2_keyboard *k, struct error *e);
/* As it is when power comes. */
void ps2_keyboard_reset(struct ps2_keyboard *k);
/* From the controller. */
void ps2_keyboard_write(struct ps2_keyboard *k, uint8_t value);
/* A key goes down or up. */
void ps2_keyboard_key(struct ps2_keyboard *k, enum input_key key, bool down);
/* Bytes of set 2 become those of set 1, as controllers do it. *released is the state between bytes.
 * False: there is nothing to tell of yet. */
bool ps2_translate(uint8_t byte, bool *released, uint8_t *result);

struct ps2_mouse {
    struct ps2_queue queue;
    uint8_t command;
    uint8_t id; /* 0, 3: has a wheel, 4: and five buttons */
    uint8_t rate, resolution;
    uint8_t rates[2]; /* the last ones that were set, by which drivers ask for more */
    bool on;          /* it reports movements */
    bool remote, wrap, twice;
    uint8_t buttons, told; /* INPUT_ bits: now, and as the last packet had them */
    uint8_t pad[2];
    int32_t dx, dy, dz; /* what no packet has told of yet; dy > 0 is up */
};

extern const struct field ps2_mouse_fields[];
void ps2_mouse_reset(struct ps2_mouse *m);
void ps2_mouse_write(struct ps2_mouse *m, uint8_t value);
void ps2_mouse_move(struct ps2_mouse *m, const struct input_motion *motion);
/* Room has come into its queue: it may have more to tell. */
void ps2_mouse_continue(struct ps2_mouse *m);

/* ps2.c: for the two. */
extern const struct field ps2_queue_fields[];
void ps2_queue_clear(struct ps2_queue *q);
/* n bytes, or none if there is no room for all of them. */
bool ps2_queue_put(struct ps2_queue *q, const uint8_t *bytes, size_t n);

/* Answers of either. */
enum {
    PS2_ACK = 0xfa,
    PS2_RESEND = 0xfe,
    PS2_TEST_PASSED = 0xaa
};

#endif
