/* SPDX-License-Identifier: MIT */
/*
 * Commands of a hostile driver to SCSI units: any CDB, opcodes that exist more often, with data of
 * any length in any pieces. Each is answered once, moves no more than was given, and writes
 * nowhere else.
 */
#include "base/bits.h"
#include "base/mem.h"
#include "base/rng.h"
#include "hw/scsi/scsi_disk.h"
#include "tests/support/machine.h"
#include "tests/support/virtio_rig.h"
#include "tests/test.h"

extern const struct device_class virtio_scsi_pci_class, scsi_hd_class, scsi_cd_class;

enum {
    DATA_BYTES = 8192,
    GUARD = 64,
    PIECES = 4,
};

static struct block *disks[2];
static unsigned next_disk;

static struct block *give_disk(void *opaque, const char *id, struct error *e)
{
    (void)opaque, (void)id, (void)e;
    return disks[next_disk++ % 2];
}

struct answer {
    struct scsi_command c; /* first */
    struct os_mutex lock;
    struct os_cond came;
    unsigned times;
};

static void done(struct scsi_command *c)
{
    struct answer *a = (struct answer *)c;
    os_mutex_lock(&a->lock);
    a->times++;
    os_cond_broadcast(&a->came);
    os_mutex_unlock(&a->lock);
}

/* Cuts bytes of a buffer into pieces. */
static unsigned cut(struct rng *g, struct iovec *iov, uint8_t *at, uint64_t bytes)
{
    unsigned n = 0;
    while (bytes && n < PIECES) {
        const uint64_t part = n + 1 == PIECES ? bytes : 1 + rng_below(g, bytes);
        iov[n++] = (struct iovec){at, part};
        at += part;
        bytes -= part;
    }
    return n;
}

static uint8_t some_opcode(struct rng *g)
{
    static const struct scsi_row *const tables[] = {scsi_io_rows, scsi_mode_rows, scsi_media_rows};
    static const uint8_t primary[] = {0x00, 0x03, 0x12, 0xa0, 0x16, 0x17};
    const unsigned which = (unsigned)rng_below(g, 5);
    if (which == 4) {
        return (uint8_t)rng_u64(g);
    }
    if (which == 3) {
        return primary[rng_below(g, sizeof(primary))];
    }
    unsigned n = 0;
    while (tables[which][n].run) {
        n++;
    }
    return tables[which][rng_below(g, n)].opcode;
}

static void make_cdb(struct rng *g, uint8_t *cdb)
{
    rng_bytes(g, cdb, SCSI_CDB_MAX);
    for (unsigned i = 1; i < SCSI_CDB_MAX; i++) {
        if (rng_below(g, 3)) { /* small numbers mean more */
            cdb[i] = (uint8_t)(rng_below(g, 4) ? 0 : rng_below(g, 32));
        }
    }
    cdb[0] = some_opcode(g);
}

static bool is_guard(const uint8_t *p)
{
    for (unsigned i = 0; i < GUARD; i++) {
        if (p[i] != 0xa5) {
            return false;
        }
    }
    return true;
}

static void one_command(struct scsi_bus *b, struct rng *g, uint8_t *buffer)
{
    struct answer a = {.c.done = done};
    struct iovec iov[PIECES];
    const uint64_t bytes = rng_below(g, 4) ? rng_below(g, DATA_BYTES) : rng_below(g, 40);
    const bool in = rng_below(g, 2);
    uint8_t *data = buffer + GUARD;
    os_mutex_init(&a.lock);
    os_cond_init(&a.came);
    make_cdb(g, a.c.cdb);
    rng_bytes(g, data, bytes);
    for (unsigned i = 0; i < bytes && !in && rng_below(g, 2); i++) {
        data[i] = rng_below(g, 8) ? 0 : data[i];
    }
    memset(buffer, 0xa5, GUARD);
    memset(data + bytes, 0xa5, GUARD);
    const unsigned count = cut(g, iov, data, bytes);
    *(in ? &a.c.in : &a.c.out) = iov;
    *(in ? &a.c.in_count : &a.c.out_count) = count;
    *(in ? &a.c.in_bytes : &a.c.out_bytes) = bytes;
    const uint8_t opcode = a.c.cdb[0];
    scsi_bus_submit(b, (unsigned)rng_below(g, 2), rng_below(g, 8) ? 0 : 1, &a.c);
    os_mutex_lock(&a.lock);
    while (a.times == 0) {
        os_cond_wait(&a.came, &a.lock);
    }
    os_mutex_unlock(&a.lock);
    CHECK_MSG(is_guard(buffer) && is_guard(data + bytes), "0x%02x writes beside its data", opcode);
    CHECK_MSG(a.c.moved <= bytes, "0x%02x moves %" PRIu64 " of %" PRIu64, opcode, a.c.moved, bytes);
    CHECK_MSG(!a.c.buffer, "0x%02x keeps its buffer", opcode);
    CHECK(a.c.status == SCSI_GOOD || (a.c.status == SCSI_CHECK_CONDITION && a.c.sense_bytes));
    CHECK_EQ(a.times, 1);
    os_cond_destroy(&a.came);
    os_mutex_destroy(&a.lock);
}

TEST(random_commands_do_no_harm)
{
    struct rng g;
    struct rig r;
    struct error e = {""};
    uint8_t *buffer = mem_alloc(DATA_BYTES + 2 * GUARD);
    disks[0] = test_disk(256 * 1024);
    disks[1] = test_disk(128 * 1024);
    rng_seed(&g, test_seed());
    rig_open(&r);
    r.m->backends.drive = give_disk;
    REQUIRE(rig_device(&r, &virtio_scsi_pci_class, "pcie.0", &e, NULL));
    struct device *hd = rig_device(&r, &scsi_hd_class, "scsi.0", &e, "drive=d", "removable=on",
                                   NULL);
    struct device *cd = rig_device(&r, &scsi_cd_class, "scsi.0", &e, "drive=d", NULL);
    REQUIRE(hd && cd);
    struct bus *bus = machine_find_bus(r.m, "scsi.0");
    for (unsigned i = 0; i < 20000 * test_scale(); i++) {
        one_command(bus->impl, &g, buffer);
        if (i % 100 == 0) {
            test_states_load(r.m);
        }
        if (i % 500 == 0) {
            device_reset(hd);
            device_reset(cd);
        }
    }
    rig_close(&r);
    block_close(disks[0]);
    block_close(disks[1]);
    mem_free(buffer);
}
