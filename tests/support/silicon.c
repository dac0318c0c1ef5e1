/* SPDX-License-Identifier: MIT */
/* See silicon.h. */
#include "tests/support/silicon.h"

#include <poll.h>
#include <signal.h>
#include <string.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/mem.h"
#include "tests/support/tiny/tiny.h"

#define SLOTS 64u
#define BELLS 64u
#define BOUND 16u

struct bound {
    unsigned line;
    int event, resample;
};

struct silicon {
    struct os_mutex lock; /* of all but what vCPUs share with the program */
    struct silicon_slot slot[SLOTS];
    unsigned slots;
    struct silicon_bell bell[BELLS];
    unsigned bells;

    struct silicon_route route[SILICON_LINES];
    struct bound bound[BOUND];
    unsigned bounds;
    struct silicon_chip *chip;
    struct os_thread thread; /* waits for events that are bound */
    int rebound;             /* an event: they have changed, or it is over */
    _Atomic bool over;

    unsigned vcpus;
    struct silicon_vcpu *vcpu;
};

/* ---- slots */

static struct silicon_slot *find_slot(struct silicon *m, uint64_t a)
{
    for (unsigned i = 0; i < m->slots; i++) {
        if (a - m->slot[i].base < m->slot[i].size) {
            return &m->slot[i];
        }
    }
    return NULL;
}

static uint64_t *new_log(const struct silicon_slot *s)
{
    return s->logged ? mem_array((s->size / SILICON_PAGE + 63) / 64, sizeof(uint64_t)) : NULL;
}

static bool add_slot(struct silicon *m, const struct silicon_slot *s)
{
    if (!s->size || (s->base | s->size | (uintptr_t)s->host) % SILICON_PAGE || m->slots == SLOTS) {
        return false;
    }
    for (unsigned i = 0; i < m->slots; i++) {
        const struct silicon_slot *o = &m->slot[i];
        if (o->base < s->base + s->size && s->base < o->base + o->size) {
            return false;
        }
    }
    m->slot[m->slots] = *s;
    m->slot[m->slots++].log = new_log(s);
    return true;
}

bool silicon_add_slot(struct silicon *m, const struct silicon_slot *s)
{
    os_mutex_lock(&m->lock);
    const bool good = add_slot(m, s);
    os_mutex_unlock(&m->lock);
    return good;
}

bool silicon_remove_slot(struct silicon *m, uint64_t base, uint64_t size)
{
    os_mutex_lock(&m->lock);
    struct silicon_slot *s = find_slot(m, base);
    const bool good = s && s->base == base && s->size == size;
    if (good) {
        mem_free(s->log);
        *s = m->slot[--m->slots];
    }
    os_mutex_unlock(&m->lock);
    return good;
}

bool silicon_log_slot(struct silicon *m, uint64_t base, bool logged)
{
    os_mutex_lock(&m->lock);
    struct silicon_slot *s = find_slot(m, base);
    const bool good = s && s->base == base && s->logged != logged;
    if (good) {
        s->logged = logged;
        mem_free(s->log);
        s->log = new_log(s);
    }
    os_mutex_unlock(&m->lock);
    return good;
}

bool silicon_read_log(struct silicon *m, uint64_t base, uint64_t *bitmap)
{
    os_mutex_lock(&m->lock);
    const struct silicon_slot *s = find_slot(m, base);
    const bool good = s && s->log;
    if (good) {
        memcpy(bitmap, s->log, (s->size / SILICON_PAGE + 63) / 64 * sizeof(*bitmap));
    }
    os_mutex_unlock(&m->lock);
    return good;
}

bool silicon_clear_log(struct silicon *m, uint64_t base, const uint64_t *bitmap)
{
    os_mutex_lock(&m->lock);
    struct silicon_slot *s = find_slot(m, base);
    const bool good = s && s->log;
    for (uint64_t i = 0; good && i < (s->size / SILICON_PAGE + 63) / 64; i++) {
        s->log[i] &= ~bitmap[i];
    }
    os_mutex_unlock(&m->lock);
    return good;
}

/* ---- doorbells */

static bool is_same_bell(const struct silicon_bell *a, const struct silicon_bell *b)
{
    return a->address == b->address && a->size == b->size && a->any_value == b->any_value &&
           (a->any_value || a->value == b->value);
}

static unsigned find_bell(const struct silicon *m, const struct silicon_bell *b)
{
    unsigned i = 0;

    while (i < m->bells && !is_same_bell(&m->bell[i], b)) {
        i++;
    }
    return i;
}

bool silicon_add_bell(struct silicon *m, const struct silicon_bell *b)
{
    os_mutex_lock(&m->lock);
    const bool good = m->bells < BELLS && find_bell(m, b) == m->bells;
    if (good) {
        m->bell[m->bells++] = *b;
    }
    os_mutex_unlock(&m->lock);
    return good;
}

bool silicon_remove_bell(struct silicon *m, const struct silicon_bell *b)
{
    os_mutex_lock(&m->lock);
    const unsigned i = find_bell(m, b);
    const bool good = i < m->bells;
    if (good) {
        m->bell[i] = m->bell[--m->bells];
    }
    os_mutex_unlock(&m->lock);
    return good;
}

static bool ring(const struct silicon *m, uint64_t a, uint8_t value)
{
    for (unsigned i = 0; i < m->bells; i++) {
        const struct silicon_bell *b = &m->bell[i];
        if (b->address == a && b->size <= 1 && (b->any_value || b->value == value)) {
            os_event_signal(b->event);
            return true;
        }
    }
    return false;
}

/* ---- accesses */

bool silicon_load(struct silicon *m, uint64_t a, uint8_t *value)
{
    os_mutex_lock(&m->lock);
    const struct silicon_slot *s = find_slot(m, a);
    if (s) {
        *value = atomic_get(&s->host[a - s->base]);
    }
    os_mutex_unlock(&m->lock);
    return s;
}

static bool store(struct silicon *m, uint64_t a, uint8_t value)
{
    struct silicon_slot *s = find_slot(m, a);

    if (!s || s->read_only) {
        return ring(m, a, value);
    }
    atomic_set(&s->host[a - s->base], value);
    if (s->log) {
        const uint64_t page = (a - s->base) / SILICON_PAGE;
        s->log[page / 64] |= UINT64_C(1) << page % 64;
    }
    return true;
}

bool silicon_store(struct silicon *m, uint64_t a, uint8_t value)
{
    os_mutex_lock(&m->lock);
    const bool done = store(m, a, value);
    os_mutex_unlock(&m->lock);
    return done;
}

/* ---- the interrupt controller; under the lock */

static void make_pending(struct silicon *m, unsigned vcpu, unsigned vector)
{
    m->chip->pending[vcpu] |= UINT64_C(1) << vector;
    os_event_signal(m->vcpu[vcpu].wake);
}

static bool is_by_level(unsigned pin)
{
    return pin >= 4;
}

/* A pin's vector is its number, of the first vCPU. */
static void set_pin(struct silicon *m, unsigned pin, bool level)
{
    const uint32_t bit = 1u << pin;

    if (level && (is_by_level(pin) || !(m->chip->levels & bit))) {
        make_pending(m, 0, pin);
    }
    m->chip->levels = level ? m->chip->levels | bit : m->chip->levels & ~bit;
}

static void set_line(struct silicon *m, unsigned line, bool level)
{
    const struct silicon_route *r = &m->route[line];

    if (r->to == SILICON_TO_PIN) {
        set_pin(m, r->pin, level);
    } else if (r->to == SILICON_TO_VECTOR && level) {
        make_pending(m, r->vcpu, r->vector);
    }
}

/* The vector of pin was taken. */
static void acknowledge(struct silicon *m, unsigned pin)
{
    for (unsigned i = 0; i < m->bounds; i++) {
        const struct silicon_route *r = &m->route[m->bound[i].line];
        if (m->bound[i].resample >= 0 && r->to == SILICON_TO_PIN && r->pin == pin) {
            set_pin(m, pin, false);
            os_event_signal(m->bound[i].resample);
        }
    }
    if (is_by_level(pin) && m->chip->levels >> pin & 1) {
        make_pending(m, 0, pin);
    }
}

static bool take_vector(struct silicon_vcpu *v, uint32_t *vector)
{
    struct silicon *m = v->machine;
    uint64_t *pending = &m->chip->pending[v->index];

    os_mutex_lock(&m->lock);
    const bool any = *pending;
    if (any) {
        *vector = ctz64(*pending);
        *pending &= *pending - 1;
        if (v->index == 0 && *vector < SILICON_PINS) {
            acknowledge(m, *vector);
        }
    }
    os_mutex_unlock(&m->lock);
    return any;
}

void silicon_set_line(struct silicon *m, unsigned line, bool level)
{
    os_mutex_lock(&m->lock);
    set_line(m, line, level);
    os_mutex_unlock(&m->lock);
}

bool silicon_send(struct silicon *m, unsigned vcpu, unsigned vector)
{
    if (vcpu >= m->vcpus || vector >= SILICON_VECTORS) {
        return false;
    }
    os_mutex_lock(&m->lock);
    make_pending(m, vcpu, vector);
    os_mutex_unlock(&m->lock);
    return true;
}

bool silicon_set_routes(struct silicon *m, const struct silicon_route *r, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (i >= SILICON_LINES || (r[i].to == SILICON_TO_PIN && r[i].pin >= SILICON_PINS) ||
            (r[i].to == SILICON_TO_VECTOR &&
             (r[i].vcpu >= m->vcpus || r[i].vector >= SILICON_VECTORS))) {
            return false;
        }
    }
    os_mutex_lock(&m->lock);
    memset(m->route, 0, sizeof(m->route));
    memcpy(m->route, r, count * sizeof(*r));
    os_mutex_unlock(&m->lock);
    return true;
}

size_t silicon_chip_bytes(const struct silicon *m)
{
    return sizeof(*m->chip) + m->vcpus * sizeof(m->chip->pending[0]);
}

void silicon_get_chip(struct silicon *m, struct silicon_chip *c)
{
    os_mutex_lock(&m->lock);
    memcpy(c, m->chip, silicon_chip_bytes(m));
    os_mutex_unlock(&m->lock);
}

void silicon_set_chip(struct silicon *m, const struct silicon_chip *c)
{
    os_mutex_lock(&m->lock);
    memcpy(m->chip, c, silicon_chip_bytes(m));
    for (unsigned i = 0; i < m->vcpus; i++) {
        os_event_signal(m->vcpu[i].wake);
    }
    os_mutex_unlock(&m->lock);
}

/* ---- events that are bound to lines */

static void follow(struct silicon *m, const struct bound *b)
{
    if (os_event_take(b->event)) {
        set_line(m, b->line, true);
        if (b->resample < 0) {
            set_line(m, b->line, false);
        }
    }
}

static void follow_events(void *opaque)
{
    struct silicon *m = opaque;
    struct pollfd p[BOUND + 1];

    while (!atomic_load(&m->over)) {
        os_mutex_lock(&m->lock);
        for (unsigned i = 0; i < m->bounds; i++) {
            follow(m, &m->bound[i]);
            p[i] = (struct pollfd){.fd = m->bound[i].event, .events = POLLIN};
        }
        p[m->bounds] = (struct pollfd){.fd = m->rebound, .events = POLLIN};
        const unsigned n = m->bounds + 1;
        os_mutex_unlock(&m->lock);
        poll(p, n, -1);
        os_event_take(m->rebound);
    }
}

bool silicon_bind(struct silicon *m, unsigned line, int event, int resample)
{
    os_mutex_lock(&m->lock);
    const bool good = line < SILICON_LINES && m->bounds < BOUND;
    if (good) {
        m->bound[m->bounds++] = (struct bound){line, event, resample};
    }
    os_event_signal(m->rebound);
    os_mutex_unlock(&m->lock);
    return good;
}

bool silicon_unbind(struct silicon *m, unsigned line, int event)
{
    unsigned i = 0;

    os_mutex_lock(&m->lock);
    while (i < m->bounds && (m->bound[i].line != line || m->bound[i].event != event)) {
        i++;
    }
    const bool good = i < m->bounds;
    if (good) {
        m->bound[i] = m->bound[--m->bounds];
    }
    os_event_signal(m->rebound);
    os_mutex_unlock(&m->lock);
    return good;
}

/* ---- vCPUs */

void silicon_set_input(struct silicon_vcpu *v, unsigned line, bool level)
{
    if (level) {
        atomic_fetch_or(&v->lines, 1u << line);
        os_event_signal(v->wake);
    } else {
        atomic_fetch_and(&v->lines, ~(1u << line));
    }
}

/* What TINY_WAIT waits for is there. */
static bool wait_is_over(struct silicon_vcpu *v, int8_t n)
{
    return n < 0 ? take_vector(v, &v->regs[SILICON_A]) : atomic_load(&v->lines) >> (n & 31) & 1;
}

/* In the kernel signals wait; here they are held up so long. */
static void halt(struct silicon_vcpu *v)
{
    struct pollfd p = {.fd = v->wake, .events = POLLIN};
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (!atomic_load(&v->immediate_exit)) {
        ppoll(&p, 1, NULL, &before);
        os_event_take(v->wake);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* Loads and stores that are not done here are an exit, behind which the PC is the next one's. */
static bool execute(struct silicon_vcpu *v, uint8_t op, int8_t n)
{
    uint32_t *const a = &v->regs[SILICON_A], *const pc = &v->regs[SILICON_PC], at = *pc;

    v->address = TINY_PORTS + (uint64_t)(uint8_t)n;
    *pc += 2;
    v->instructions++;
    switch (op) {
    case TINY_SET:
        *a = (uint32_t)n;
        return true;
    case TINY_ADD:
        *a += (uint32_t)n;
        return true;
    case TINY_OUT:
        v->value = (uint8_t)*a;
        v->exit = SILICON_STORE;
        return silicon_store(v->machine, v->address, v->value);
    case TINY_LOOP:
        *pc = *a ? at + 2 * (uint32_t)n : *pc;
        return true;
    case TINY_IN:
        v->exit = SILICON_LOAD;
        v->loads = !silicon_load(v->machine, v->address, &v->value);
        *a = v->value;
        return !v->loads;
    case TINY_WAIT:
        v->halted = !wait_is_over(v, n);
        if (v->halted) {
            *pc = at;
            halt(v);
        }
        return true;
    default:
        *pc = at;
        v->exit = SILICON_FAULT;
        return false;
    }
}

static bool step(struct silicon_vcpu *v)
{
    uint8_t op, n;

    if (!silicon_load(v->machine, v->regs[SILICON_PC], &op) ||
        !silicon_load(v->machine, v->regs[SILICON_PC] + 1, &n)) {
        v->exit = SILICON_FAULT;
        return false;
    }
    return execute(v, op, (int8_t)n);
}

enum silicon_exit silicon_run(struct silicon_vcpu *v)
{
    if (v->loads) {
        v->regs[SILICON_A] = v->value;
        v->loads = false;
    }
    v->exits++;
    do {
        if (atomic_load(&v->immediate_exit)) {
            v->exit = SILICON_INTERRUPTED;
            return v->exit;
        }
    } while (step(v));
    return v->exit;
}

/* ---- life */

struct silicon_vcpu *silicon_vcpu(struct silicon *m, unsigned index)
{
    return &m->vcpu[index];
}

static int new_event(void)
{
    struct error e;
    const int event = os_event_create(&e);

    assert(event >= 0);
    return event;
}

struct silicon *silicon_create(unsigned vcpus)
{
    struct silicon *m = mem_alloc(sizeof(*m));
    struct error e;

    os_mutex_init(&m->lock);
    m->vcpus = vcpus;
    m->vcpu = mem_array(vcpus, sizeof(*m->vcpu));
    m->chip = mem_alloc(sizeof(*m->chip) + vcpus * sizeof(m->chip->pending[0]));
    m->rebound = new_event();
    for (unsigned i = 0; i < vcpus; i++) {
        m->vcpu[i].machine = m;
        m->vcpu[i].index = i;
        m->vcpu[i].wake = new_event();
    }
    const bool started = os_thread_start(&m->thread, "silicon", follow_events, m, &e);
    assert(started);
    (void)started;
    return m;
}

void silicon_destroy(struct silicon *m)
{
    atomic_store(&m->over, true);
    os_event_signal(m->rebound);
    os_thread_join(&m->thread);
    for (unsigned i = 0; i < m->slots; i++) {
        mem_free(m->slot[i].log);
    }
    for (unsigned i = 0; i < m->vcpus; i++) {
        os_event_close(m->vcpu[i].wake);
    }
    os_event_close(m->rebound);
    os_mutex_destroy(&m->lock);
    mem_free(m->chip);
    mem_free(m->vcpu);
    mem_free(m);
}
