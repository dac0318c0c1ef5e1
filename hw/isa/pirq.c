/* SPDX-License-Identifier: MIT */
/* The interrupt router of Intel's bridges: see pirq.h. */
#include "hw/isa/pirq.h"

#include "base/bits.h"

/* Interrupts 0, 1, 2, 8 and 13 are the system's own: routing there is reserved. */
#define ROUTABLE 0xdef8u

void pirq_init(struct pirq *p)
{
    os_mutex_init(&p->mutex);
    memset(p->route, PIRQ_NOWHERE, sizeof(p->route));
}

void pirq_fini(struct pirq *p)
{
    os_mutex_destroy(&p->mutex);
}

static uint32_t outputs_of(const struct pirq *p, unsigned n)
{
    const uint32_t isa = p->route[n] & PIRQ_NOWHERE ? 0 : 1u << (p->route[n] & 15) & ROUTABLE;
    return isa | (p->direct[n] ? 1u << p->direct[n] : 0);
}

static void drive(struct pirq *p)
{
    uint32_t high = 0;
    for (unsigned n = 0; n < PIRQ_LINES; n++) {
        high |= p->level[n] ? outputs_of(p, n) : 0;
    }
    const uint32_t differ = high ^ p->high;
    p->high = high;
    for (unsigned i = 0; i < p->outputs; i++) {
        if (bit(differ, i)) {
            irq_set(&p->output[i], bit(high, i));
        }
    }
}

void pirq_connect(struct pirq *p, const struct irq *output, unsigned n)
{
    assert(n <= PIRQ_OUTPUTS);
    os_mutex_lock(&p->mutex);
    p->output = output;
    p->outputs = n;
    p->high = 0;
    drive(p);
    os_mutex_unlock(&p->mutex);
}

void pirq_set_route(struct pirq *p, unsigned n, uint8_t route, uint8_t direct)
{
    os_mutex_lock(&p->mutex);
    p->route[n] = route;
    p->direct[n] = direct;
    drive(p);
    os_mutex_unlock(&p->mutex);
}

static void input_set(void *opaque, int n, int level)
{
    struct pirq *p = opaque;
    os_mutex_lock(&p->mutex);
    p->level[n] = level;
    drive(p);
    os_mutex_unlock(&p->mutex);
}

struct irq pirq_input(struct pirq *p, unsigned n)
{
    assert(n < PIRQ_LINES);
    return (struct irq){input_set, p, (int)n};
}
