/* SPDX-License-Identifier: MIT */
/*
 * The MP configuration table (Intel MultiProcessor Specification 1.4, chapter 4): the CPUs, an ISA
 * bus, the I/O APICs, and where interrupts of the bus come in. The timer's is input 2.
 */
#include "hw/i386/mptable.h"

#include "base/bits.h"
#include "base/strbuf.h"
#include "hw/i386/pc.h"
#include "hw/intc/ioapic.h"
#include "hw/intc/lapic.h"

enum {
    POINTER_BYTES = 16,
    HEADER_BYTES = 44,
    HEADER_LENGTH = 4,
    HEADER_CHECKSUM = 7,
    HEADER_ENTRIES = 34
};

/* Kinds of entries, and of interrupts. */
enum {
    CPU,
    BUS,
    IOAPIC,
    INTERRUPT,
    LOCAL_INTERRUPT
};
enum {
    VECTORED,
    NMI,
    EXTINT = 3
};

struct table {
    struct strbuf out;
    unsigned entries;
};

static void put(struct table *t, uint64_t value, unsigned bytes)
{
    uint8_t le[8];
    store_le64(le, value);
    strbuf_bytes(&t->out, le, bytes);
}

static void begin(struct table *t, unsigned kind)
{
    put(t, kind, 1);
    t->entries++;
}

static void add_cpus(struct table *t, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        begin(t, CPU);
        put(t, i, 1);
        put(t, 0x14, 1);           /* version of the local APIC */
        put(t, i == 0 ? 3 : 1, 1); /* enabled; the first is the one that boots */
        put(t, 0x600, 4);          /* family 6 */
        put(t, 0x201, 4);          /* it has an APIC and an FPU */
        put(t, 0, 8);
    }
}

static void add_interrupt(struct table *t, unsigned entry, unsigned kind, unsigned irq,
                          unsigned apic, unsigned pin)
{
    begin(t, entry);
    put(t, kind, 1);
    put(t, 0, 2); /* polarity and trigger of the bus */
    put(t, 0, 1); /* the bus */
    put(t, irq, 1);
    put(t, apic, 1);
    put(t, pin, 1);
}

static void add_entries(struct table *t, unsigned cpus, unsigned ioapics)
{
    add_cpus(t, cpus);
    begin(t, BUS);
    put(t, 0, 1);
    strbuf_bytes(&t->out, "ISA   ", 6);
    for (unsigned n = 0; n < ioapics; n++) {
        begin(t, IOAPIC);
        put(t, n, 1);
        put(t, 0x20, 1);
        put(t, 1, 1); /* usable */
        put(t, PC_IOAPIC_BASE(n), 4);
    }
    for (unsigned irq = 0; irq < 16; irq++) {
        if (irq != 2) {
            add_interrupt(t, INTERRUPT, VECTORED, irq, 0, irq ? irq : 2);
        }
    }
    add_interrupt(t, LOCAL_INTERRUPT, EXTINT, 0, 0, 0);
    add_interrupt(t, LOCAL_INTERRUPT, NMI, 0, 0xff, 1);
}

static uint8_t checksum(const void *bytes, size_t n)
{
    const uint8_t *p = bytes;
    unsigned sum = 0;
    while (n--) {
        sum += *p++;
    }
    return (uint8_t)-sum;
}

static void put_pointer(struct table *t, paddr base)
{
    uint8_t p[POINTER_BYTES] = "_MP_";
    store_le32(p + 4, (uint32_t)base + POINTER_BYTES);
    p[8] = 1; /* its length in paragraphs */
    p[9] = 4; /* 1.4 */
    p[10] = checksum(p, sizeof(p));
    strbuf_bytes(&t->out, p, sizeof(p));
}

uint8_t *mptable_make(const struct machine *m, unsigned ioapics, paddr base, size_t *n)
{
    struct table t = {.entries = 0};
    put_pointer(&t, base);
    strbuf_bytes(&t.out, "PCMP\0\0\4\0", 8);
    strbuf_bytes(&t.out, "DRAGOMAN0.1         ", 20);
    put(&t, 0, 8); /* no table of the maker; the count of entries */
    put(&t, LAPIC_BASE, 8);
    add_entries(&t, m->config.cpus, ioapics);
    uint8_t *header = (uint8_t *)t.out.text + POINTER_BYTES;
    const size_t length = t.out.len - POINTER_BYTES;
    store_le16(header + HEADER_LENGTH, (uint16_t)length);
    store_le16(header + HEADER_ENTRIES, (uint16_t)t.entries);
    header[HEADER_CHECKSUM] = checksum(header, length);
    *n = t.out.len;
    return (uint8_t *)strbuf_take(&t.out);
}
