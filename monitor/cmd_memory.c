/* SPDX-License-Identifier: MIT */
/*
 * x and xp: guest memory, virtual and physical, as numbers, characters or instructions: x/COUNT
 * FORMAT SIZE, as in gdb.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
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
    for (unsigned i = 0; i < d->count; i++) {
        uint8_t bytes[16];
        char text[128];
        size_t n = sizeof(bytes);
        while (n && !fetch(c, physical, a, bytes, n)) {
            n--; /* the end of a page */
        }
        unsigned length = n ? cls->disas(bytes, n, a, text, sizeof(text)) : 0;
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
    if (!parse_format(c, &d) || !call_number(c, c->words[0], &a)) {
        return;
    }
    const struct monitor_context *m = c->session->context;
    bool running = m->accel && accel_running(m->accel);
    if (running) {
        accel_stop(m->accel);
    }
    if (d.format == 'i') {
        dump_instructions(c, &d, physical, a);
    } else {
        dump_items(c, &d, physical, a);
    }
    if (running) {
        accel_start(m->accel);
    }
}

static void x(struct call *c)
{
    show(c, false);
}

static void xp(struct call *c)
{
    show(c, true);
}

const struct command commands_memory[] = {
    {"x", NULL, "/FORMAT ADDRESS", 1, 1, "virtual memory: x/8xw $sp, x/10i $pc", x},
    {"xp", NULL, "/FORMAT ADDRESS", 1, 1, "physical memory: xp/4xg 0x40000000", xp},
    {0}};
