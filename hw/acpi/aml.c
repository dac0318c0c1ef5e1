/* SPDX-License-Identifier: MIT */
/*
 * Writing ACPI machine language (ACPI 6.5: 20.2 grammar, 6.4 resource descriptors).
 *
 * The length of what holds other things stands before them, in one to four bytes that count
 * themselves (20.2.4); it is inserted when the end comes.
 */
#include "hw/acpi/aml.h"

#include <assert.h>
#include <string.h>

#include "base/bits.h"

enum kind {
    LENGTH,   /* a package length goes before it */
    RESOURCES /* a size, then a package length; an end tag behind */
};

static void put(struct aml *a, unsigned byte)
{
    strbuf_putc(&a->out, (char)byte);
}

static void put_le(struct aml *a, uint64_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++, v >>= 8) {
        put(a, (uint8_t)v);
    }
}

static void insert(struct aml *a, size_t at, const uint8_t *bytes, size_t n)
{
    const size_t behind = a->out.len - at;
    strbuf_bytes(&a->out, bytes, n); /* the room */
    memmove(a->out.text + at + n, a->out.text + at, behind);
    memcpy(a->out.text + at, bytes, n);
}

/* ---- what holds other things */

static void begin(struct aml *a, enum kind kind)
{
    assert(a->depth < AML_DEPTH);
    a->open[a->depth].at = a->out.len;
    a->open[a->depth++].kind = kind;
}

static void insert_length(struct aml *a, size_t at)
{
    const size_t n = a->out.len - at;
    uint8_t bytes[4];
    unsigned more = 0; /* bytes behind the first */
    while (n + 1 + more >= (more ? UINT64_C(1) << (4 + 8 * more) : 64)) {
        more++;
    }
    assert(more < 4);
    const size_t all = n + 1 + more;
    bytes[0] = (uint8_t)(more ? more << 6 | (all & 15) : all);
    for (unsigned i = 0; i < more; i++) {
        bytes[1 + i] = (uint8_t)(all >> (4 + 8 * i));
    }
    insert(a, at, bytes, 1 + more);
}

void aml_end(struct aml *a)
{
    assert(a->depth > 0);
    const size_t at = a->open[--a->depth].at;
    if (a->open[a->depth].kind == RESOURCES) {
        put_le(a, 0x0079, 2); /* an end tag without a checksum (6.4.2.9) */
        struct aml size = {.depth = 0};
        aml_int(&size, a->out.len - at);
        insert(a, at, (const uint8_t *)size.out.text, size.out.len);
        strbuf_free(&size.out);
    }
    insert_length(a, at);
}

void aml_scope(struct aml *a, const char *name)
{
    put(a, 0x10);
    begin(a, LENGTH);
    aml_ref(a, name);
}

void aml_device(struct aml *a, const char *name)
{
    put_le(a, 0x825b, 2);
    begin(a, LENGTH);
    aml_ref(a, name);
}

void aml_method(struct aml *a, const char *name, unsigned args, bool serialized)
{
    put(a, 0x14);
    begin(a, LENGTH);
    aml_ref(a, name);
    put(a, args | (serialized ? 8u : 0));
}

void aml_if(struct aml *a)
{
    put(a, 0xa0);
    begin(a, LENGTH);
}

void aml_else(struct aml *a)
{
    put(a, 0xa1);
    begin(a, LENGTH);
}

void aml_package(struct aml *a, unsigned elements)
{
    assert(elements < 256);
    put(a, 0x12);
    begin(a, LENGTH);
    put(a, elements);
}

void aml_resources(struct aml *a)
{
    put(a, 0x11);
    begin(a, RESOURCES);
}

/* ---- names */

static void put_segment(struct aml *a, const char *text, size_t n)
{
    assert(n >= 1 && n <= 4);
    strbuf_bytes(&a->out, text, n);
    strbuf_bytes(&a->out, "____", 4 - n);
}

/* 20.2.2: two segments and more have a prefix that says how many. */
void aml_ref(struct aml *a, const char *name)
{
    unsigned segments = 1;
    if (*name == '\\') {
        put(a, '\\');
        name++;
    }
    for (const char *p = name; *p; p++) {
        segments += *p == '.';
    }
    if (segments == 2) {
        put(a, 0x2e);
    } else if (segments > 2) {
        put(a, 0x2f);
        put(a, segments);
    }
    for (const char *p = name; segments--; p++) {
        const size_t n = strcspn(p, ".");
        put_segment(a, p, n);
        p += n;
    }
}

void aml_name(struct aml *a, const char *name)
{
    put(a, 0x08);
    aml_ref(a, name);
}

/* ---- data */

void aml_op(struct aml *a, enum aml_op op)
{
    put(a, op);
}

void aml_int(struct aml *a, uint64_t v)
{
    if (v <= 1) {
        put(a, (uint8_t)v);
    } else if (v <= UINT8_MAX) {
        put(a, 0x0a);
        put_le(a, v, 1);
    } else if (v <= UINT16_MAX) {
        put(a, 0x0b);
        put_le(a, v, 2);
    } else if (v <= UINT32_MAX) {
        put(a, 0x0c);
        put_le(a, v, 4);
    } else {
        put(a, 0x0e);
        put_le(a, v, 8);
    }
}

void aml_string(struct aml *a, const char *text)
{
    put(a, 0x0d);
    strbuf_bytes(&a->out, text, strlen(text) + 1);
}

void aml_bytes(struct aml *a, const void *bytes, size_t n)
{
    put(a, 0x11);
    begin(a, LENGTH);
    aml_int(a, n);
    strbuf_bytes(&a->out, bytes, n);
    aml_end(a);
}

void aml_unicode(struct aml *a, const char *ascii)
{
    const size_t n = strlen(ascii) + 1;
    put(a, 0x11);
    begin(a, LENGTH);
    aml_int(a, 2 * n);
    for (size_t i = 0; i < n; i++) {
        put_le(a, (uint8_t)ascii[i], 2);
    }
    aml_end(a);
}

static unsigned hex_digit(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

/* 19.6.142 ToUUID: the first three groups have their bytes in turned order. */
void aml_uuid(struct aml *a, const char *text)
{
    static const uint8_t at[16] = {6, 4, 2, 0, 11, 9, 16, 14, 19, 21, 24, 26, 28, 30, 32, 34};
    uint8_t bytes[16];
    assert(strlen(text) == 36);
    for (unsigned i = 0; i < 16; i++) {
        bytes[i] = (uint8_t)(hex_digit(text[at[i]]) << 4 | hex_digit(text[at[i] + 1]));
    }
    aml_bytes(a, bytes, sizeof(bytes));
}

void aml_arg(struct aml *a, unsigned n)
{
    assert(n < 7);
    put(a, 0x68 + n);
}

void aml_local(struct aml *a, unsigned n)
{
    assert(n < 8);
    put(a, 0x60 + n);
}

void aml_discard(struct aml *a)
{
    put(a, 0);
}

void aml_name_int(struct aml *a, const char *name, uint64_t v)
{
    aml_name(a, name);
    aml_int(a, v);
}

void aml_name_string(struct aml *a, const char *name, const char *text)
{
    aml_name(a, name);
    aml_string(a, text);
}

void aml_memory_word(struct aml *a, const char *region, uint64_t base, const char *field)
{
    put_le(a, 0x805b, 2);
    aml_ref(a, region);
    put(a, 0); /* system memory */
    aml_int(a, base);
    aml_int(a, 4);
    put_le(a, 0x815b, 2);
    begin(a, LENGTH);
    aml_ref(a, region);
    put(a, 0x43); /* accessed by doublewords, other bits as zeros */
    aml_ref(a, field);
    put(a, 32);
    aml_end(a);
}

void aml_region(struct aml *a, const char *name, unsigned space, uint64_t base, uint64_t size)
{
    put_le(a, 0x805b, 2);
    aml_ref(a, name);
    put(a, space);
    aml_int(a, base);
    aml_int(a, size);
}

void aml_fields(struct aml *a, const char *region, unsigned access_bytes)
{
    put_le(a, 0x815b, 2);
    begin(a, LENGTH);
    aml_ref(a, region);
    put(a, log2_floor(access_bytes) + 1); /* other bits are kept */
}

/* A number of bits is written as a package length is. */
void aml_unit(struct aml *a, const char *name, unsigned bits)
{
    assert(bits < 1 << 12);
    if (name) {
        aml_ref(a, name);
    } else {
        put(a, 0);
    }
    if (bits < 64) {
        put(a, bits);
    } else {
        put(a, 1 << 6 | (bits & 15));
        put(a, bits >> 4);
    }
}

/* ---- resources */

/* A large descriptor's tag and length. */
static void descriptor(struct aml *a, unsigned tag, size_t bytes)
{
    put(a, tag);
    put_le(a, bytes, 2);
}

void aml_memory32(struct aml *a, uint32_t base, uint32_t size)
{
    descriptor(a, 0x86, 9);
    put(a, 1); /* writable */
    put_le(a, base, 4);
    put_le(a, size, 4);
}

/* A small resource: its length is in its first byte. */
void aml_ports(struct aml *a, uint16_t base, uint8_t count)
{
    put(a, 0x47);
    put(a, 1); /* all 16 bits are decoded */
    put_le(a, base, 2);
    put_le(a, base, 2);
    put(a, 1); /* alignment */
    put(a, count);
}

void aml_interrupt(struct aml *a, unsigned trigger, uint32_t gsi)
{
    descriptor(a, 0x89, 6);
    put(a, 1 | trigger); /* a consumer; active high, exclusive */
    put(a, 1);
    put_le(a, gsi, 4);
}

void aml_interrupt_of(struct aml *a, unsigned trigger, const uint32_t *gsi, unsigned n)
{
    enum {
        SHARED = 8
    };
    descriptor(a, 0x89, 2 + 4 * n);
    put(a, 1 | trigger | SHARED);
    put(a, n);
    for (unsigned i = 0; i < n; i++) {
        put_le(a, gsi[i], 4);
    }
}

/* 6.4.2.1, 6.4.2.2 */
void aml_irq(struct aml *a, unsigned line)
{
    put(a, 0x22);
    put_le(a, UINT64_C(1) << line, 2);
}

void aml_dma(struct aml *a, unsigned channel)
{
    put(a, 0x2a);
    put(a, 1u << channel);
    put(a, 0); /* 8 bits, compatible, no bus master */
}

/* 6.4.3.8.1. The offsets count from the tag. */
void aml_gpio_int(struct aml *a, unsigned pin, const char *controller)
{
    enum {
        PINS = 23,
        NAME = PINS + 2
    };
    const size_t n = strlen(controller) + 1;
    descriptor(a, 0x8c, NAME + n - 3);
    put(a, 1);           /* revision */
    put(a, 0);           /* an interrupt connection */
    put_le(a, 1, 2);     /* a consumer */
    put_le(a, 1, 2);     /* edge, active high, exclusive */
    put(a, 1);           /* pull up */
    put_le(a, 0, 2 + 2); /* drive strength, debounce time */
    put_le(a, PINS, 2);
    put(a, 0);
    put_le(a, NAME, 2);
    put_le(a, NAME + n, 2); /* vendor data: none */
    put_le(a, 0, 2);
    put_le(a, pin, 2);
    strbuf_bytes(&a->out, controller, n);
}

/* 6.4.3.5: a window with fixed ends, decoded positively. */
struct window {
    unsigned type, specific; /* flags of the type */
    uint64_t base, size, translation;
};

static void window(struct aml *a, unsigned tag, unsigned bytes, const struct window *w)
{
    descriptor(a, tag, 3 + 5 * bytes);
    put(a, w->type);
    put(a, 0x0c);
    put(a, w->specific);
    put_le(a, 0, bytes); /* granularity */
    put_le(a, w->base, bytes);
    put_le(a, w->base + w->size - 1, bytes);
    put_le(a, w->translation, bytes);
    put_le(a, w->size, bytes);
}

void aml_bus_numbers(struct aml *a, unsigned first, unsigned last)
{
    window(a, 0x88, 2, &(struct window){2, 0, first, last - first + 1, 0});
}

void aml_window32(struct aml *a, uint32_t base, uint32_t size)
{
    window(a, 0x87, 4, &(struct window){0, 1, base, size, 0});
}

void aml_window64(struct aml *a, uint64_t base, uint64_t size)
{
    window(a, 0x8a, 8, &(struct window){0, 1, base, size, 0});
}

void aml_window16_io(struct aml *a, uint32_t base, uint32_t size)
{
    window(a, 0x88, 2, &(struct window){1, 3, base, size, 0});
}

void aml_window_io(struct aml *a, uint32_t base, uint32_t size, uint32_t translation)
{
    window(a, 0x87, 4, &(struct window){1, 3, base, size, translation});
}
