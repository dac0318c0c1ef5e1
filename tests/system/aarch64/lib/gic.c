/* SPDX-License-Identifier: MIT */
/* See gic.h. */
#include "tests/system/aarch64/lib/gic.h"

/* Distributor; of GICv3 also the SGI frame of a redistributor has these. */
enum {
    CTLR = 0x0,
    TYPER = 0x4,
    IGROUPR = 0x80,
    ISENABLER = 0x100,
    ICENABLER = 0x180,
    ISPENDR = 0x200,
    ICPENDR = 0x280,
    ISACTIVER = 0x300,
    ICACTIVER = 0x380,
    IPRIORITYR = 0x400,
    ITARGETSR = 0x800,
    ICFGR = 0xc00,
    SGIR = 0xf00,
    IROUTER = 0x6000
};

/* CPU interface of GICv2 */
enum {
    GICC_CTLR = 0,
    GICC_PMR = 4,
    GICC_IAR = 0xc,
    GICC_EOIR = 0x10,
    GICC_RPR = 0x14,
    GICC_HPPIR = 0x18,
    GICC_DIR = 0x1000
};

#define GICR_STRIDE 0x20000ull
#define GICR_WAKER 0x14
#define GICR_SGI 0x10000ull

unsigned gic_version(void)
{
    return READ(id_aa64pfr0_el1) >> 24 & 15 ? 3 : 2;
}

/* Where the registers of id are. */
static u64 frame_of(unsigned id)
{
    return gic_version() == 3 && id < 32 ? GICR + GICR_STRIDE * this_cpu()->number + GICR_SGI
                                         : GICD;
}

static void set_bit(unsigned bank, unsigned id)
{
    write32(frame_of(id) + bank + id / 32 * 4, 1u << id % 32);
    dsb();
}

static bool get_bit(unsigned bank, unsigned id)
{
    return read32(frame_of(id) + bank + id / 32 * 4) >> id % 32 & 1;
}

unsigned gic_lines(void)
{
    return 32 * ((read32(GICD + TYPER) & 31) + 1);
}

void gic_start(void)
{
    unsigned lines = gic_lines();
    write32(GICD + CTLR, 0);
    for (unsigned id = 32; id < lines; id += 32) {
        write32(GICD + ICENABLER + id / 8, UINT32_MAX);
        write32(GICD + ICPENDR + id / 8, UINT32_MAX);
        write32(GICD + ICACTIVER + id / 8, UINT32_MAX);
        write32(GICD + IGROUPR + id / 8, gic_version() == 3 ? UINT32_MAX : 0);
    }
    for (unsigned id = 32; id < lines && id < 1020; id++) {
        gic_set_priority(id, 0xa0);
        gic_set_edge(id, false);
        gic_route(id, 0);
    }
    write32(GICD + CTLR,
            gic_version() == 3 ? 1 << 4 | 1 << 1 : 1); /* ARE and group 1; or group 0 */
    gic_start_cpu();
}

static void start_cpu_v3(void)
{
    u64 frame = GICR + GICR_STRIDE * this_cpu()->number;
    write32(frame + GICR_WAKER, read32(frame + GICR_WAKER) & ~2u);
    while (read32(frame + GICR_WAKER) & 4) {
    }
    write32(frame + GICR_SGI + IGROUPR, UINT32_MAX);
    WRITE(icc_sre_el1, 7);
    isb();
    WRITE(icc_bpr1_el1, 0);
    WRITE(icc_ctlr_el1, 0);
    WRITE(icc_igrpen1_el1, 1);
    isb();
}

void gic_start_cpu(void)
{
    u64 frame = frame_of(0);
    write32(frame + ICENABLER, UINT32_MAX);
    write32(frame + ICPENDR, UINT32_MAX);
    write32(frame + ICACTIVER, UINT32_MAX);
    if (gic_version() == 3) {
        start_cpu_v3();
    } else {
        write32(GICC + GICC_CTLR, 1);
    }
    for (unsigned id = 0; id < 32; id++) {
        gic_set_priority(id, 0xa0);
    }
    gic_mask(0xf8);
    dsb();
}

void gic_enable(unsigned id)
{
    set_bit(ISENABLER, id);
}

void gic_disable(unsigned id)
{
    set_bit(ICENABLER, id);
}

bool gic_enabled(unsigned id)
{
    return get_bit(ISENABLER, id);
}

void gic_set_pending(unsigned id)
{
    set_bit(ISPENDR, id);
}

void gic_clear_pending(unsigned id)
{
    set_bit(ICPENDR, id);
}

bool gic_pending(unsigned id)
{
    return get_bit(ISPENDR, id);
}

void gic_set_active(unsigned id, bool active)
{
    set_bit(active ? ISACTIVER : ICACTIVER, id);
}

bool gic_active(unsigned id)
{
    return get_bit(ISACTIVER, id);
}

void gic_set_priority(unsigned id, unsigned priority)
{
    STORE((u8 *)(frame_of(id) + IPRIORITYR + id), (u8)priority);
    dsb();
}

unsigned gic_priority(unsigned id)
{
    return LOAD((u8 *)(frame_of(id) + IPRIORITYR + id));
}

void gic_set_edge(unsigned id, bool edge)
{
    u64 a = frame_of(id) + ICFGR + id / 16 * 4;
    u32 bit = 2u << 2 * (id % 16);
    write32(a, (read32(a) & ~bit) | (edge ? bit : 0));
    dsb();
}

void gic_route(unsigned id, unsigned cpu)
{
    if (gic_version() == 3) {
        STORE((u64 *)(GICD + IROUTER + 8 * id), (u64)cpu);
    } else {
        STORE((u8 *)(GICD + ITARGETSR + id), (u8)(1u << cpu));
    }
    dsb();
}

/* ---- CPU interface */

unsigned gic_acknowledge(void)
{
    if (gic_version() == 3) {
        u64 id = READ(icc_iar1_el1);
        dsb();
        return (unsigned)id;
    }
    u32 iar = read32(GICC + GICC_IAR), id = iar & 1023;
    if (id < 16) { /* it must be ended with its source */
        this_cpu()->sgi_source[id] = iar & (7u << 10);
    }
    return id;
}

void gic_end(unsigned id)
{
    if (gic_version() == 3) {
        WRITE(icc_eoir1_el1, id);
        isb();
    } else {
        write32(GICC + GICC_EOIR, id | (id < 16 ? this_cpu()->sgi_source[id] : 0));
    }
}

void gic_deactivate(unsigned id)
{
    if (gic_version() == 3) {
        WRITE(icc_dir_el1, id);
        isb();
    } else {
        write32(GICC + GICC_DIR, id | (id < 16 ? this_cpu()->sgi_source[id] : 0));
    }
}

void gic_split_mode(bool on)
{
    if (gic_version() == 3) {
        WRITE(icc_ctlr_el1, (u64)on << 1);
        isb();
    } else {
        write32(GICC + GICC_CTLR, 1 | (u32)on << 9);
    }
}

void gic_mask(unsigned priority)
{
    if (gic_version() == 3) {
        WRITE(icc_pmr_el1, priority);
        isb();
    } else {
        write32(GICC + GICC_PMR, priority);
    }
}

unsigned gic_running_priority(void)
{
    return gic_version() == 3 ? (unsigned)READ(icc_rpr_el1) & 255 : read32(GICC + GICC_RPR) & 255;
}

unsigned gic_highest_pending(void)
{
    return gic_version() == 3 ? (unsigned)READ(icc_hppir1_el1) & 0xffffff
                              : read32(GICC + GICC_HPPIR) & 1023;
}

void gic_send(unsigned sgi, unsigned cpu)
{
    dsb();
    if (gic_version() == 3) {
        WRITE(icc_sgi1r_el1, (u64)sgi << 24 | 1ull << cpu);
        isb();
    } else {
        write32(GICD + SGIR, 1u << (16 + cpu) | sgi);
    }
}

void gic_send_others(unsigned sgi)
{
    dsb();
    if (gic_version() == 3) {
        WRITE(icc_sgi1r_el1, (u64)sgi << 24 | 1ull << 40);
        isb();
    } else {
        write32(GICD + SGIR, 1u << 24 | sgi);
    }
}
