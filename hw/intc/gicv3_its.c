/* SPDX-License-Identifier: MIT */
/*
 * Arm GICv3 interrupt translation service (IHI 0069H chapter 5, 12.12): messages (DeviceID,
 * EventID) become LPIs of a vCPU.
 *
 * The device table, the collection table and the interrupt translation tables live in the memory
 * that the guest gave and are read anew for each message and command: there is no cache to
 * invalidate. Nothing in them is trusted: what is out of range counts as unmapped. A command with
 * an error is skipped and logged. Commands are executed at the write of GITS_CWRITER, at most BATCH
 * at once; a timer goes on with the rest. Not modelled: virtual LPIs (GICv4), stalls and SErr.
 *
 * Locks: the service's mutex, then the GIC's.
 */
#include <inttypes.h>

#include "base/log.h"
#include "hw/classes.h"
#include "hw/intc/gic_core.h"

enum {
    GITS_CTLR = 0x0000,
    GITS_IIDR = 0x0004,
    GITS_TYPER = 0x0008,
    GITS_CBASER = 0x0080,
    GITS_CWRITER = 0x0088,
    GITS_CREADR = 0x0090,
    GITS_BASER = 0x0100,
    GITS_ID = 0xffd0,
    GITS_TRANSLATER = 0x10040,
};

enum {
    CTLR_ENABLED = 1,
    CTLR_QUIESCENT = 1u << 31
};

#define DEVICE_BITS 16
#define EVENT_BITS 16
#define COLLECTION_BITS 16
#define ENTRY_BYTES 8      /* of each table */
#define ITT_ENTRY_BYTES 12 /* what a guest makes room for, as for QEMU; ENTRY_BYTES are used */
#define VALID (UINT64_C(1) << 63)
#define INDIRECT (UINT64_C(1) << 62)

#define TYPER                                                                                      \
    (1 /* physical LPIs */ | (ITT_ENTRY_BYTES - 1) << 4 | (EVENT_BITS - 1) << 8 |                  \
     (DEVICE_BITS - 1) << 13 | (uint64_t)(COLLECTION_BITS - 1) << 32 |                             \
     UINT64_C(1) << 36 /* CIL */)

#define CBASER_BITS UINT64_C(0xb8effffffffffcff)
#define BASER_BITS UINT64_C(0xf8e0ffffffffffff)
#define BASER_64K (UINT64_C(2) << 8) /* pages of 64 KB: what QEMU's has after reset */
#define COMMAND_BYTES 32
#define QUEUE_OFFSET UINT64_C(0xfffe0)
#define BATCH 4096

enum table {
    TABLE_DEVICES,
    TABLE_COLLECTIONS,
    TABLES
};
static const uint64_t baser_fixed[TABLES] = {
    UINT64_C(1) << 56 | (uint64_t)(ENTRY_BYTES - 1) << 48,
    UINT64_C(4) << 56 | (uint64_t)(ENTRY_BYTES - 1) << 48,
};

struct its {
    struct device dev;
    struct gic *gic;
    struct os_mutex mutex;
    struct clock_timer *timer; /* goes on with commands */
    uint64_t ctlr, cbaser, cwriter, creadr;
    uint64_t baser[TABLES];
};

/* ---- tables in guest memory */

/* Where entry index of a table in memory is, or false. */
static bool entry_address(const struct its *s, enum table t, uint32_t index, paddr *a)
{
    static const uint32_t page_sizes[4] = {0x1000, 0x4000, 0x10000, 0x10000};
    uint64_t b = s->baser[t];
    uint64_t page = page_sizes[bits64(b, 9, 8)], bytes = (bits64(b, 7, 0) + 1) * page;
    paddr base = b & UINT64_C(0x0000fffffffff000);
    if (page == 0x10000) {
        base = (base & ~UINT64_C(0xf000)) | bits64(b, 15, 12) << 48;
    }
    uint64_t at = (uint64_t)index * ENTRY_BYTES;
    if (!(b & VALID)) {
        return false;
    }
    if (b & INDIRECT) {
        uint64_t level1 = at / page * 8, entry;
        if (level1 >= bytes || !dma_load64(&s->dev.dma, base + level1, &entry) ||
            !(entry & VALID)) {
            return false;
        }
        base = entry & UINT64_C(0x000ffffffffff000) & ~(page - 1);
        at %= page;
    } else if (at >= bytes) {
        return false;
    }
    *a = base + at;
    return true;
}

static bool entry_load(const struct its *s, enum table t, uint32_t index, uint64_t *entry)
{
    paddr a;
    return entry_address(s, t, index, &a) && dma_load64(&s->dev.dma, a, entry) && (*entry & VALID);
}

static bool entry_store(const struct its *s, enum table t, uint32_t index, uint64_t entry)
{
    paddr a;
    return entry_address(s, t, index, &a) && dma_store64(&s->dev.dma, a, entry);
}

/*
 * Entries: a device's has its ITT's address in bits 51..8 and the number of EventID bits, less 1,
 * in 4..0; a collection's the number of its vCPU; an ITT's the LPI in bits 31..0 and the collection
 * in 47..32. Bit 63 is valid.
 */
#define ITT_ADDRESS UINT64_C(0x000fffffffffff00)

static bool itt_address(const struct its *s, uint32_t device, uint32_t event, paddr *a)
{
    uint64_t entry;
    if (device >> DEVICE_BITS || !entry_load(s, TABLE_DEVICES, device, &entry) ||
        event >> bits64(entry, 3, 0) >> 1) {
        return false;
    }
    *a = (entry & ITT_ADDRESS) + (paddr)event * ENTRY_BYTES;
    return true;
}

struct translation {
    uint32_t intid, collection;
};

static bool itt_load(const struct its *s, uint32_t device, uint32_t event, struct translation *t)
{
    paddr a;
    uint64_t entry;
    if (!itt_address(s, device, event, &a) || !dma_load64(&s->dev.dma, a, &entry) ||
        !(entry & VALID)) {
        return false;
    }
    *t = (struct translation){(uint32_t)entry, (uint32_t)bits64(entry, 47, 32)};
    return t->intid >= GIC_FIRST_LPI && t->intid < 65536;
}

static bool itt_store(const struct its *s, uint32_t device, uint32_t event,
                      const struct translation *t)
{
    paddr a;
    uint64_t entry = t ? VALID | (uint64_t)t->collection << 32 | t->intid : 0;
    return itt_address(s, device, event, &a) && dma_store64(&s->dev.dma, a, entry);
}

static bool collection_cpu(const struct its *s, uint32_t collection, unsigned *cpu)
{
    uint64_t entry;
    if (!entry_load(s, TABLE_COLLECTIONS, collection, &entry) ||
        bits64(entry, 31, 0) >= s->gic->num_cpu) {
        return false;
    }
    *cpu = (unsigned)bits64(entry, 31, 0);
    return true;
}

/* The LPI and the vCPU of an event. */
static bool translate(const struct its *s, uint32_t device, uint32_t event, struct translation *t,
                      unsigned *cpu)
{
    return itt_load(s, device, event, t) && collection_cpu(s, t->collection, cpu);
}

static void set_pending(struct its *s, unsigned cpu, uint32_t intid, bool pending)
{
    os_mutex_lock(&s->gic->mutex);
    gicv3_lpi_set_pending(s->gic, cpu, intid, pending);
    os_mutex_unlock(&s->gic->mutex);
}

/* ---- commands (IHI 0069H 5.3) */

struct command {
    uint64_t dw[4];
};

static uint32_t device_of(const struct command *c)
{
    return (uint32_t)(c->dw[0] >> 32);
}

static uint32_t event_of(const struct command *c)
{
    return (uint32_t)c->dw[1];
}

static uint32_t collection_of(const struct command *c)
{
    return (uint32_t)c->dw[2] & 0xffff;
}

static bool cpu_of(const struct its *s, uint64_t dw, unsigned *cpu)
{
    uint64_t number = bits64(dw, 50, 16);
    *cpu = (unsigned)number;
    return number < s->gic->num_cpu;
}

static bool command_mapd(struct its *s, const struct command *c)
{
    uint64_t size = bits64(c->dw[1], 4, 0);
    if (device_of(c) >> DEVICE_BITS || ((c->dw[2] & VALID) && size >= EVENT_BITS)) {
        return false;
    }
    uint64_t entry = c->dw[2] & VALID ? VALID | (c->dw[2] & ITT_ADDRESS) | size : 0;
    return entry_store(s, TABLE_DEVICES, device_of(c), entry);
}

static bool command_mapc(struct its *s, const struct command *c)
{
    unsigned cpu = 0;
    bool valid = c->dw[2] & VALID;
    if (valid && !cpu_of(s, c->dw[2], &cpu)) {
        return false;
    }
    return entry_store(s, TABLE_COLLECTIONS, collection_of(c), valid ? VALID | cpu : 0);
}

static bool map_event(struct its *s, const struct command *c, uint32_t intid)
{
    struct translation t = {intid, collection_of(c)};
    return intid >= GIC_FIRST_LPI && intid < 65536 && itt_store(s, device_of(c), event_of(c), &t);
}

static bool command_movi(struct its *s, const struct command *c)
{
    struct translation t;
    unsigned from, to;
    if (!translate(s, device_of(c), event_of(c), &t, &from) ||
        !collection_cpu(s, collection_of(c), &to)) {
        return false;
    }
    t.collection = collection_of(c);
    if (!itt_store(s, device_of(c), event_of(c), &t)) {
        return false;
    }
    os_mutex_lock(&s->gic->mutex);
    if (from != to && gicv3_lpi_is_pending(s->gic, from, t.intid)) {
        gicv3_lpi_set_pending(s->gic, from, t.intid, false);
        gicv3_lpi_set_pending(s->gic, to, t.intid, true);
    }
    os_mutex_unlock(&s->gic->mutex);
    return true;
}

static bool command_movall(struct its *s, const struct command *c)
{
    unsigned from, to;
    if (!cpu_of(s, c->dw[2], &from) || !cpu_of(s, c->dw[3], &to)) {
        return false;
    }
    os_mutex_lock(&s->gic->mutex);
    gicv3_lpi_move_all(s->gic, from, to);
    os_mutex_unlock(&s->gic->mutex);
    return true;
}

/* INT, CLEAR and DISCARD; the latter also unmaps the event. */
static bool change_pending(struct its *s, const struct command *c, bool pending, bool unmap)
{
    struct translation t;
    unsigned cpu;
    if (!translate(s, device_of(c), event_of(c), &t, &cpu)) {
        return false;
    }
    set_pending(s, cpu, t.intid, pending);
    return !unmap || itt_store(s, device_of(c), event_of(c), NULL);
}

static bool reload(struct its *s, uint32_t intid)
{
    os_mutex_lock(&s->gic->mutex);
    gicv3_lpi_reload(s->gic, intid);
    os_mutex_unlock(&s->gic->mutex);
    return true;
}

static bool command_inv(struct its *s, const struct command *c)
{
    struct translation t;
    unsigned cpu;
    return translate(s, device_of(c), event_of(c), &t, &cpu) && reload(s, t.intid);
}

static bool command_invall(struct its *s, const struct command *c)
{
    unsigned cpu;
    return collection_cpu(s, collection_of(c), &cpu) && reload(s, 0);
}

enum {
    CMD_MOVI = 0x01,
    CMD_INT = 0x03,
    CMD_CLEAR = 0x04,
    CMD_SYNC = 0x05,
    CMD_MAPD = 0x08,
    CMD_MAPC = 0x09,
    CMD_MAPTI = 0x0a,
    CMD_MAPI = 0x0b,
    CMD_INV = 0x0c,
    CMD_INVALL = 0x0d,
    CMD_MOVALL = 0x0e,
    CMD_DISCARD = 0x0f,
};

static bool execute(struct its *s, const struct command *c)
{
    switch (c->dw[0] & 0xff) {
    case CMD_MOVI:
        return command_movi(s, c);
    case CMD_INT:
        return change_pending(s, c, true, false);
    case CMD_CLEAR:
        return change_pending(s, c, false, false);
    case CMD_SYNC:
        return true; /* the commands before it are complete */
    case CMD_MAPD:
        return command_mapd(s, c);
    case CMD_MAPC:
        return command_mapc(s, c);
    case CMD_MAPTI:
        return map_event(s, c, (uint32_t)(c->dw[1] >> 32));
    case CMD_MAPI:
        return map_event(s, c, event_of(c));
    case CMD_INV:
        return command_inv(s, c);
    case CMD_INVALL:
        return command_invall(s, c);
    case CMD_MOVALL:
        return command_movall(s, c);
    case CMD_DISCARD:
        return change_pending(s, c, false, true);
    default:
        return false;
    }
}

static bool fetch(const struct its *s, struct command *c)
{
    paddr a = (s->cbaser & UINT64_C(0x000ffffffffff000)) + s->creadr;
    for (unsigned i = 0; i < 4; i++) {
        if (!dma_load64(&s->dev.dma, a + 8 * i, &c->dw[i])) {
            return false;
        }
    }
    return true;
}

static uint64_t queue_bytes(const struct its *s)
{
    return (bits64(s->cbaser, 7, 0) + 1) << 12;
}

/* Executes what is in the queue, up to a number that bounds the time for which the caller is held
 * up. */
static void run_queue(struct its *s)
{
    unsigned done = 0;
    while ((s->ctlr & CTLR_ENABLED) && (s->cbaser & VALID) && s->creadr != s->cwriter &&
           s->cwriter < queue_bytes(s)) {
        struct command c;
        if (done++ == BATCH) {
            clock_timer_set(s->timer, clock_now_ns(s->dev.clock) + 1);
            return;
        }
        if (!fetch(s, &c) || !execute(s, &c)) {
            log_guest("arm-gicv3-its", "command at 0x%" PRIx64 " of the queue failed: %016" PRIx64,
                      s->creadr, c.dw[0]);
        }
        s->creadr = (s->creadr + COMMAND_BYTES) % queue_bytes(s);
    }
}

static void timer_expired(void *opaque)
{
    struct its *s = opaque;
    os_mutex_lock(&s->mutex);
    run_queue(s);
    os_mutex_unlock(&s->mutex);
}

/* ---- registers */

static uint32_t id_read(uint64_t offset)
{
    static const uint8_t ids[12] = {0x44, 0, 0, 0, 0x94, 0xb4, 0x3b, 0, 0x0d, 0xf0, 0x05, 0xb1};
    return ids[(offset - GITS_ID) / 4];
}

/* The 64-bit register that the 8 bytes at offset are; 0 for what is reserved. */
static uint64_t read64(const struct its *s, uint64_t offset)
{
    if (offset >= GITS_BASER && offset < GITS_BASER + 8 * TABLES) {
        return s->baser[(offset - GITS_BASER) / 8];
    }
    if (offset >= GITS_ID && offset < 0x10000) {
        return id_read(offset) | (uint64_t)id_read(offset + 4) << 32;
    }
    switch (offset) {
    case GITS_CTLR:
        return s->ctlr | (s->creadr == s->cwriter ? CTLR_QUIESCENT : 0) | UINT64_C(0x43b) << 32;
    case GITS_TYPER:
        return TYPER;
    case GITS_CBASER:
        return s->cbaser;
    case GITS_CWRITER:
        return s->cwriter;
    case GITS_CREADR:
        return s->creadr;
    default:
        return 0;
    }
}

static bool is_table(uint64_t offset)
{
    return offset >= GITS_BASER && offset < GITS_BASER + 8 * TABLES;
}

/* The queue and the tables do not move while the service is enabled. */
static void base_write(struct its *s, uint64_t offset, uint64_t value)
{
    if (s->ctlr & CTLR_ENABLED) {
        log_guest("arm-gicv3-its", "base register at 0x%" PRIx64 " written while enabled", offset);
    } else if (is_table(offset)) {
        enum table t = (enum table)((offset - GITS_BASER) / 8);
        s->baser[t] = (value & BASER_BITS) | baser_fixed[t];
    } else {
        s->cbaser = value & CBASER_BITS;
        s->creadr = 0;
    }
}

static void write64(struct its *s, uint64_t offset, uint64_t value)
{
    if (is_table(offset) || offset == GITS_CBASER) {
        base_write(s, offset, value);
        return;
    }
    switch (offset) {
    case GITS_CTLR:
        s->ctlr = value & CTLR_ENABLED;
        run_queue(s);
        break;
    case GITS_CWRITER:
        s->cwriter = value & QUEUE_OFFSET;
        run_queue(s);
        break;
    default:
        if (offset < GITS_BASER || offset >= GITS_ID) {
            log_guest("arm-gicv3-its", "write of 0x%" PRIx64 " to read-only or reserved 0x%" PRIx64,
                      value, offset);
        }
    }
}

static uint64_t its_read(void *opaque, uint64_t offset, unsigned size)
{
    struct its *s = opaque;
    os_mutex_lock(&s->mutex);
    uint64_t value = read64(s, align_down(offset, 8)) >> (8 * (offset & 7));
    os_mutex_unlock(&s->mutex);
    return value & mask64(8 * size);
}

static void its_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct its *s = opaque;
    uint64_t whole = align_down(offset, 8);
    if (offset >= 0x10000) {
        log_guest("arm-gicv3-its", "a vCPU writes to GITS_TRANSLATER: it is for devices");
        return;
    }
    os_mutex_lock(&s->mutex);
    if (size < 8) {
        unsigned low = 8 * (unsigned)(offset & 7);
        value = deposit64(read64(s, whole), low + 31, low, value);
    }
    write64(s, whole, value);
    os_mutex_unlock(&s->mutex);
}

static const struct mmio_ops its_ops = {.read = its_read, .write = its_write, .sizes = 4 | 8};

void its_send(struct device *d, uint32_t device_id, uint32_t event_id)
{
    struct its *s = (struct its *)d;
    struct translation t;
    unsigned cpu;
    os_mutex_lock(&s->mutex);
    if ((s->ctlr & CTLR_ENABLED) && translate(s, device_id, event_id, &t, &cpu)) {
        set_pending(s, cpu, t.intid, true);
    } else {
        log_guest("arm-gicv3-its",
                  "message %" PRIu32 " of device 0x%" PRIx32 " is not mapped: ignored", event_id,
                  device_id);
    }
    os_mutex_unlock(&s->mutex);
}

/* ---- life */

void its_connect(struct device *d, struct device *gic)
{
    struct its *s = (struct its *)d;
    assert(gic->cls == &arm_gicv3_class);
    s->gic = (struct gic *)gic;
}

static bool its_create(struct device *d, struct error *e)
{
    struct its *s = (struct its *)d;
    if (!s->gic || !s->gic->has_lpi) {
        return error_set(e, "device 'arm-gicv3-its': needs an arm-gicv3 with has-lpi=on");
    }
    os_mutex_init(&s->mutex);
    s->timer = clock_timer_create(d->clock, timer_expired, s);
    return true;
}

static void its_destroy(struct device *d)
{
    struct its *s = (struct its *)d;
    clock_timer_destroy(s->timer);
    os_mutex_destroy(&s->mutex);
}

static void its_reset(struct device *d)
{
    struct its *s = (struct its *)d;
    clock_timer_cancel(s->timer);
    for (unsigned i = 0; i < TABLES; i++) {
        s->baser[i] = baser_fixed[i] | BASER_64K;
    }
}

static bool its_check(struct device *d, struct error *e)
{
    const struct its *s = (const struct its *)d;
    return !((s->creadr | s->cwriter) & ~QUEUE_OFFSET) ||
           error_set(e,
                     "its places in the command queue, 0x%" PRIx64 " and 0x%" PRIx64
                     ", are none of commands",
                     s->creadr, s->cwriter);
}

static const struct field its_fields[] = {
    FIELD(its, ctlr),       FIELD(its, cbaser),    FIELD(its, cwriter),
    FIELD(its, creadr),     FIELD(its, baser),     FIELD_SKIP(its, gic),
    FIELD_SKIP(its, mutex), FIELD_DUE(its, timer), FIELD_END,
};

const struct device_class arm_gicv3_its_class = {
    .name = "arm-gicv3-its",
    .desc = "Arm GICv3 interrupt translation service",
    .bus = BUS_SYSTEM,
    .size = sizeof(struct its),
    .fields = its_fields,
    .window_size = ITS_SIZE,
    .ops = &its_ops,
    .create = its_create,
    .reset = its_reset,
    .destroy = its_destroy,
    .check = its_check,
    .flags = DEVICE_THREAD_SAFE,
};
