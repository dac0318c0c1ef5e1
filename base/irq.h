/* SPDX-License-Identifier: MIT */
/* An interrupt line: a value that says whom to tell about a level. May be set from any thread. */
#ifndef BASE_IRQ_H
#define BASE_IRQ_H

struct irq {
    void (*set)(void *opaque, int line, int level); /* NULL: not connected */
    void *opaque;
    int line;
};

static inline void irq_set(const struct irq *irq, int level)
{
    if (irq->set) {
        irq->set(irq->opaque, irq->line, level);
    }
}

static inline void irq_pulse(const struct irq *irq)
{
    irq_set(irq, 1);
    irq_set(irq, 0);
}

#endif
