/* SPDX-License-Identifier: MIT */
/* Keyboards and mice, and keys that wait for their time: see input.h. */
#include "hw/input.h"

#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "hw/machine.h"

struct waiting {
    enum input_key key;
    bool down;
    uint64_t hold_ns; /* until the next one */
};

struct input {
    struct machine *machine;
    struct os_mutex mutex;    /* guards what follows; not held while a sink is called */
    struct input_sink *sinks; /* the newest first */
    struct clock_timer *timer;
    struct waiting queue[INPUT_QUEUE_MOST];
    unsigned first, count;
    unsigned buttons;
};

/* ---- keys */

static const struct row {
    const char *name;
    struct input_codes codes;
} rows[INPUT_KEY_COUNT] = {
#define INPUT_ROW_(constant, name, ...) [INPUT_KEY_##constant] = {name, {__VA_ARGS__}},
    INPUT_KEYS(INPUT_ROW_)
#undef INPUT_ROW_
};

bool input_find_name(const char *name, size_t n, enum input_key *key)
{
    for (unsigned k = 0; k < INPUT_KEY_COUNT; k++) {
        if (strlen(rows[k].name) == n && memcmp(rows[k].name, name, n) == 0) {
            *key = (enum input_key)k;
            return true;
        }
    }
    return false;
}

bool input_find_number(unsigned number, enum input_key *key)
{
    for (unsigned k = 0; number && k < INPUT_KEY_COUNT; k++) {
        if (rows[k].codes.number == number) {
            *key = (enum input_key)k;
            return true;
        }
    }
    return false;
}

const char *input_key_name(enum input_key key)
{
    return rows[key].name;
}

struct input_codes input_key_codes(enum input_key key)
{
    return rows[key].codes;
}

/* ---- who listens */

static struct input_sink *sink_of(struct input *in, bool mouse)
{
    os_mutex_lock(&in->mutex);
    struct input_sink *s = in->sinks;
    while (s && !(mouse ? s->move != NULL : s->key != NULL)) {
        s = s->next;
    }
    os_mutex_unlock(&in->mutex);
    return s;
}

void input_key(struct machine *m, enum input_key key, bool down)
{
    const struct input_sink *s = m->input ? sink_of(m->input, false) : NULL;
    if (s) {
        s->key(s->opaque, key, down);
    }
}

void input_move(struct machine *m, const struct input_motion *motion)
{
    const struct input_sink *s = m->input ? sink_of(m->input, true) : NULL;
    if (s) {
        os_mutex_lock(&m->input->mutex);
        m->input->buttons = motion->buttons;
        os_mutex_unlock(&m->input->mutex);
        s->move(s->opaque, motion);
    }
}

unsigned input_buttons(struct machine *m)
{
    unsigned buttons = 0;
    if (m->input) {
        os_mutex_lock(&m->input->mutex);
        buttons = m->input->buttons;
        os_mutex_unlock(&m->input->mutex);
    }
    return buttons;
}

void input_describe(const struct machine *m, struct strbuf *out)
{
    unsigned n = 0;
    const struct input_sink *s = m->input ? m->input->sinks : NULL;
    for (; s; s = s->next) {
        if (s->move) {
            strbuf_printf(out, "%c Mouse #%u: %s\n", n ? ' ' : '*', n, s->name);
            n++;
        }
    }
    if (n == 0) {
        strbuf_puts(out, "No mouse devices connected\n");
    }
}

/* ---- keys that wait */

static bool take_first(struct input *in, struct waiting *w)
{
    os_mutex_lock(&in->mutex);
    const bool any = in->count > 0;
    if (any) {
        *w = in->queue[in->first];
        in->first = (in->first + 1) % INPUT_QUEUE_MOST;
        in->count--;
        clock_timer_set(in->timer, clock_now_ns(in->machine->clock) + w->hold_ns);
    }
    os_mutex_unlock(&in->mutex);
    return any;
}

static void next_due(void *opaque)
{
    struct input *in = opaque;
    struct waiting w;
    if (take_first(in, &w)) {
        input_key(in->machine, w.key, w.down);
    }
}

static void put_last(struct input *in, struct waiting w)
{
    in->queue[(in->first + in->count++) % INPUT_QUEUE_MOST] = w;
}

bool input_send(struct machine *m, const enum input_key *keys, size_t n, unsigned hold_ms)
{
    struct input *in = m->input;
    if (!in) {
        return true;
    }
    os_mutex_lock(&in->mutex);
    const bool room = 2 * n <= INPUT_QUEUE_MOST - in->count;
    for (size_t i = 0; room && i < 2 * n; i++) {
        const enum input_key key = keys[i < n ? i : 2 * n - 1 - i];
        put_last(in, (struct waiting){key, i < n, hold_ms * UINT64_C(1000000)});
    }
    if (clock_timer_due_ns(in->timer) == CLOCK_NEVER) {
        clock_timer_set(in->timer, clock_now_ns(m->clock));
    }
    os_mutex_unlock(&in->mutex);
    return room;
}

/* ---- life */

void input_add_sink(struct machine *m, struct input_sink *s)
{
    if (!m->input) {
        m->input = mem_alloc(sizeof(*m->input));
        m->input->machine = m;
        os_mutex_init(&m->input->mutex);
        m->input->timer = clock_timer_create(m->clock, next_due, m->input);
    }
    os_mutex_lock(&m->input->mutex);
    s->next = m->input->sinks;
    m->input->sinks = s;
    os_mutex_unlock(&m->input->mutex);
}

void input_remove_sink(struct machine *m, struct input_sink *s)
{
    struct input *in = m->input;
    os_mutex_lock(&in->mutex);
    for (struct input_sink **p = &in->sinks; *p; p = &(*p)->next) {
        if (*p == s) {
            *p = s->next;
            break;
        }
    }
    const bool last = !in->sinks;
    os_mutex_unlock(&in->mutex);
    if (last) {
        clock_timer_destroy(in->timer);
        os_mutex_destroy(&in->mutex);
        mem_free(in);
        m->input = NULL;
    }
}
