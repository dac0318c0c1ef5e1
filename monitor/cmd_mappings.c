/* SPDX-License-Identifier: MIT */
/*
 * `info mem` and `info tlb`: what the page tables of the CPU map at the moment, as runs of equal
 * rights and piece by piece.
 */
#include <inttypes.h>
#include <string.h>

#include "cpu/cpu.h"
#include "monitor/commands.h"

/* "urwx srwx" */
static void put_rights(struct strbuf *out, const struct cpu_mapping *m)
{
    for (unsigned i = 0; i < 2; i++) {
        strbuf_printf(out, "%s%c%c%c%c", i ? " " : "", i ? 's' : 'u', m->read[i] ? 'r' : '-',
                      m->write[i] ? 'w' : '-', m->exec[i] ? 'x' : '-');
    }
    strbuf_printf(out, "%s%s", m->device ? " device" : "", m->global ? " global" : "");
}

static bool same_rights(const struct cpu_mapping *a, const struct cpu_mapping *b)
{
    return memcmp(a->read, b->read, sizeof(a->read)) == 0 &&
           memcmp(a->write, b->write, sizeof(a->write)) == 0 &&
           memcmp(a->exec, b->exec, sizeof(a->exec)) == 0 && a->device == b->device &&
           a->global == b->global;
}

static void put_run(struct call *c, const struct cpu_mapping *run)
{
    strbuf_printf(c->out, "%016" PRIx64 "-%016" PRIx64 " %016" PRIx64 " ", run->first, run->last,
                  run->last - run->first + 1);
    put_rights(c->out, run);
    strbuf_putc(c->out, '\n');
}

static void put_piece(struct call *c, const struct cpu_mapping *m)
{
    strbuf_printf(c->out, "%016" PRIx64 ": %016" PRIx64 " %" PRIu64 "K ", m->first, m->pa,
                  (m->last - m->first + 1) / 1024);
    put_rights(c->out, m);
    strbuf_putc(c->out, '\n');
}

/* Calls put for each piece, or for each run of pieces that differ in nothing but addresses. */
static void each_mapping(struct call *c, void (*put)(struct call *c, const struct cpu_mapping *m),
                         bool runs)
{
    struct vcpu *v = call_vcpu(c);
    struct cpu_mapping run = {0}, m;
    vaddr va = 0;

    if (!v->cls->mapping) {
        strbuf_puts(c->out, "CPUs of this kind have no page tables\n");
        return;
    }
    const bool running = call_pause(c);
    do {
        v->cls->mapping(v, va, &m);
        if (runs && m.mapped && run.mapped && same_rights(&run, &m)) {
            run.last = m.last;
        } else {
            if (run.mapped) {
                put(c, &run);
            }
            run = m;
        }
        va = m.last + 1;
    } while (va);
    if (run.mapped) {
        put(c, &run);
    }
    call_resume(c, running);
}

void info_mem(struct call *c)
{
    each_mapping(c, put_run, true);
}

void info_tlb(struct call *c)
{
    each_mapping(c, put_piece, false);
}
