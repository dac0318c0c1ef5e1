/* SPDX-License-Identifier: MIT */
/*
 * Texts about an x86 vCPU, in the form that users of QEMU know and that their scripts read:
 * registers, deliveries (-d int), resets (-d cpu_reset), shutdowns.
 */
#include "cpu/x86/dump.h"

#include <stdio.h>

#include "base/log.h"
#include "cpu/x86/fpu.h"

typedef unsigned long long ull;

enum {
    WITH_FPU = 1,
    WITH_FLAGS_SOURCE = 2 /* how another emulator kept the flags: a line that is always the same */
};

/* ---- segments */

static const char *system_name(bool in_long, unsigned type)
{
    static const char *const names[2][16] = {
        {"Reserved", "TSS16-avl", "LDT", "TSS16-busy", "CallGate16", "TaskGate", "IntGate16",
         "TrapGate16", "Reserved", "TSS32-avl", "Reserved", "TSS32-busy", "CallGate32", "Reserved",
         "IntGate32", "TrapGate32"},
        {"<hiword>", "Reserved", "LDT", "Reserved", "Reserved", "Reserved", "Reserved", "Reserved",
         "Reserved", "TSS64-avl", "Reserved", "TSS64-busy", "CallGate64", "Reserved", "IntGate64",
         "TrapGate64"}};
    return names[in_long][type & 15];
}

static void put_kind(const struct x86_cpu *c, const struct x86_segment *s, struct strbuf *out)
{
    const unsigned a = s->attr;
    const bool in_long = c->efer & X86_EFER_LMA, big = a & X86_A_BIG;
    strbuf_printf(out, " DPL=%u ", a >> X86_A_DPL_SHIFT & 3);
    if (!(a & X86_A_USER)) {
        strbuf_puts(out, system_name(in_long, a & X86_A_TYPE));
        return;
    }
    if (a & X86_A_CODE) {
        const bool is_long = in_long && (a & X86_A_LONG);
        strbuf_printf(out, "%s [%c%c",
                      is_long ? "CS64"
                      : big   ? "CS32"
                              : "CS16",
                      a & X86_A_DOWN ? 'C' : '-', a & X86_A_WRITE ? 'R' : '-');
    } else {
        strbuf_printf(out, "%s [%c%c", big || in_long ? "DS  " : "DS16", a & X86_A_DOWN ? 'E' : '-',
                      a & X86_A_WRITE ? 'W' : '-');
    }
    strbuf_printf(out, "%c]", a & X86_A_ACCESSED ? 'A' : '-');
}

static void put_segment(const struct x86_cpu *c, const char *name, const struct x86_segment *s,
                        struct strbuf *out)
{
    const bool known = (c->cr0 & X86_CR0_PE) && !(c->rflags & X86_VM);
    /* As in the descriptor, with the limit's upper bits. */
    const uint32_t limit = s->attr & X86_A_PAGES ? s->limit >> 12 : s->limit;
    const uint32_t word = (uint32_t)s->attr << 8 | (limit & 0xf0000);
    strbuf_printf(out, "%-3s=%04x %0*llx %08x %08x", name, s->selector, x86_is_long(c) ? 16 : 8,
                  (ull)s->base, s->limit, word);
    if (known && (s->attr || s->selector)) {
        put_kind(c, s, out);
    }
    strbuf_puts(out, "\n");
}

static void put_table(const struct x86_cpu *c, const char *name, const struct x86_table *t,
                      struct strbuf *out)
{
    strbuf_printf(out, "%s=     %0*llx %08x\n", name, x86_is_long(c) ? 16 : 8, (ull)t->base,
                  t->limit);
}

/* ---- the rest */

static void put_general(const struct x86_cpu *c, struct strbuf *out)
{
    static const struct {
        const char name[3];
        uint8_t reg;
    } order[8] = {{"AX", 0}, {"BX", 3}, {"CX", 1}, {"DX", 2},
                  {"SI", 6}, {"DI", 7}, {"BP", 5}, {"SP", 4}};
    const bool is_long = x86_is_long(c);
    for (unsigned k = 0; k < 8; k++) {
        const uint64_t v = c->r[order[k].reg];
        strbuf_printf(out, "%c%s=%0*llx%c", is_long ? 'R' : 'E', order[k].name, is_long ? 16 : 8,
                      is_long ? (ull)v : (ull)(uint32_t)v, k % 4 == 3 ? '\n' : ' ');
    }
    for (unsigned r = 8; r < 16 && is_long; r++) {
        strbuf_printf(out, "R%-2u=%016llx%c", r, (ull)c->r[r], r % 4 == 3 ? '\n' : ' ');
    }
}

static void put_state(const struct x86_cpu *c, struct strbuf *out)
{
    static const struct {
        uint32_t bit;
        char letter;
    } bits[] = {{X86_DF, 'D'}, {X86_OF, 'O'}, {X86_SF, 'S'}, {X86_ZF, 'Z'},
                {X86_AF, 'A'}, {X86_PF, 'P'}, {X86_CF, 'C'}};
    const bool is_long = x86_is_long(c);
    const uint64_t flags = x86_rflags(c);
    strbuf_printf(out, is_long ? "RIP=%016llx RFL=%08x [" : "EIP=%08llx EFL=%08x [", (ull)c->rip,
                  (unsigned)flags);
    for (size_t k = 0; k < array_len(bits); k++) {
        strbuf_printf(out, "%c", flags & bits[k].bit ? bits[k].letter : '-');
    }
    strbuf_printf(out, "] CPL=%u II=%d A20=%d SMM=%d HLT=%d\n", x86_cpl(c),
                  (c->aux & X86_LOCAL_SHADOW) != 0, !c->a20_masked, c->in_smm,
                  atomic_load(&c->vcpu.halted));
}

static void put_control(const struct x86_cpu *c, struct strbuf *out)
{
    const int n = x86_is_long(c) ? 16 : 8;
    strbuf_printf(out, "CR0=%08x CR2=%0*llx CR3=%0*llx CR4=%08x\n", (unsigned)c->cr0, n,
                  (ull)c->cr2, n, (ull)c->cr3, (unsigned)c->cr4);
    for (unsigned k = 0; k < 4; k++) {
        strbuf_printf(out, "DR%u=%016llx ", k, (ull)c->dr[k]);
    }
    strbuf_printf(out, "\nDR6=%016llx DR7=%016llx\n", (ull)c->dr[6], (ull)c->dr[7]);
}

static void put_fpu(struct x86_cpu *c, struct strbuf *out)
{
    const struct x86_fpu *f = &c->fpu;
    const unsigned vectors = x86_is_long(c) ? 16 : 8;
    const bool wide = c->xcr0 & 4;
    strbuf_printf(out, "FCW=%04x FSW=%04x [ST=%u] FTW=%02x MXCSR=%08x\n", f->control,
                  x86_fpu_status(f), f->top, f->used, x86_mxcsr(c));
    for (unsigned k = 0; k < 8; k++) {
        strbuf_printf(out, "FPR%u=%016llx %04x%c", k, (ull)f->st[k].low, f->st[k].high,
                      k % 2 ? '\n' : ' ');
    }
    for (unsigned k = 0; k < vectors; k++) {
        if (wide) {
            strbuf_printf(out, "YMM%02u=%016llx %016llx %016llx %016llx\n", k,
                          (ull)c->ymm[k].half[1].u64[1], (ull)c->ymm[k].half[1].u64[0],
                          (ull)c->ymm[k].half[0].u64[1], (ull)c->ymm[k].half[0].u64[0]);
        } else {
            strbuf_printf(out, "XMM%02u=%016llx %016llx%c", k, (ull)c->ymm[k].half[0].u64[1],
                          (ull)c->ymm[k].half[0].u64[0], k % 2 ? '\n' : ' ');
        }
    }
}

static void put_all(struct x86_cpu *c, unsigned with, struct strbuf *out)
{
    static const char *const names[] = {"ES", "CS", "SS", "DS", "FS", "GS"};
    put_general(c, out);
    put_state(c, out);
    for (unsigned k = 0; k < X86_SEGMENTS; k++) {
        put_segment(c, names[k], &c->seg[k], out);
    }
    put_segment(c, "LDT", &c->ldt, out);
    put_segment(c, "TR", &c->tr, out);
    put_table(c, "GDT", &c->gdt, out);
    put_table(c, "IDT", &c->idt, out);
    put_control(c, out);
    if (with & WITH_FLAGS_SOURCE) {
        const int n = x86_is_long(c) ? 16 : 8;
        strbuf_printf(out, "CCS=%0*x CCD=%0*x CCO=EFLAGS\n", n, 0, n, 0);
    }
    strbuf_printf(out, "EFER=%016llx\n", (ull)c->efer);
    if (with & WITH_FPU) {
        put_fpu(c, out);
    }
}

void x86_dump_registers(struct vcpu *v, struct strbuf *out)
{
    strbuf_printf(out, "CPU#%u\n", v->index);
    put_all(x86_cpu(v), WITH_FPU, out);
}

/* ---- the log */

static void log_all(struct x86_cpu *c, unsigned mask, unsigned with, const char *head)
{
    struct strbuf s = {0};
    put_all(c, with, &s);
    log_print(mask, "%s%s", head, s.text);
    strbuf_free(&s);
}

void x86_dump_delivery(struct x86_cpu *c, const struct x86_dump_event *e)
{
    char head[256];
    if (!log_enabled(LOG_INT)) {
        return;
    }
    snprintf(head, sizeof(head),
             "%6u: v=%02x e=%04x i=%d cpl=%u IP=%04x:%016llx pc=%016llx "
             "SP=%04x:%016llx %s=%016llx\n",
             c->logged++, e->vector, e->has_error ? e->error : 0, e->software, x86_cpl(c),
             c->seg[X86_CS].selector, (ull)c->rip, (ull)(c->rip + x86_code_base(c)),
             c->seg[X86_SS].selector, (ull)c->r[X86_RSP],
             e->vector == X86_PAGE ? "CR2" : "env->regs[R_EAX]",
             (ull)(e->vector == X86_PAGE ? c->cr2 : c->r[X86_RAX]));
    log_all(c, LOG_INT, WITH_FLAGS_SOURCE, head);
}

void x86_dump_nested(int first, unsigned second)
{
    log_print(LOG_INT, "check_exception old: 0x%x new 0x%x\n", (unsigned)first, second);
}

void x86_dump_reset(struct x86_cpu *c)
{
    char head[32];
    if (log_enabled(LOG_CPU_RESET)) {
        snprintf(head, sizeof(head), "CPU Reset (CPU %u)\n", c->vcpu.index);
        log_all(c, LOG_CPU_RESET, WITH_FPU, head);
    }
}

void x86_dump_mode(struct x86_cpu *c, const char *what)
{
    char head[32];
    if (log_enabled(LOG_INT)) {
        snprintf(head, sizeof(head), "%s\n", what);
        log_all(c, LOG_INT, WITH_FLAGS_SOURCE, head);
    }
}

/* ---- shutdowns, in words */

static const char *const names[] = {"#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD",
                                    "#NM", "#DF", "?",   "#TS", "#NP", "#SS", "#GP",
                                    "#PF", "?",   "#MF", "#AC", "#MC", "#XM"};

static void explain_error(const struct x86_cpu *c, const struct x86_dump_event *e,
                          struct strbuf *out)
{
    if (e->vector == X86_PAGE) {
        strbuf_printf(out, ": %s of 0x%llx by %s code, which %s",
                      e->error & 16  ? "a fetch"
                      : e->error & 2 ? "a write"
                                     : "a read",
                      (ull)c->cr2, e->error & 4 ? "user" : "system",
                      e->error & 1 ? "is not allowed there" : "has no page there");
    } else if (e->vector != X86_DOUBLE && e->error & 2) {
        strbuf_printf(out, ": by entry 0x%02x of the IDT", e->error >> 3);
    } else if (e->vector != X86_DOUBLE && e->error & 0xfffc) {
        strbuf_printf(out, ": by selector 0x%04x (%s)", e->error & 0xfffc,
                      e->error & 4 ? "LDT" : "GDT");
    }
}

static void explain(const struct x86_cpu *c, const struct x86_dump_event *e, struct strbuf *out)
{
    if (e->vector < array_len(names) && !e->software) {
        strbuf_puts(out, names[e->vector]);
    } else {
        strbuf_printf(out, "INT 0x%02x", e->vector);
    }
    if (e->has_error) {
        strbuf_printf(out, "(0x%04x)", e->error);
        explain_error(c, e, out);
    }
    strbuf_puts(out, "\n");
}

#define SHUTDOWN (LOG_INT | LOG_CPU_RESET | LOG_GUEST_ERRORS)

void x86_dump_shutdown(struct x86_cpu *c, const char *why)
{
    if (log_enabled(SHUTDOWN)) {
        struct strbuf s = {0};
        put_all(c, 0, &s);
        log_print(SHUTDOWN, "CPU %u shuts down: %s\n%s", c->vcpu.index, why, s.text);
        strbuf_free(&s);
    }
}

void x86_dump_triple(struct x86_cpu *c, const struct x86_dump_event *e, unsigned n)
{
    if (!log_enabled(SHUTDOWN)) {
        return;
    }
    struct strbuf s = {0};
    strbuf_printf(&s,
                  "Triple fault\nCPU %u at %04x:%0*llx shuts down, since what follows could not be "
                  "delivered\n(IDT at 0x%llx with limit 0x%04x, GDT at 0x%llx with limit 0x%04x, "
                  "stack at %04x:%0*llx):\n",
                  c->vcpu.index, c->seg[X86_CS].selector, x86_is_long(c) ? 16 : 8, (ull)c->rip,
                  (ull)c->idt.base, c->idt.limit, (ull)c->gdt.base, c->gdt.limit,
                  c->seg[X86_SS].selector, x86_is_long(c) ? 16 : 8, (ull)c->r[X86_RSP]);
    for (unsigned k = 0; k < n; k++) {
        strbuf_puts(&s, k ? "  then " : "  ");
        explain(c, &e[k], &s);
    }
    log_print(SHUTDOWN, "%s", s.text);
    strbuf_free(&s);
}
