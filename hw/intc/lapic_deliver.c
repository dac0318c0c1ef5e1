/* SPDX-License-Identifier: MIT */
/*
 * Local APICs: who is meant by a message, what is accepted, and what is served first. Intel SDM,
 * volume 3, 10.5 to 10.8 (edition 2023), and 10.12 for x2APIC.
 *
 * Among several CPUs that a lowest-priority message may go to the one with the lowest processor
 * priority takes it, the first of them if there are several. SMI is not modelled.
 */
#include "base/log.h"
#include "hw/intc/lapic_core.h"

#define ALL_CPUS 0xffffffffu

/* ---- sets of vectors */

static int highest(const uint32_t set[8])
{
    for (int word = 7; word >= 0; word--) {
        if (set[word]) {
            return word * 32 + 31 - (int)clz32(set[word]);
        }
    }
    return -1;
}

static bool has(const uint32_t set[8], unsigned v)
{
    return set[v / 32] >> v % 32 & 1;
}

static void put(uint32_t set[8], unsigned v, bool on)
{
    const uint32_t bit = 1u << v % 32;
    set[v / 32] = on ? set[v / 32] | bit : set[v / 32] & ~bit;
}

/* ---- priorities */

unsigned lapic_processor_priority(const struct lapic_cpu *c)
{
    const int served = highest(c->isr);
    const unsigned class = served < 0 ? 0 : (unsigned)served & 0xf0;
    return (c->tpr & 0xf0) >= class ? c->tpr : class;
}

/* The vector that the CPU may be given now, or -1. */
static int deliverable(const struct lapic_cpu *c)
{
    const int v = highest(c->irr);
    const bool on = (c->base & BASE_ENABLED) && (c->svr & SVR_ENABLED);
    return on && v >= 0 && ((unsigned)v & 0xf0) > (lapic_processor_priority(c) & 0xf0) ? v : -1;
}

/* An APIC that is off lets the 8259's line through. */
bool lapic_has_extint(const struct lapic *l, unsigned cpu)
{
    const struct lapic_cpu *c = &l->cpu[cpu];
    const uint32_t lvt = c->lvt[LVT_LINT0];
    if (!l->lint0) {
        return false;
    }
    return c->base & BASE_ENABLED ? !(lvt & LVT_MASKED) && LVT_MODE(lvt) == LAPIC_EXTINT : cpu == 0;
}

void lapic_update(struct lapic *l, unsigned cpu)
{
    const struct lapic_cpu *c = &l->cpu[cpu];
    irq_set(&l->wire[cpu].cpu.intr, deliverable(c) >= 0 || lapic_has_extint(l, cpu));
}

int lapic_take(struct lapic *l, unsigned cpu)
{
    struct lapic_cpu *c = &l->cpu[cpu];
    const int v = deliverable(c);
    if (v >= 0) {
        put(c->irr, (unsigned)v, false);
        put(c->isr, (unsigned)v, true);
        lapic_update(l, cpu);
    }
    return v;
}

int lapic_end(struct lapic *l, unsigned cpu)
{
    struct lapic_cpu *c = &l->cpu[cpu];
    const int v = highest(c->isr);
    if (v < 0) {
        return -1;
    }
    put(c->isr, (unsigned)v, false);
    lapic_update(l, cpu);
    return has(c->tmr, (unsigned)v) && !(c->svr & SVR_NO_BROADCAST) ? v : -1;
}

/* ---- accepting */

void lapic_error(struct lapic *l, unsigned cpu, unsigned bit)
{
    struct lapic_cpu *c = &l->cpu[cpu];
    const bool first = !(c->errors & bit);
    c->errors |= bit;
    /* An error interrupt that has an error of its own ends here. */
    if (first && (c->lvt[LVT_ERROR] & 0xff) >= 16) {
        lapic_local(l, cpu, LVT_ERROR);
    }
}

static void accept_vector(struct lapic *l, unsigned cpu, unsigned vector, bool level)
{
    struct lapic_cpu *c = &l->cpu[cpu];
    if (vector < 16) {
        lapic_error(l, cpu, ESR_RECEIVE_VECTOR);
        return;
    }
    put(c->irr, vector, true);
    put(c->tmr, vector, level);
    lapic_update(l, cpu);
}

static void accept(struct lapic *l, unsigned cpu, unsigned mode, unsigned vector, bool level)
{
    const struct lapic_cpu_wires *w = &l->wire[cpu].cpu;
    const struct lapic_cpu *c = &l->cpu[cpu];
    switch (mode) {
    case LAPIC_FIXED:
    case LAPIC_LOWEST:
        if ((c->base & BASE_ENABLED) && (c->svr & SVR_ENABLED)) {
            accept_vector(l, cpu, vector, level);
        }
        break;
    case LAPIC_SMI:
        if (w->smi) {
            w->smi(w->opaque);
        }
        break;
    case LAPIC_NMI:
        if (w->nmi) {
            w->nmi(w->opaque);
        }
        break;
    case LAPIC_INIT:
        lapic_init_cpu(l, cpu);
        if (w->init) {
            w->init(w->opaque);
        }
        break;
    case LAPIC_STARTUP:
        if (w->startup) {
            w->startup(w->opaque, (uint8_t)vector);
        }
        break;
    default:
        log_guest("lapic", "delivery mode %u to CPU %u is not modelled", mode, cpu);
        break;
    }
}

void lapic_local(struct lapic *l, unsigned cpu, unsigned row)
{
    const uint32_t lvt = l->cpu[cpu].lvt[row];
    const unsigned mode = row == LVT_TIMER || row == LVT_ERROR ? LAPIC_FIXED : LVT_MODE(lvt);
    if (!(lvt & LVT_MASKED) && mode != LAPIC_EXTINT) {
        accept(l, cpu, mode, lvt & 0xff, false);
    }
}

/* ---- destinations */

static bool is_logical(const struct lapic_cpu *c, const struct lapic_message *m)
{
    const uint32_t ldr = c->ldr, d = m->destination;
    if (lapic_is_extended(c)) {
        return ldr >> 16 == d >> 16 && (ldr & d & 0xffff);
    }
    if (c->dfr >> 28 == 0xf) { /* flat */
        return ldr >> 24 & d & 0xff;
    }
    return ldr >> 28 == (d >> 4 & 15) && (ldr >> 24 & d & 15);
}

static bool is_meant(const struct lapic_cpu *c, const struct lapic_message *m)
{
    if (!(c->base & BASE_ENABLED)) {
        return false;
    }
    if (m->destination == (m->extended ? ALL_CPUS : 0xff)) {
        return true;
    }
    return m->logical ? is_logical(c, m) : c->id == m->destination;
}

static void send_lowest(struct lapic *l, const struct lapic_message *m)
{
    int best = -1;
    unsigned best_priority = 0;
    for (unsigned cpu = 0; cpu < l->num_cpu; cpu++) {
        const struct lapic_cpu *c = &l->cpu[cpu];
        const unsigned p = lapic_processor_priority(c);
        if (is_meant(c, m) && (c->svr & SVR_ENABLED) && (best < 0 || p < best_priority)) {
            best = (int)cpu;
            best_priority = p;
        }
    }
    if (best >= 0) {
        accept(l, (unsigned)best, m->mode, m->vector, m->level);
    }
}

static void send(struct lapic *l, const struct lapic_message *m)
{
    if (m->mode == LAPIC_LOWEST) {
        send_lowest(l, m);
        return;
    }
    for (unsigned cpu = 0; cpu < l->num_cpu; cpu++) {
        if (is_meant(&l->cpu[cpu], m)) {
            accept(l, cpu, m->mode, m->vector, m->level);
        }
    }
}

/* To the 8259, an ExtINT message through the I/O APIC says that it has one; LINT0 does so here. */
void lapic_send(struct device *d, const struct lapic_message *m)
{
    struct lapic *l = (struct lapic *)d;
    os_mutex_lock(&l->mutex);
    send(l, m);
    os_mutex_unlock(&l->mutex);
}

void lapic_send_msi(struct device *d, uint64_t address, uint32_t data)
{
    lapic_send(d, &(struct lapic_message){.destination = address >> 12 & 0xff,
                                          .logical = address & 4,
                                          .mode = data >> 8 & 7,
                                          .vector = data & 0xff,
                                          .level = data & 0x8000});
}

enum {
    TO_DESTINATION,
    TO_SELF,
    TO_ALL,
    TO_OTHERS
};

void lapic_command(struct lapic *l, unsigned cpu)
{
    const struct lapic_cpu *c = &l->cpu[cpu];
    const uint32_t low = c->icr_low;
    const unsigned to = low >> 18 & 3;
    const struct lapic_message m = {.destination = lapic_is_extended(c) ? c->icr_high
                                                                        : c->icr_high >> 24,
                                    .logical = low & 0x800,
                                    .extended = lapic_is_extended(c),
                                    .mode = low >> 8 & 7,
                                    .vector = low & 0xff};
    if (m.mode == LAPIC_INIT && (low & 0xc000) == 0x8000) {
        return; /* "INIT level de-assert", of the first APICs */
    }
    if (m.mode <= LAPIC_LOWEST && m.vector < 16) {
        lapic_error(l, cpu, ESR_SEND_VECTOR);
        return;
    }
    if (to == TO_DESTINATION) {
        send(l, &m);
        return;
    }
    for (unsigned k = 0; k < l->num_cpu; k++) {
        if ((l->cpu[k].base & BASE_ENABLED) &&
            (to == TO_SELF ? k == cpu : to == TO_ALL || k != cpu)) {
            accept(l, k, m.mode, m.vector, false);
        }
    }
}

/* ---- for people */

static void describe_set(const char *name, const uint32_t set[8], struct strbuf *out)
{
    strbuf_printf(out, "  %s", name);
    for (unsigned v = 0; v < 256; v++) {
        if (has(set, v)) {
            strbuf_printf(out, " %02x", v);
        }
    }
    strbuf_puts(out, highest(set) < 0 ? " (none)\n" : "\n");
}

static void describe_cpu(const struct lapic_cpu *c, unsigned cpu, struct strbuf *out)
{
    static const char *const rows[LVTS] = {"timer", "thermal", "counters",
                                           "lint0", "lint1",   "error"};
    strbuf_printf(out, "lapic of CPU %u: id=%u base=%x%s tpr=%02x ppr=%02x svr=%x esr=%x\n", cpu,
                  c->id, c->base, lapic_is_extended(c) ? " (x2APIC)" : "", c->tpr,
                  lapic_processor_priority(c), c->svr, c->esr);
    for (unsigned k = 0; k < LVTS; k++) {
        strbuf_printf(out, "  %s=%05x", rows[k], c->lvt[k]);
    }
    strbuf_printf(out, "\n  initial=%u divide=%x icr=%08x%08x\n", c->initial, c->divide,
                  c->icr_high, c->icr_low);
    describe_set("isr", c->isr, out);
    describe_set("irr", c->irr, out);
}

void lapic_info(struct device *d, struct strbuf *out)
{
    struct lapic *l = (struct lapic *)d;
    os_mutex_lock(&l->mutex);
    for (unsigned cpu = 0; cpu < l->num_cpu; cpu++) {
        describe_cpu(&l->cpu[cpu], cpu, out);
    }
    os_mutex_unlock(&l->mutex);
}
