/* SPDX-License-Identifier: MIT */
/*
 * Keyboards and mice: what people do reaches the device that was made last of each kind. Devices
 * register here; displays and the monitor tell of keys and movements. Any thread, but for
 * registering, unless said otherwise.
 */
#ifndef HW_INPUT_H
#define HW_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"
#include "hw/input_keys.h"

struct machine;

#define INPUT_CONSTANT_(constant, ...) INPUT_KEY_##constant,
enum input_key {
    INPUT_KEYS(INPUT_CONSTANT_) INPUT_KEY_COUNT
};
#undef INPUT_CONSTANT_

/* Bits of buttons. */
enum {
    INPUT_LEFT = 1,
    INPUT_RIGHT = 2,
    INPUT_MIDDLE = 4,
    INPUT_SIDE = 8,
    INPUT_EXTRA = 16
};

/* Since the last one: right and down are positive, dz > 0 is the wheel towards the user. */
struct input_motion {
    int dx, dy, dz;
    unsigned buttons; /* those that are down now */
};

/* A device that listens; it takes its own lock. */
struct input_sink {
    const char *name;
    void (*key)(void *opaque, enum input_key key, bool down);      /* NULL: no keyboard */
    void (*move)(void *opaque, const struct input_motion *motion); /* NULL: no mouse */
    void *opaque;
    struct input_sink *next;
};

/* In create and destroy of a device. */
void input_add_sink(struct machine *m, struct input_sink *s);
void input_remove_sink(struct machine *m, struct input_sink *s);

/* A key goes down or up, the mouse moves; whatever nobody listens to is lost. */
void input_key(struct machine *m, enum input_key key, bool down);
void input_move(struct machine *m, const struct input_motion *motion);
/* The buttons that are down, as the last movement had them. */
unsigned input_buttons(struct machine *m);
/*
 * Keys one after the other down and then up, in reverse, each for hold_ms of the machine's time,
 * behind what waits so already. false: too much does.
 */
#define INPUT_QUEUE_MOST 1000
bool input_send(struct machine *m, const enum input_key *keys, size_t n, unsigned hold_ms);

/* The key of a name, or of a number as set 1 has it; false: there is none. */
bool input_find_name(const char *name, size_t n, enum input_key *key);
bool input_find_number(unsigned number, enum input_key *key);
const char *input_key_name(enum input_key key);
/* Codes of a key; see input_keys.h. */
struct input_codes {
    uint8_t number, set2, set3;
};
struct input_codes input_key_codes(enum input_key key);
/* "* Mouse #N: NAME" of each mouse. */
void input_describe(const struct machine *m, struct strbuf *out);

#endif
