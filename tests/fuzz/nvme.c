/* SPDX-License-Identifier: MIT */
/*
 * Hostile drivers of an NVMe controller: commands of any contents, often nearly good ones, with
 * addresses everywhere, registers and doorbells at any time. Nothing crashes, and after a reset the
 * controller is as new.
 */
#include "base/bits.h"
#include "base/mem.h"
#include "base/rng.h"
#include "tests/support/machine.h"
#include "tests/support/nvme_rig.h"
#include "tests/test.h"

extern const struct device_class nvme_class, nvme_ns_class;

static struct block *disks[2];
static unsigned next_disk;

static struct block *give_disk(void *opaque, const char *id, struct error *e)
{
    (void)opaque, (void)id, (void)e;
    return disks[next_disk++ % 2];
}

static uint64_t some_address(struct nvme_drv *d, struct rng *g)
{
    switch (rng_below(g, 8)) {
    case 0:
        return rng_u64(g);
    case 1:
        return RIG_RAM + RIG_RAM_BYTES - rng_below(g, 8192);
    case 2:
        return NVME_BAR + rng_below(g, 0x2000);
    case 3:
        return d->admin.sq + rng_below(g, 4) * 4096;
    case 4:
        return d->data + rng_below(g, 65536);
    default:
        return d->data + 4096 * rng_below(g, 16);
    }
}

static void some_command(struct nvme_drv *d, struct rng *g, bool admin, uint8_t *sqe)
{
    static const uint8_t admin_codes[] = {0, 1, 2, 4, 5, 6, 8, 9, 10, 12};
    static const uint8_t io_codes[] = {0, 1, 2, 5, 8, 9, 12};
    const uint8_t code = admin ? admin_codes[rng_below(g, sizeof(admin_codes))]
                               : io_codes[rng_below(g, sizeof(io_codes))];
    nvme_sqe(d, sqe, rng_below(g, 16) ? code : (uint8_t)rng_u64(g),
             (uint32_t)(rng_below(g, 8) ? rng_below(g, 4) : rng_u64(g)));
    store_le64(sqe + SQE_PRP1, some_address(d, g));
    store_le64(sqe + SQE_PRP2, some_address(d, g));
    for (unsigned i = 40; i < SQE_BYTES; i += 4) {
        const unsigned bits = (unsigned)rng_below(g, 5) * 8;
        store_le32(sqe + i, (uint32_t)(rng_u64(g) & mask64(bits)));
    }
    if (rng_below(g, 4)) { /* blocks that are there */
        store_le64(sqe + 40, rng_below(g, 512));
        store_le32(sqe + 48, (uint32_t)rng_below(g, 64));
    }
    if (admin && rng_below(g, 2)) { /* a queue number and a size */
        store_le32(sqe + 40, (uint32_t)(rng_below(g, 20) << 16 | rng_below(g, 4)));
        store_le32(sqe + 44, (uint32_t)(rng_below(g, 3) << 16 | rng_below(g, 4)));
    }
    sqe[SQE_FLAGS] = (uint8_t)(rng_below(g, 16) ? 0 : rng_u64(g));
}

static void one_action(struct nvme_drv *d, struct rng *g)
{
    uint8_t sqe[SQE_BYTES], cqe[CQE_BYTES];
    const bool admin = rng_below(g, 3) == 0;
    struct nvme_pair *p = admin ? &d->admin : &d->io;
    switch (rng_below(g, 24)) {
    case 0:
        nvme_reg_set(d, (unsigned)rng_below(g, 16) * 4, 4, rng_u64(g));
        break;
    case 1:
        nvme_reg_set(d, NVME_DOORBELLS + 4 * (unsigned)rng_below(g, 10), 4, rng_below(g, 20));
        break;
    case 2:
        nvme_drv_enable(d);
        break;
    case 3:
        nvme_reg(d, (unsigned)rng_below(g, 16) * 4, 4);
        break;
    case 4:
        store_le64(rig_host(d->r, d->data + 8 * rng_below(g, 8192)), some_address(d, g));
        break;
    case 5:
    case 6:
    case 7:
        nvme_completion(d, p, cqe);
        break;
    default:
        some_command(d, g, admin, sqe);
        nvme_offer(d, p, sqe);
    }
}

TEST(random_drivers_do_no_harm)
{
    struct rng g;
    struct error e = {""};
    disks[0] = test_disk(256 * 1024);
    disks[1] = test_disk(128 * 1024);
    rng_seed(&g, test_seed());
    for (unsigned i = 0; i < 300 * test_scale(); i++) {
        struct rig r;
        struct nvme_drv d;
        uint8_t sqe[SQE_BYTES];
        rig_open(&r);
        r.m->backends.drive = give_disk;
        REQUIRE(rig_device(&r, &nvme_class, "pcie.0", &e, "addr=4", "serial=1", "drive=d",
                           "max_ioqpairs=3", NULL));
        REQUIRE(rig_device(&r, &nvme_ns_class, "nvme-bus.0", &e, "drive=d", NULL));
        nvme_drv_open(&d, &r, 0x20, rng_below(&g, 2));
        CHECK(nvme_drv_enable(&d));
        for (unsigned n = 0; n < 400; n++) {
            one_action(&d, &g);
            if (n % 200 == 150) {
                test_states_load(r.m);
            }
        }
        nvme_reg_set(&d, NVME_INTMC, 4, UINT32_MAX);
        REQUIRE(nvme_drv_enable(&d));
        nvme_drv_make_io(&d);
        nvme_sqe(&d, sqe, 2, 1);
        CHECK_EQ(nvme_command(&d, &d.io, sqe, NULL), NVME_OK);
        rig_close(&r);
    }
    block_close(disks[0]);
    block_close(disks[1]);
}
