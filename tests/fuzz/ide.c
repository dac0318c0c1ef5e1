/* SPDX-License-Identifier: MIT */
/*
 * Hostile drivers of IDE, AHCI and floppy controllers: registers at any time, commands of any
 * contents, often nearly good ones, with tables and addresses everywhere. Nothing crashes, no state
 * is made that cannot be loaded, and after a reset a sector can be read.
 */
#include "base/bits.h"
#include "base/mem.h"
#include "base/rng.h"
#include "block/block.h"
#include "hw/ide/ide_channel.h"
#include "tests/support/ahci_rig.h"
#include "tests/support/machine.h"
#include "tests/test.h"

enum {
    ACTIONS = 300,
};

static uint64_t some_address(struct ide_rig *s, struct rng *g)
{
    switch (rng_below(g, 8)) {
    case 0:
        return rng_u64(g);
    case 1:
        return RIG_RAM + RIG_RAM_BYTES - rng_below(g, 8192);
    case 2:
        return AHCI_BAR + rng_below(g, 0x1000);
    case 3:
        return s->table + rng_below(g, 65536);
    default:
        return s->data + rng_below(g, 1 << 19);
    }
}

static uint8_t some_code(struct rng *g)
{
    static const uint8_t codes[] = {0x20, 0x24, 0x25, 0x29, 0xc4, 0xc8, 0x30, 0x34, 0x35, 0x39,
                                    0xc5, 0xca, 0xce, 0x40, 0x42, 0xe7, 0xea, 0x06, 0xa0, 0xa0,
                                    0xa1, 0xec, 0xef, 0xe0, 0xe5, 0xf8, 0x27, 0xb0, 0x2f, 0x47,
                                    0x60, 0x61, 0xc6, 0x91, 0x90, 0x08, 0x10};
    return rng_below(g, 8) ? codes[rng_below(g, sizeof(codes))] : (uint8_t)rng_u64(g);
}

static void some_packet(struct rng *g, uint8_t *p)
{
    static const uint8_t opcodes[] = {0x00, 0x03, 0x12, 0x1b, 0x1e, 0x25, 0x28, 0x28, 0xa8, 0x43,
                                      0x46, 0x4a, 0x51, 0x55, 0x5a, 0xad, 0xbd, 0xbe, 0xbb, 0x15};
    memset(p, 0, 12);
    p[0] = rng_below(g, 8) ? opcodes[rng_below(g, sizeof(opcodes))] : (uint8_t)rng_u64(g);
    for (unsigned i = 1; i < 12; i++) {
        p[i] = (uint8_t)(rng_below(g, 3) ? 0 : rng_below(g, 4) ? rng_below(g, 40) : rng_u64(g));
    }
}

static struct ide_regs some_regs(struct rng *g)
{
    struct ide_regs r = {.command = some_code(g),
                         .device = (uint8_t)(rng_below(g, 2) ? 0x40 : rng_u64(g)),
                         .features = (uint16_t)(rng_below(g, 2) ? 1 : rng_u64(g)),
                         .count = (uint16_t)rng_below(g, 12),
                         .lba = rng_below(g, 9000),
                         .ext = rng_below(g, 2)};
    if (rng_below(g, 8) == 0) {
        r.count = (uint16_t)rng_u64(g);
        r.lba = rng_u64(g) & mask64(48);
    }
    if (r.command == 0xb0) {
        r.lba = 0xc24f00 | rng_below(g, 8);
        r.features = (uint16_t)(0xd0 + rng_below(g, 12));
    }
    return r;
}

/* Entries of 8 bytes for a bus master, or of 16 for an adapter, of any sense. */
static void some_table(struct ide_rig *s, struct rng *g, paddr at)
{
    for (unsigned i = 0; i < 12; i++) {
        uint8_t *p = rig_host(&s->r, at + 8 * i);
        store_le32(p, (uint32_t)some_address(s, g));
        store_le32(p + 4, (uint32_t)(rng_below(g, 3) ? rng_below(g, 70000) : rng_u64(g)));
    }
}

/* ---- parallel */

static void piix_action(struct ide_rig *s, struct rng *g)
{
    const unsigned base = rng_below(g, 2) ? 0x1f0 : 0x170;
    const paddr bm = s->bm + (base == 0x170 ? 8 : 0);
    struct ide_regs r;
    uint8_t packet[12];
    switch (rng_below(g, 12)) {
    case 0:
        ide_out(s, base + (unsigned)rng_below(g, 8), 1u << rng_below(g, 3), (uint32_t)rng_u64(g));
        break;
    case 1:
        ide_out(s, base + 0x206, 1, (uint32_t)(rng_below(g, 3) ? 0 : rng_u64(g)));
        break;
    case 2:
        ide_in(s, base + (unsigned)rng_below(g, 8), 1u << rng_below(g, 3));
        break;
    case 3:
        rig_store(&s->r, bm + rng_below(g, 8), 1, rng_u64(g) & 0xff);
        break;
    case 4:
        some_table(s, g, s->table + 8 * rng_below(g, 4));
        rig_store(&s->r, bm + 4, 4, (uint32_t)(rng_below(g, 4) ? s->table : some_address(s, g)));
        break;
    case 5:
        rig_store(&s->r, bm, 1, 1 | (rng_below(g, 2) ? 8 : 0));
        break;
    case 6:
    case 7:
        for (unsigned i = 0; i < 300; i++) {
            ide_in(s, base, 2);
            ide_out(s, base, 2, (uint32_t)rng_u64(g));
        }
        break;
    case 8:
        some_packet(g, packet);
        for (unsigned i = 0; i < 12; i += 2) {
            ide_out(s, base, 2, load_le16(packet + i));
        }
        break;
    default:
        r = some_regs(g);
        ide_start(s, base, &r);
    }
}

TEST(random_drivers_of_a_parallel_channel_do_no_harm)
{
    struct rng g;
    rng_seed(&g, test_seed());
    for (unsigned i = 0; i < 100 * test_scale(); i++) {
        struct ide_rig s;
        ide_rig_open(&s, rng_below(&g, 4) == 0);
        ide_rig_piix(&s);
        ide_rig_drive(&s, &ide_hd_class, "ide.0", "drive=disk", NULL);
        ide_rig_drive(&s, &ide_cd_class, "ide.0", "drive=cd", NULL);
        ide_rig_drive(&s, &ide_cd_class, "ide.1", NULL, NULL);
        for (unsigned n = 0; n < ACTIONS; n++) {
            piix_action(&s, &g);
            if (s.r.m->config.counted) {
                clock_manual_advance(s.r.m->clock, rng_below(&g, 200000));
            }
            if (n % 100 == 50) {
                test_states_load(s.r.m);
            }
        }
        ide_out(&s, 0x3f6, 1, 4);
        ide_out(&s, 0x3f6, 1, 0);
        const struct ide_regs r = {.command = 0x20, .device = 0xe0, .count = 1, .lba = 100};
        CHECK_EQ(ide_pio_in(&s, 0x1f0, &r, 512), ATA_READY);
        ide_rig_close(&s);
    }
}

/* ---- serial */

static void put_command(struct ahci_drv *d, struct rng *g)
{
    struct ide_rig *s = d->s;
    const unsigned slot = (unsigned)rng_below(g, 6);
    uint8_t packet[12];
    const struct ahci_io io = {.regs = some_regs(g),
                               .packet = rng_below(g, 2) ? packet : NULL,
                               .memory = some_address(s, g),
                               .n = (uint32_t)rng_below(g, 20000),
                               .piece = 200 + (uint32_t)rng_below(g, 4096)};
    some_packet(g, packet);
    ahci_put(d, slot, &io);
    uint8_t *header = rig_host(&s->r, d->list + 32 * (paddr)slot);
    uint8_t *fis = rig_host(&s->r, d->tables + 4096 * (paddr)slot);
    if (rng_below(g, 6) == 0) {
        header[rng_below(g, 32)] = (uint8_t)rng_u64(g);
    }
    if (rng_below(g, 6) == 0) {
        fis[rng_below(g, 20)] = (uint8_t)rng_u64(g);
    }
    if (rng_below(g, 6) == 0) {
        some_table(s, g, d->tables + 4096 * (paddr)slot + 0x80);
    }
    if (rng_below(g, 2)) {
        ahci_reg_set(d, AHCI_PX_SACT, 1u << slot);
    }
    ahci_reg_set(d, AHCI_PX_CI, 1u << slot);
}

static void ahci_action(struct ahci_drv *d, struct rng *g)
{
    switch (rng_below(g, 16)) {
    case 0:
        ahci_reg_set(d, (unsigned)rng_below(g, 32) * 4, (uint32_t)rng_u64(g));
        break;
    case 1:
        ahci_hba_set(d->s, (unsigned)rng_below(g, 12) * 4, (uint32_t)rng_u64(g));
        break;
    case 2:
        ahci_restart(d);
        break;
    case 3:
        ahci_reg_set(d, AHCI_PX_SCTL, (uint32_t)rng_below(g, 5));
        break;
    case 4:
        ahci_reg(d, (unsigned)rng_below(g, 32) * 4);
        break;
    case 5:
        ahci_reg_set(d, AHCI_PX_CLB, (uint32_t)d->list);
        ahci_reg_set(d, AHCI_PX_CLB + 4, 0);
        ahci_reg_set(d, AHCI_PX_CMD, AHCI_CMD_FRE | AHCI_CMD_ST);
        break;
    default:
        put_command(d, g);
    }
}

TEST(random_drivers_of_an_ahci_adapter_do_no_harm)
{
    struct rng g;
    rng_seed(&g, test_seed());
    for (unsigned i = 0; i < 100 * test_scale(); i++) {
        struct ide_rig s;
        struct ahci_drv d[2];
        ahci_rig_open(&s, rng_below(&g, 4) == 0, rng_below(&g, 2));
        ide_rig_drive(&s, &ide_hd_class, "ide.0", "drive=disk", NULL);
        ide_rig_drive(&s, &ide_cd_class, "ide.1", "drive=cd", NULL);
        ahci_drv_open(&d[0], &s, 0);
        ahci_drv_open(&d[1], &s, 1);
        for (unsigned n = 0; n < ACTIONS; n++) {
            ahci_action(&d[rng_below(&g, 3) == 0], &g);
            if (s.r.m->config.counted) {
                clock_manual_advance(s.r.m->clock, rng_below(&g, 200000));
            }
            if (n % 100 == 50) {
                test_states_load(s.r.m);
            }
        }
        s.r.next = RIG_RAM + 0x400000;
        ahci_drv_open(&d[0], &s, 0);
        const struct ahci_io log = {
            .regs = {.command = 0x2f, .device = 0x40, .lba = 0x10, .count = 1},
            .memory = s.data,
            .n = 512};
        CHECK_EQ(ahci_do(&d[0], &log), ATA_READY);
        ide_rig_close(&s);
    }
}
