/* SPDX-License-Identifier: MIT */
/* See a64_compare.h. Syndromes: DDI 0487, D24.2.40 (ESR_EL1). */
#include "tests/support/a64_compare.h"

#include <ctype.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cpu/arm/a64_decode.h"
#include "cpu/arm/a64_disas.h"
#include "tests/support/a64_text.h"

enum exception_class {
    EC_UNKNOWN = 0x00,
    EC_BTI = 0x0d,
    EC_ILLEGAL = 0x0e,
    EC_SYSREG = 0x18,
    EC_FPAC = 0x1c,
    EC_FETCH_EL0 = 0x20,
    EC_FETCH_EL1 = 0x21,
    EC_PC = 0x22,
    EC_DATA_EL0 = 0x24,
    EC_DATA_EL1 = 0x25,
    EC_SP = 0x26,
    EC_BRK = 0x3c
};

#define ADDRESS ((UINT64_C(1) << 56) - 1) /* without its tag */

const char *const a64_part_names[A64_PARTS] = {"x",    "sp", "pc",  "pstate", "fpcr",
                                               "fpsr", "v",  "mem", "exit",   "far"};

static unsigned class_of(const struct a64_record *r)
{
    return r->esr >> 26 & 63;
}

/* The signal that Linux gives for the exception. */
static unsigned signal_of(const struct a64_record *r)
{
    if (r->signal) {
        return (unsigned)r->signal;
    }
    switch (class_of(r)) {
    case EC_BRK:
        return SIGTRAP;
    case EC_FETCH_EL0:
        return SIGSEGV;
    case EC_DATA_EL0:
        return (r->esr & 63) == 0x21 ? SIGBUS : SIGSEGV; /* alignment */
    case EC_PC:
    case EC_SP:
        return SIGBUS;
    default:
        return SIGILL;
    }
}

static bool has_far(const struct a64_record *r)
{
    unsigned ec = class_of(r);
    return r->signal ? r->signal == SIGSEGV || r->signal == SIGBUS
                     : ec == EC_FETCH_EL0 || ec == EC_FETCH_EL1 || ec == EC_PC ||
                           ec == EC_DATA_EL0 || ec == EC_DATA_EL1;
}

static bool is_data_abort(const struct a64_record *r)
{
    return r->signal ? r->signal == SIGSEGV || r->signal == SIGBUS
                     : class_of(r) == EC_DATA_EL0 || class_of(r) == EC_DATA_EL1;
}

/* A store that faults may have stored some of its bytes (DDI 0487, B2.2.1): those around FAR. */
static bool left_open(const struct a64_record *r, uint64_t address)
{
    return is_data_abort(r) && address + 72 > (r->far & ADDRESS) &&
           address < (r->far & ADDRESS) + 64;
}

/* The next of r's changes from *at on that is compared, or NULL. */
static const struct a64_change *next_change(const struct a64_record *r, uint64_t *at)
{
    while (*at < r->changes) {
        const struct a64_change *c = &a64_changes(r)[(*at)++];
        if (!left_open(r, c->address)) {
            return c;
        }
    }
    return NULL;
}

static unsigned compare_memory(const struct a64_record *a, const struct a64_record *b)
{
    uint64_t at_a = 0, at_b = 0;
    const struct a64_change *of_a, *of_b;
    do {
        of_a = next_change(a, &at_a);
        of_b = next_change(b, &at_b);
        if (!of_a != !of_b || (of_a && memcmp(of_a, of_b, sizeof(*of_a)) != 0)) {
            return A64_PART_MEMORY;
        }
    } while (of_a);
    return 0;
}

/*
 * An alignment fault of an atomic instruction or a load-exclusive is a read's (WnR is 0): a read
 * would have the same fault. QEMU reports a write.
 */
static bool same_syndrome(const struct a64_record *a, const struct a64_record *b)
{
    enum {
        WNR = 1 << 6,
        STATUS = 0x3f,
        ALIGNMENT = 0x21
    };
    bool both_alignment = is_data_abort(a) && (a->esr & b->esr & STATUS) == ALIGNMENT;
    return !((a->esr ^ b->esr) & ~(uint64_t)(both_alignment ? WNR : 0));
}

/* The parts that only show without an operating system. */
static unsigned compare_system(const struct a64_record *a, const struct a64_record *b)
{
    unsigned parts = same_syndrome(a, b) ? 0 : A64_PART_EXIT;
    parts |= a->s.pstate != b->s.pstate ? A64_PART_PSTATE : 0;
    parts |= a->s.sp_el1 != b->s.sp_el1 ? A64_PART_SP : 0;
    return parts | (has_far(a) && a->far != b->far ? A64_PART_FAR : 0);
}

/* Of an address that no program can have, QEMU's emulation of Linux does not tell. */
static unsigned compare_linux(const struct a64_record *a, const struct a64_record *b)
{
    const uint64_t nzcv = UINT64_C(15) << 28;
    bool possible = !((a->far & ADDRESS) >> 48);
    unsigned parts = signal_of(a) != signal_of(b) ? A64_PART_EXIT : 0;
    parts |= (a->s.pstate ^ b->s.pstate) & nzcv ? A64_PART_PSTATE : 0;
    return parts | (possible && has_far(a) && ((a->far ^ b->far) & ADDRESS) ? A64_PART_FAR : 0);
}

/*
 * The registers that the case leaves open: of a load that faults, those that it would have loaded
 * (DDI 0487, B2.2.1), its base excepted.
 */
static void open_registers(const struct a64_case *c, const struct a64_record *r, uint32_t *general,
                           uint32_t *vector)
{
    uint64_t word = (r->s.pc - c->in.pc) / 4;
    struct a64_memory op;
    *general = *vector = 0;
    if (!is_data_abort(r) || word >= c->count) {
        return;
    }
    uint32_t insn = c->insn[word];
    unsigned row = a64_decode_row(insn);
    if (row != A64_ROW_NONE && strncmp(a64_rows[row].name, "ld", 2) == 0 &&
        a64_memory_operand(insn, &op)) {
        a64_registers(insn, general, vector);
        *general &= ~(UINT32_C(1) << op.base);
    }
}

static unsigned compare_registers(const struct a64_case *c, const struct a64_record *a,
                                  const struct a64_record *b)
{
    uint32_t general, vector;
    unsigned parts = 0;
    open_registers(c, a, &general, &vector);
    for (int i = 0; i < 32; i++) {
        if (!(vector >> i & 1) && memcmp(&a->s.v[i], &b->s.v[i], sizeof(a->s.v[i])) != 0) {
            parts |= A64_PART_V;
        }
        if (i < 31 && !(general >> i & 1) && a->s.x[i] != b->s.x[i]) {
            parts |= A64_PART_X;
        }
    }
    return parts;
}

unsigned a64_compare(const struct a64_case *c, const struct a64_record *a,
                     const struct a64_record *b)
{
    unsigned parts = compare_registers(c, a, b);
    parts |= a->s.sp != b->s.sp ? A64_PART_SP : 0;
    parts |= a->s.pc != b->s.pc ? A64_PART_PC : 0;
    parts |= a->s.fpcr != b->s.fpcr ? A64_PART_FPCR : 0;
    parts |= a->s.fpsr != b->s.fpsr ? A64_PART_FPSR : 0;
    parts |= compare_memory(a, b);
    return parts | (a->signal || b->signal ? compare_linux(a, b) : compare_system(a, b));
}

bool a64_undefined(const struct a64_record *r)
{
    return r->signal ? r->signal == SIGILL : class_of(r) == EC_UNKNOWN;
}

/* ---- explaining */

static void explain_input(FILE *f, const struct a64_case *c)
{
    uint32_t general = 0, vector = 0, x, v;
    for (unsigned i = 0; i < c->count; i++) {
        a64_registers(c->insn[i], &x, &v);
        general |= x;
        vector |= v;
    }
    fprintf(f, "  nzcv %x  fpcr %08" PRIx64 "  fpsr %08" PRIx64 "  el%" PRIu64 "\n",
            (unsigned)(c->in.pstate >> 28 & 15), c->in.fpcr, c->in.fpsr, c->in.pstate >> 2 & 3);
    for (unsigned i = 0; i < 31; i++) {
        if (general >> i & 1) {
            fprintf(f, "  x%-2u  %016" PRIx64 "\n", i, c->in.x[i]);
        }
    }
    if (general >> 31) {
        fprintf(f, "  sp   %016" PRIx64 "\n", c->in.pstate & 4 ? c->in.sp_el1 : c->in.sp);
    }
    for (unsigned i = 0; i < 32; i++) {
        if (vector >> i & 1) {
            fprintf(f, "  v%-2u  %016" PRIx64 ":%016" PRIx64 "\n", i, c->in.v[i].d[1],
                    c->in.v[i].d[0]);
        }
    }
}

static void explain_word(FILE *f, const char *name, uint64_t expected, uint64_t got)
{
    if (expected != got) {
        fprintf(f, "  %-6s expected %016" PRIx64 "  got %016" PRIx64 "\n", name, expected, got);
    }
}

static void explain_registers(FILE *f, const struct a64_state *e, const struct a64_state *g)
{
    char name[8];
    for (int i = 0; i < 31; i++) {
        snprintf(name, sizeof(name), "x%d", i);
        explain_word(f, name, e->x[i], g->x[i]);
    }
    explain_word(f, "sp_el0", e->sp, g->sp);
    explain_word(f, "pc", e->pc, g->pc);
    explain_word(f, "fpcr", e->fpcr, g->fpcr);
    explain_word(f, "fpsr", e->fpsr, g->fpsr);
    for (int i = 0; i < 32; i++) {
        if (memcmp(&e->v[i], &g->v[i], 16) != 0) {
            fprintf(f,
                    "  v%-5d expected %016" PRIx64 ":%016" PRIx64 "  got %016" PRIx64 ":%016" PRIx64
                    "\n",
                    i, e->v[i].d[1], e->v[i].d[0], g->v[i].d[1], g->v[i].d[0]);
        }
    }
}

static void explain_changes(FILE *f, const struct a64_batch *b, const char *whose,
                            const struct a64_record *r)
{
    for (uint64_t i = 0; i < r->changes && i < 16; i++) {
        const struct a64_change *c = &a64_changes(r)[i];
        uint64_t was;
        memcpy(&was, a64_pattern_at(b, c->address, 8), 8);
        fprintf(f, "  %-8s [%" PRIx64 "] %016" PRIx64 " (was %016" PRIx64 ")\n", whose, c->address,
                c->value, was);
    }
}

void a64_explain(FILE *f, const struct a64_batch *b, unsigned number, const struct a64_record *e,
                 const struct a64_record *g)
{
    const struct a64_case *c = &b->cases[number];
    char text[100];
    for (unsigned i = 0; i < c->count; i++) {
        a64_disas(c->insn[i], a64_slot(number) + 4 * i, text, sizeof(text));
        fprintf(f, "  %" PRIx64 ":  %08x  %s\n", a64_slot(number) + 4 * i, c->insn[i], text);
    }
    explain_input(f, c);
    explain_registers(f, &e->s, &g->s);
    if (e->signal || g->signal) {
        explain_word(f, "signal", signal_of(e), signal_of(g));
        explain_word(f, "nzcv", e->s.pstate >> 28, g->s.pstate >> 28);
    } else {
        explain_word(f, "pstate", e->s.pstate, g->s.pstate);
        explain_word(f, "sp_el1", e->s.sp_el1, g->s.sp_el1);
        explain_word(f, "esr", e->esr, g->esr);
    }
    if (has_far(e)) {
        explain_word(f, "far", e->far, g->far);
    }
    if (compare_memory(e, g)) {
        explain_changes(f, b, "expected", e);
        explain_changes(f, b, "got", g);
    }
}

/* ---- known deviations */

static bool parse_parts(const char *text, unsigned *parts)
{
    *parts = 0;
    while (*text) {
        size_t n = strcspn(text, ",");
        unsigned found = 0;
        for (unsigned i = 0; i < A64_PARTS; i++) {
            if (strlen(a64_part_names[i]) == n && strncmp(text, a64_part_names[i], n) == 0) {
                found = 1u << i;
            }
        }
        if (n == 3 && strncmp(text, "all", 3) == 0) {
            found = (1u << A64_PARTS) - 1;
        }
        if (!found) {
            return false;
        }
        *parts |= found;
        text += n + (text[n] == ',');
    }
    return *parts != 0;
}

static bool parse_line(const char *line, struct a64_difference *r)
{
    char parts[80];
    int at = 0;
    unsigned long long fpcr = 0;
    memset(r, 0, sizeof(*r));
    if (sscanf(line, "%15s %31s %79s %llx %n", r->engine, r->row, parts, &fpcr, &at) < 4 || !at) {
        return false;
    }
    r->fpcr = fpcr;
    return parse_parts(parts, &r->parts) && isalnum((unsigned char)line[at]); /* and the reason */
}

bool a64_read_differences(struct a64_differences *d, const char *path, char **why)
{
    char line[300];
    FILE *f = fopen(path, "r");
    d->count = 0;
    *why = f ? NULL : mem_printf("%s: cannot be read", path);
    for (int n = 1; f && !*why && fgets(line, sizeof(line), f); n++) {
        if (line[0] == '#' || line[0] == '\n') {
            continue;
        }
        if (d->count == sizeof(d->row) / sizeof(d->row[0]) ||
            !parse_line(line, &d->row[d->count++])) {
            *why = mem_printf("%s:%d: not ENGINE ROW PARTS FPCR REASON", path, n);
        }
    }
    if (f) {
        fclose(f);
    }
    return !*why;
}

bool a64_name_matches(const char *pattern, const char *name)
{
    size_t n = strlen(pattern);
    return pattern[n - 1] == '*' ? strncmp(pattern, name, n - 1) == 0 : strcmp(pattern, name) == 0;
}

/* Is a row of the case one that the difference is about? */
static bool about(const struct a64_difference *r, const struct a64_case *c)
{
    for (unsigned i = 0; i < c->count; i++) {
        unsigned row = a64_decode_row(c->insn[i]);
        if (row != A64_ROW_NONE && a64_name_matches(r->row, a64_rows[row].name)) {
            return !r->fpcr || (c->in.fpcr & r->fpcr);
        }
    }
    return false;
}

unsigned a64_unlisted(struct a64_differences *d, const char *engine, const struct a64_batch *b,
                      unsigned number, unsigned parts)
{
    for (unsigned i = 0; i < d->count && parts; i++) {
        struct a64_difference *r = &d->row[i];
        bool is_linux = strcmp(engine, "linux") == 0;
        if ((r->parts & parts) && strcmp(r->engine, is_linux ? "linux" : "ours") == 0 &&
            about(r, &b->cases[number])) {
            r->seen++;
            parts &= ~r->parts;
        }
    }
    return parts;
}
