/* SPDX-License-Identifier: MIT */
/* Monitor commands that stand for people at keyboard and mouse: sendkey, mouse_move, mouse_button;
 * info mice. */
#include "hw/input.h"

#include <stdlib.h>
#include <string.h>

#include "hw/machine.h"
#include "monitor/commands.h"

enum {
    KEYS_MOST = 16,
    HOLD_MS = 100,
    HOLD_MOST_MS = 60000
};

static struct machine *machine(struct call *c)
{
    return c->session->context->machine;
}

/* A name, "<" for the key that has it, or a number as set 1 has it. */
static bool find_key(const char *text, size_t n, enum input_key *key)
{
    char *end;
    if (n == 1 && text[0] == '<') {
        *key = INPUT_KEY_LESS;
        return true;
    }
    if (n > 2 && strncmp(text, "0x", 2) == 0) {
        const unsigned long number = strtoul(text, &end, 16);
        return end == text + n && number <= 0xff && input_find_number((unsigned)number, key);
    }
    return input_find_name(text, n, key);
}

static bool is_number(const char *text, long least, long most, long *value)
{
    char *end;
    *value = strtol(text, &end, 0);
    return *text && !*end && *value >= least && *value <= most;
}

static void sendkey(struct call *c)
{
    enum input_key keys[KEYS_MOST];
    size_t n = 0;
    long hold_ms = HOLD_MS;
    if (c->count > 1 && !is_number(c->words[1], 1, HOLD_MOST_MS, &hold_ms)) {
        strbuf_printf(c->out, "'%s' is no time in milliseconds, from 1 to %d\n", c->words[1],
                      HOLD_MOST_MS);
        return;
    }
    for (const char *at = c->words[0]; at;) {
        const size_t length = strcspn(at, "-");
        if (n == KEYS_MOST) {
            strbuf_printf(c->out, "more than %d keys\n", KEYS_MOST);
            return;
        }
        if (!find_key(at, length, &keys[n])) {
            strbuf_printf(c->out, "invalid parameter: %.*s\n", (int)length, at);
            return;
        }
        n++;
        at = at[length] ? at + length + 1 : NULL;
    }
    if (!input_send(machine(c), keys, n, (unsigned)hold_ms)) {
        strbuf_puts(c->out, "too many keys wait for their time\n");
    }
}

/* What the buttons are is kept with the movement: each says all of them. */
static void move(struct call *c, const struct input_motion *m)
{
    input_move(machine(c), m);
}

static void mouse_move(struct call *c)
{
    long v[3] = {0, 0, 0};
    for (unsigned i = 0; i < c->count; i++) {
        if (!is_number(c->words[i], -32767, 32767, &v[i])) {
            strbuf_printf(c->out, "'%s' is no distance from -32767 to 32767\n", c->words[i]);
            return;
        }
    }
    move(c, &(struct input_motion){(int)v[0], (int)v[1], (int)v[2], input_buttons(machine(c))});
}

/* QEMU's numbers of the buttons are 1 left, 2 middle, 4 right. */
static void mouse_button(struct call *c)
{
    long v;
    if (!is_number(c->words[0], 0, 7, &v)) {
        strbuf_printf(c->out, "'%s': the sum of 1 (left), 2 (middle) and 4 (right)\n", c->words[0]);
        return;
    }
    move(c,
         &(struct input_motion){.buttons = (v & 1 ? INPUT_LEFT : 0u) | (v & 2 ? INPUT_MIDDLE : 0u) |
                                           (v & 4 ? INPUT_RIGHT : 0u)});
}

void info_mice(struct call *c)
{
    input_describe(machine(c), c->out);
}

const struct command commands_input[] = {
    {"sendkey", NULL, "KEYS [MS]", 1, 2,
     "press keys (\"ctrl-alt-delete\"), hold them for so many ms, and let go", sendkey},
    {"mouse_move", NULL, "DX DY [DZ]", 2, 3, "move the mouse, and its wheel", mouse_move},
    {"mouse_button", NULL, "STATE", 1, 1, "press and release buttons: 1 left, 2 middle, 4 right",
     mouse_button},
    {0},
};
