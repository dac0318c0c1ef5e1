/* SPDX-License-Identifier: MIT */
/*
 * What the boards pc and q35 tell firmware: the bytes of CMOS memory that PCs have had (Ralf
 * Brown's CMOS list, and SeaBIOS's use of it), and items and files of fw_cfg.
 */
#include "base/bits.h"
#include "base/mem.h"
#include "hw/i386/pc_board.h"
#include "hw/numa.h"
#include "hw/nvram/fw_cfg.h"
#include "hw/rtc/mc146818.h"
#include "hw/smbios/smbios.h"

#define KIB_SHIFT 10
#define UNIT_SHIFT 16 /* of memory from 16 MiB on */
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

/* ---- CMOS memory */

enum {
    CMOS_EQUIPMENT = 0x14,
    CMOS_BASE = 0x15,      /* KiB below 640 KiB */
    CMOS_EXTENDED = 0x17,  /* KiB behind 1 MiB */
    CMOS_EXTENDED2 = 0x30, /* the same */
    CMOS_ABOVE_16M = 0x34, /* in 64 KiB */
    CMOS_BOOT3 = 0x38,     /* the third thing to boot from; bit 0: floppies are not checked */
    CMOS_BOOT = 0x3d,      /* the first two */
    CMOS_ABOVE_4G = 0x5b,  /* in 64 KiB, three bytes */
    CMOS_CPUS = 0x5f       /* less one */
};

enum {
    HAS_FPU = 0x02,
    HAS_MOUSE = 0x04
};

static void set_cmos(struct pc_board *b, unsigned at, unsigned bytes, uint64_t value)
{
    const uint64_t most = mask64(8 * bytes);
    value = value < most ? value : most;
    for (unsigned i = 0; i < bytes; i++) {
        mc146818_set_cmos(b->pc.rtc, at + i, (uint8_t)(value >> 8 * i));
    }
}

/* What firmware calls the kinds of things to boot from. */
static unsigned boot_code(char letter)
{
    switch (letter) {
    case 'a':
        return 1;
    case 'c':
        return 2;
    case 'd':
        return 3;
    case 'n':
        return 4;
    default:
        return 0;
    }
}

void pc_config_set_order(struct pc_board *b, bool again)
{
    const struct firmware_config *f = b->pc.machine->config.firmware;
    const char *order = f && f->order ? f->order : "cad";
    unsigned code[3] = {0};
    order = f && f->once && !again ? f->once : order;
    for (unsigned i = 0; i < 3 && order[i]; i++) {
        code[i] = boot_code(order[i]);
    }
    set_cmos(b, CMOS_BOOT, 1, code[0] | code[1] << 4);
    set_cmos(b, CMOS_BOOT3, 1, code[2] << 4 | (b->boot_check ? 0 : 1));
}

static void fill_cmos(struct pc_board *b)
{
    const struct pc_boot *boot = &b->pc.boot;
    const uint64_t low = boot->low_ram;
    const uint64_t extended = (low - MIB) >> KIB_SHIFT;
    set_cmos(b, CMOS_EQUIPMENT, 1, HAS_FPU | HAS_MOUSE | pc_disks_set_cmos(b));
    set_cmos(b, CMOS_BASE, 2, 640);
    set_cmos(b, CMOS_EXTENDED, 2, extended);
    set_cmos(b, CMOS_EXTENDED2, 2, extended);
    set_cmos(b, CMOS_ABOVE_16M, 2, low > 16 * MIB ? (low - 16 * MIB) >> UNIT_SHIFT : 0);
    set_cmos(b, CMOS_ABOVE_4G, 3, boot->high_ram >> UNIT_SHIFT);
    set_cmos(b, CMOS_CPUS, 1, b->pc.machine->config.cpus - 1);
    pc_config_set_order(b, false);
}

/* ---- fw_cfg */

/* The number of nodes, the node of each CPU, the memory of each node. */
static void add_numa(struct pc_board *b)
{
    const struct machine_config *c = &b->pc.machine->config;
    const struct numa *n = c->numa;
    const unsigned nodes = n ? n->count : 0;
    const size_t words = 1 + c->max_cpus + nodes;
    uint8_t *p = mem_alloc(8 * words);
    store_le64(p, nodes);
    for (unsigned i = 0; i < c->max_cpus && n; i++) {
        store_le64(p + 8 + 8 * (size_t)i, n->cpu_node[i]);
    }
    for (unsigned i = 0; i < nodes; i++) {
        store_le64(p + 8 + 8 * (size_t)(c->max_cpus + i), n->node[i].bytes);
    }
    fw_cfg_add(b->pc.fw_cfg, FW_CFG_NUMA, p, 8 * words);
}

/* S1 to S5 (bit 7: there is such a state, below it the value for PM1): only off. */
static bool add_sleep_states(struct pc_board *b, struct error *e)
{
    static const uint8_t states[6] = {0x80, 0, 0, 1, 2, 0x80};
    return fw_cfg_add_file(b->pc.fw_cfg, "etc/system-states", mem_dup(states, sizeof(states)),
                           sizeof(states), e);
}

/* SeaBIOS also writes what it shows to a serial line. */
static bool add_serial_console(struct pc_board *b, struct error *e)
{
    if (b->graphics && !b->pc.machine->config.no_screen) {
        return true;
    }
    uint8_t *port = mem_alloc(2);
    store_le16(port, 0x3f8);
    return fw_cfg_add_file(b->pc.fw_cfg, "etc/sercon-port", port, 2, e);
}

static bool add_smbios(struct pc_board *b, struct error *e)
{
    const struct machine *m = b->pc.machine;
    const struct smbios_platform p = {.manufacturer = "QEMU", /* by which guests know the board */
                                      .product = b->kind->smbios_product,
                                      .version = m->cls->name,
                                      .ram_bytes = m->config.ram_bytes,
                                      .old_anchor = true};
    return smbios_add(b->pc.fw_cfg, m, &p, e);
}

bool pc_config_add(struct pc_board *b, struct error *e)
{
    struct device *f = b->pc.fw_cfg;
    fill_cmos(b);
    fw_cfg_add_u16(f, FW_CFG_NOGRAPHIC, b->pc.machine->config.no_screen);
    fw_cfg_add_u32(f, FW_CFG_IRQ0_OVERRIDE, 1);
    add_numa(b);
    return pc_add_e820(&b->pc, e) && add_sleep_states(b, e) && add_serial_console(b, e) &&
           add_smbios(b, e);
}
