/* SPDX-License-Identifier: MIT */
/*
 * Guest memory. x and xp show it, virtual and physical, as numbers, characters or instructions:
 * x/COUNT FORMAT SIZE, as in gdb. The others tell where an address is, save memory to a file, and
 * calculate.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/new_file.h"
#include "cpu/cpu.h"
#include "monitor/commands.h"

struct dump {
    unsigned count;
    char format; /* x d u o c i */
    unsigned bytes;
};

enum {
    COUNT_MAX = 65536
};

static bool parse_format(struct call *c, struct dump *d)
{
    const char *p = c->format;
    if (isdigit((unsigned char)*p)) {
        char *end;
        unsigned long n = strtoul(p, &end, 10);
        if (n == 0 || n > COUNT_MAX) {
            strbuf_printf(c->out, "from 1 to %d items\n", COUNT_MAX);
            return false;
        }
        d->count = (unsigned)n;
        p = end;
    }
    for (; *p; p++) {
        const char *sizes = "bhwg", *size = strchr(sizes, *p);
        if (size) {
            d->bytes = 1u << (size - sizes);
        } else if (strchr("xduoci", *p)) {
            d->format = *p;
        } else {
            strbuf_printf(c->out, "format '%s': a count, one of x d u o c i, and one of b h w g\n",
                          c->format);
            return false;
        }
    }
    return true;
}

/* Guest memory at a, virtual as the CPU sees it or physical. */
static bool fetch(struct call *c, bool physical, uint64_t a, void *bytes, size_t n)
{
    if (physical) {
        return space_read(c->session->context->machine->memory, a, bytes, n);
    }
    return accel_read_memory(call_vcpu(c), a, bytes, n);
}

static void cannot(struct call *c, uint64_t a)
{
    strbuf_printf(c->out, "cannot read memory at 0x%" PRIx64 "\n", a);
}

/* A blank and the value; x has them in lines of 16 bytes. */
static void put_item(struct strbuf *out, const struct dump *d, uint64_t v)
{
    unsigned unused = 64 - 8 * d->bytes;
    int64_t s = (int64_t)(v << unused) >> unused;
    switch (d->format) {
    case 'd':
        strbuf_printf(out, " %" PRId64, s);
        break;
    case 'u':
        strbuf_printf(out, " %" PRIu64, v);
        break;
    case 'o':
        strbuf_printf(out, " %#" PRIo64, v);
        break;
    case 'c':
        strbuf_printf(out, isprint((int)(v & 0xff)) ? " '%c'" : " '\\x%02x'", (int)(v & 0xff));
        break;
    default:
        strbuf_printf(out, " 0x%0*" PRIx64, (int)d->bytes * 2, v);
    }
}

static void dump_items(struct call *c, const struct dump *d, bool physical, uint64_t a)
{
    unsigned per_line = d->format == 'c' ? 8 : 16 / d->bytes;
    const bool big = call_vcpu(c)->cls->big_endian;
    for (unsigned i = 0; i < d->count; i++, a += d->bytes) {
        uint8_t bytes[8];
        if (i % per_line == 0) {
            strbuf_printf(c->out, "%s%016" PRIx64 ":", i ? "\n" : "", a);
        }
        if (!fetch(c, physical, a, bytes, d->bytes)) {
            strbuf_putc(c->out, '\n');
            cannot(c, a);
            return;
        }
        put_item(c->out, d, big ? load_be(bytes, d->bytes) : load_le(bytes, d->bytes));
    }
    strbuf_putc(c->out, '\n');
}

static void dump_instructions(struct call *c, const struct dump *d, bool physical, uint64_t a)
{
    const struct cpu_class *cls = call_vcpu(c)->cls;
    const uint64_t mode = cls->mode_key(call_vcpu(c));
    for (unsigned i = 0; i < d->count; i++) {
        uint8_t bytes[16];
        char text[128];
        size_t n = sizeof(bytes);
        while (n && !fetch(c, physical, a, bytes, n)) {
            n--; /* the end of a page */
        }
        unsigned length = n ? cls->disas(mode, bytes, n, a, text, sizeof(text)) : 0;
        if (!length) {
            cannot(c, a);
            return;
        }
        strbuf_printf(c->out, "0x%016" PRIx64 ":  ", a);
        for (unsigned b = 0; b < length; b++) {
            strbuf_printf(c->out, "%02x", bytes[cls->big_endian ? b : length - 1 - b]);
        }
        strbuf_printf(c->out, "  %s\n", text);
        a += length;
    }
}

static void show(struct call *c, bool physical)
{
    struct dump d = {.count = 1, .format = 'x', .bytes = 4};
    uint64_t a;
    const bool running = call_pause(c);
    if (!parse_format(c, &d) || !expression_of_rest(c, 0, &a)) {
        call_resume(c, running);
        return;
    }
    if (d.format == 'i') {
        dump_instructions(c, &d, physical, a);
    } else {
        dump_items(c, &d, physical, a);
    }
    call_resume(c, running);
}

static void x(struct call *c)
{
    show(c, false);
}

static void xp(struct call *c)
{
    show(c, true);
}

static void print(struct call *c)
{
    struct dump d = {.count = 1, .format = 0, .bytes = 8};
    uint64_t value;
    const bool running = call_pause(c);
    if (parse_format(c, &d) && expression_of_rest(c, 0, &value)) {
        struct strbuf item = {0};
        if (d.format == 0 || d.format == 'x') {
            strbuf_printf(&item, " 0x%" PRIx64, value);
        } else {
            put_item(&item, &d, value);
        }
        strbuf_printf(c->out, "%s\n", strbuf_text(&item) + 1);
        strbuf_free(&item);
    }
    call_resume(c, running);
}

/* ---- where an address is */

static void gva2gpa(struct call *c)
{
    uint64_t va;
    paddr pa;
    const bool running = call_pause(c);
    struct vcpu *v = call_vcpu(c);
    if (expression_of_rest(c, 0, &va)) {
        if (v->cls->debug_translate(v, va, &pa)) {
            strbuf_printf(c->out, "gpa: 0x%" PRIx64 "\n", (uint64_t)pa);
        } else {
            strbuf_puts(c->out, "Unmapped\n");
        }
    }
    call_resume(c, running);
}

static void find_host(struct call *c, uint64_t a)
{
    struct space *s = c->session->context->machine->memory;
    struct mem_view v;
    if (!space_find(s, a, &v)) {
        strbuf_printf(c->out, "No memory is mapped at address 0x%" PRIx64 "\n", a);
        return;
    }
    const uint8_t *host = space_host(s, a, 1, false);
    if (host) {
        strbuf_printf(c->out, "Host virtual address for 0x%" PRIx64 " (%s) is %p\n", a,
                      v.range->name, (const void *)host);
    } else {
        strbuf_printf(c->out, "Memory at address 0x%" PRIx64 " is not RAM\n", a);
    }
}

static void gpa2hva(struct call *c)
{
    uint64_t a;
    const bool running = call_pause(c);
    if (expression_of_rest(c, 0, &a)) {
        find_host(c, a);
    }
    call_resume(c, running);
}

/* ---- a piece of it */

struct piece {
    bool physical;
    uint64_t at, bytes;
};

/* Calls use for a page or less of p after the other; false: it could not be read, and c->out says
 * so. */
static bool each_page(struct call *c, struct piece p,
                      void (*use)(void *opaque, const uint8_t *bytes, size_t n), void *opaque)
{
    uint8_t bytes[4096];
    while (p.bytes) {
        uint64_t part = sizeof(bytes) - p.at % sizeof(bytes);
        part = part < p.bytes ? part : p.bytes;
        if (!fetch(c, p.physical, p.at, bytes, (size_t)part)) {
            cannot(c, p.at);
            return false;
        }
        use(opaque, bytes, (size_t)part);
        p.at += part;
        p.bytes -= part;
    }
    return true;
}

static void save_page(void *opaque, const uint8_t *bytes, size_t n)
{
    new_file_put(opaque, bytes, n);
}

static bool take_piece(struct call *c, struct piece *p)
{
    return expression_value(c, c->words[0], &p->at) && expression_value(c, c->words[1], &p->bytes);
}

static void save_piece(struct call *c, struct piece p)
{
    struct error e;
    struct new_file *f = new_file_open(c->words[2], &e);
    bool good = f != NULL;
    if (f && !each_page(c, p, save_page, f)) {
        new_file_abandon(f); /* and why has been said */
    } else if (f) {
        good = new_file_finish(f, &e);
    }
    if (!good) {
        strbuf_printf(c->out, "%s\n", e.text);
    }
}

static void save(struct call *c, bool physical)
{
    struct piece p = {.physical = physical};
    const bool running = call_pause(c);
    if (take_piece(c, &p)) {
        save_piece(c, p);
    }
    call_resume(c, running);
}

static void memsave(struct call *c)
{
    save(c, false);
}

static void pmemsave(struct call *c)
{
    save(c, true);
}

/* The checksum of BSD's `sum`. */
static void sum_page(void *opaque, const uint8_t *bytes, size_t n)
{
    uint16_t *sum = opaque;
    for (size_t i = 0; i < n; i++) {
        *sum = (uint16_t)((*sum >> 1 | *sum << 15) + bytes[i]);
    }
}

static void sum(struct call *c)
{
    struct piece p = {.physical = true};
    uint16_t checksum = 0;
    const bool running = call_pause(c);
    if (take_piece(c, &p) && each_page(c, p, sum_page, &checksum)) {
        strbuf_printf(c->out, "%05u\n", checksum);
    }
    call_resume(c, running);
}

const struct command commands_memory[] = {
    {"gpa2hva", NULL, "ADDRESS", 1, COMMAND_WORDS, "where a physical address is in this process",
     gpa2hva},
    {"gva2gpa", NULL, "ADDRESS", 1, COMMAND_WORDS, "the physical address of a virtual one",
     gva2gpa},
    {"memsave", NULL, "ADDRESS SIZE FILE", 3, 3, "virtual memory into a file", memsave},
    {"pmemsave", NULL, "ADDRESS SIZE FILE", 3, 3, "physical memory into a file", pmemsave},
    {"print", "p", "/FORMAT EXPRESSION", 1, COMMAND_WORDS, "its value: print/d $x0*2", print},
    {"sum", NULL, "ADDRESS SIZE", 2, 2, "the checksum of physical memory, as of `sum`", sum},
    {"x", NULL, "/FORMAT ADDRESS", 1, COMMAND_WORDS, "virtual memory: x/8xw $sp, x/10i $pc", x},
    {"xp", NULL, "/FORMAT ADDRESS", 1, COMMAND_WORDS, "physical memory: xp/4xg 0x40000000", xp},
    {0}};
