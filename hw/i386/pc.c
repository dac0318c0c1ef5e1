/* SPDX-License-Identifier: MIT */
/* What all PCs have: see pc.h. */
#include "hw/i386/pc.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/bits.h"
#include "base/mem.h"
#include "hw/char/serial16550.h"
#include "hw/i386/pc_kernel.h"
#include "hw/intc/i8259.h"
#include "hw/intc/ioapic.h"
#include "hw/intc/lapic.h"
#include "hw/nvram/fw_cfg.h"
#include "hw/rtc/mc146818.h"
#include "hw/timer/i8254.h"

#define GIB (UINT64_C(1) << 30)
#define FW_CFG_PORTS 0x510
#define DISPLAY_HOLE UINT64_C(0xa0000)
#define DISPLAY_HOLE_END UINT64_C(0xc0000)
#define BIOS_LOW_BYTES 0x20000u /* of its end, also below 1 MiB */
#define BIOS_MOST (UINT64_C(16) << 20)

/* ---- devices */

/* Creates d and gives it, or frees it. */
static struct device *complete(struct device *d, struct error *e)
{
    if (!device_create(d, e)) {
        device_free(d);
        return NULL;
    }
    return d;
}

struct device *pc_add(struct pc *pc, const struct device_class *cls, bool ports, paddr base,
                      struct error *e)
{
    struct device *d = complete(device_new(cls, pc->machine, NULL), e);
    if (d) {
        device_map(d, ports ? pc->ports : pc->machine->memory, base);
    }
    return d;
}

static void gsi_set(void *opaque, int n, int level)
{
    const struct pc *pc = opaque;
    struct device *io = pc->ioapic[n / IOAPIC_PINS];
    if (n < 16 && pc->pic) {
        const struct irq line = i8259_line(pc->pic, (unsigned)n);
        irq_set(&line, level);
    }
    if (io) {
        const struct irq pin = ioapic_pin(io, n == 0 ? 2 : (unsigned)n % IOAPIC_PINS);
        irq_set(&pin, level);
    }
}

struct irq pc_gsi(struct pc *pc, unsigned n)
{
    assert(n < PC_IOAPICS * IOAPIC_PINS);
    return (struct irq){gsi_set, pc, (int)n};
}

static bool add_pic(struct pc *pc, struct error *e)
{
    pc->pic = complete(device_new(&i8259_class, pc->machine, NULL), e);
    if (pc->pic) {
        i8259_map(pc->pic, pc->ports);
        pc->pic->irq[0] = lapic_lint0(pc->lapic);
        lapic_connect_extint(pc->lapic, i8259_acknowledge, pc->pic);
    }
    return pc->pic;
}

static bool add_ioapic(struct pc *pc, unsigned n, struct error *e)
{
    struct device *d = complete(device_new(&ioapic_class, pc->machine, NULL), e);
    if (d) {
        ioapic_connect(d, pc->lapic);
        ioapic_map(d, pc->machine->memory, PC_IOAPIC_BASE(n));
    }
    pc->ioapic[n] = d;
    return d;
}

static bool add_pit(struct pc *pc, struct error *e)
{
    pc->pit = complete(device_new(&i8254_class, pc->machine, NULL), e);
    if (pc->pit) {
        i8254_map(pc->pit, pc->ports);
        pc->pit->irq[0] = pc_gsi(pc, 0);
    }
    return pc->pit;
}

static bool add_rtc(struct pc *pc, struct error *e)
{
    pc->rtc = complete(device_new(&mc146818_class, pc->machine, NULL), e);
    if (pc->rtc) {
        mc146818_map(pc->rtc, pc->ports);
        pc->rtc->irq[0] = pc_gsi(pc, 8);
    }
    return pc->rtc;
}

static bool add_serial(struct pc *pc, unsigned n, struct error *e)
{
    const struct machine_backends *b = &pc->machine->backends;
    struct stream *s = b->serial ? b->serial(b->opaque, n) : NULL;
    if (!s && n > 0) {
        return true;
    }
    char index[12];
    struct device *d = device_new(&serial16550_class, pc->machine, NULL);
    d->bus = &pc->isa.bus;
    serial16550_set_stream(d, s);
    snprintf(index, sizeof(index), "%u", n);
    if (!device_set_fixed(d, "index", index, e)) {
        device_free(d);
        return false;
    }
    pc->serial[n] = complete(d, e);
    return pc->serial[n];
}

static bool add_fw_cfg(struct pc *pc, struct error *e)
{
    const struct machine_config *c = &pc->machine->config;
    pc->fw_cfg = pc_add(pc, &fw_cfg_io_class, true, FW_CFG_PORTS, e);
    if (!pc->fw_cfg) {
        return false;
    }
    fw_cfg_add_u16(pc->fw_cfg, FW_CFG_NB_CPUS, (uint16_t)c->cpus);
    fw_cfg_add_u16(pc->fw_cfg, FW_CFG_MAX_CPUS, (uint16_t)c->max_cpus);
    fw_cfg_add_u64(pc->fw_cfg, FW_CFG_RAM_SIZE, c->ram_bytes);
    return true;
}

static bool add_devices(struct pc *pc, const struct pc_parts *parts, struct error *e)
{
    for (unsigned n = 0; n < parts->ioapics; n++) {
        if (!add_ioapic(pc, n, e)) {
            return false;
        }
    }
    if ((parts->pic && !add_pic(pc, e)) || (parts->pit && !add_pit(pc, e)) ||
        (parts->rtc && !add_rtc(pc, e)) || !add_fw_cfg(pc, e)) {
        return false;
    }
    for (unsigned n = 0; n < parts->serials; n++) {
        if (!add_serial(pc, n, e)) {
            return false;
        }
    }
    return true;
}

/* ---- CPUs and memory */

static void nmi(void *opaque)
{
    x86_send_nmi(opaque);
}

static void init(void *opaque)
{
    x86_send_init(opaque);
}

static void smi(void *opaque)
{
    x86_send_smi(opaque);
}

static void startup(void *opaque, uint8_t vector)
{
    x86_send_startup(opaque, vector);
}

static bool add_lapic(struct pc *pc, struct error *e)
{
    char count[12];
    struct device *d = device_new(&lapic_class, pc->machine, NULL);
    snprintf(count, sizeof(count), "%u", pc->machine->config.cpus);
    if (!device_set_fixed(d, "num-cpu", count, e)) {
        device_free(d);
        return false;
    }
    pc->lapic = complete(d, e);
    if (pc->lapic) {
        lapic_map(pc->lapic, pc->machine->memory);
    }
    return pc->lapic;
}

static bool add_cpus(struct pc *pc, struct error *e)
{
    struct machine *m = pc->machine;
    for (unsigned i = 0; i < m->config.cpus; i++) {
        struct vcpu *v = machine_add_vcpu(m, m->cls->cpu_classes[0], e);
        if (!v) {
            return false;
        }
        v->spaces[X86_SPACE_PORTS] = pc->ports;
        x86_set_apic(v, lapic_table(pc->lapic));
        x86_set_cpu_count(v, m->config.cpus);
        x86_set_boot(v, X86_BOOT_STARTUP);
        x86_set_seed(v, rng_u64(&m->rng));
        lapic_connect(
            pc->lapic, i,
            &(struct lapic_cpu_wires){vcpu_irq(v, X86_LINE_INTR), nmi, init, startup, v, smi});
    }
    return true;
}

static void show_ram(struct pc *pc, const char *name, paddr base, uint64_t size, uint64_t offset)
{
    struct machine *m = pc->machine;
    space_add(
        m->memory,
        &(struct mem_range){
            .base = base, .size = size, .kind = RANGE_RAM, .name = name, .host = m->ram + offset});
}

static void add_ram(struct pc *pc, const struct pc_parts *parts)
{
    const uint64_t all = pc->machine->config.ram_bytes;
    pc->boot.low_ram = parts->low_ram          ? parts->low_ram
                       : all < PC_LOW_RAM_MOST ? all
                                               : PC_LOW_RAM_MOST;
    pc->boot.high_ram = all - pc->boot.low_ram;
    show_ram(pc, "ram", 0, parts->display_hole ? DISPLAY_HOLE : pc->boot.low_ram, 0);
    if (parts->display_hole) {
        show_ram(pc, "ram", DISPLAY_HOLE_END, pc->boot.low_ram - DISPLAY_HOLE_END,
                 DISPLAY_HOLE_END);
    }
    if (pc->boot.high_ram) {
        show_ram(pc, "ram-above-4g", 4 * GIB, pc->boot.high_ram, pc->boot.low_ram);
    }
}

bool pc_build(struct machine *m, struct pc *pc, const struct pc_parts *parts, struct error *e)
{
    pc->machine = m;
    pc->ports = space_create_beside("ports", m->memory);
    space_set_properties(m->memory, SPACE_ONES);
    space_set_properties(pc->ports, SPACE_ONES);
    isa_bus_init(&pc->isa, m, pc->ports);
    for (unsigned n = 0; n < array_len(pc->isa.irq); n++) {
        pc->isa.irq[n] = pc_gsi(pc, n);
    }
    add_ram(pc, parts);
    return add_lapic(pc, e) && add_cpus(pc, e) && add_devices(pc, parts, e);
}

/* ---- firmware, kernel */

static void add_rom(struct pc *pc, const char *name, paddr base, uint8_t *bytes, uint64_t size)
{
    space_add(pc->machine->memory, &(struct mem_range){.base = base,
                                                       .size = size,
                                                       .kind = RANGE_ROM,
                                                       .priority = 1,
                                                       .name = name,
                                                       .host = bytes});
}

/* It ends at 4 GiB; its last 128 KiB are below 1 MiB as well, in RAM, which firmware writes to. */
static bool load_bios(struct pc *pc, const char *path, struct error *e)
{
    struct image_file f;
    if (!image_open(&f, "-bios", path, e)) {
        return false;
    }
    const uint64_t size = f.size;
    if (size == 0 || size > BIOS_MOST || size % 0x10000) {
        image_close(&f);
        return error_set(e,
                         "-bios %s: %" PRIu64 " bytes; firmware of PCs has a multiple of 64 KiB, "
                         "up to 16 MiB",
                         path, size);
    }
    uint8_t *bytes = image_read_all(&f, "-bios", BIOS_MOST, e);
    image_close(&f);
    if (!bytes) {
        return false;
    }
    pc->rom = os_map_ram(size, e);
    if (!pc->rom) {
        mem_free(bytes);
        return false;
    }
    memcpy(pc->rom, bytes, size);
    mem_free(bytes);
    pc->rom_bytes = size;
    const uint64_t low = size < BIOS_LOW_BYTES ? size : BIOS_LOW_BYTES;
    add_rom(pc, "bios", 4 * GIB - size, pc->rom, size);
    return pc_boot_put(&pc->boot, "the firmware", 0x100000 - low, pc->rom + size - low, low, e);
}

bool pc_add_e820(struct pc *pc, struct error *e)
{
    enum {
        ROW = 20
    };
    const struct pc_boot *boot = &pc->boot;
    const size_t rows = boot->high_ram ? 2 : 1;
    uint8_t *p = mem_alloc(rows * ROW);
    store_le64(p + 8, boot->low_ram);
    store_le32(p + 16, PC_RAM);
    if (boot->high_ram) {
        store_le64(p + ROW, 4 * GIB);
        store_le64(p + ROW + 8, boot->high_ram);
        store_le32(p + ROW + 16, PC_RAM);
    }
    return fw_cfg_add_file(pc->fw_cfg, "etc/e820", p, rows * ROW, e);
}

bool pc_load(struct pc *pc, const char *append, paddr rsdp, struct error *e)
{
    const struct machine_config *c = &pc->machine->config;
    pc->boot.placements = &pc->machine->placements;
    pc->boot.append = append;
    pc->boot.rsdp = rsdp;
    pc->boot.kind = X86_BOOT_PLAIN;
    pc->boot.entry = 0xfff0;
    if (c->bios) {
        return load_bios(pc, c->bios, e) && pc_add_e820(pc, e) && pc_kernel_add(pc, e);
    }
    if (!c->kernel) {
        return (!c->initrd || error_set(e, "-initrd: needs -kernel")) &&
               (!c->append || error_set(e, "-append: needs -kernel"));
    }
    bool is_multiboot;
    return pc_kernel_place_multiboot(pc, &is_multiboot, e) &&
           (is_multiboot || pc_boot_load(&pc->boot, c, e));
}

/* As firmware leaves the 8259s, for a kernel that does without it, and may do without them: with
 * the vectors of DOS, and all inputs masked. */
static void mask_pic(struct pc *pc)
{
    static const uint8_t icw[2][4] = {{0x11, 0x08, 4, 1}, {0x11, 0x70, 2, 1}};
    for (unsigned n = 0; n < 2; n++) {
        const paddr port = n ? 0xa0 : 0x20;
        for (unsigned k = 0; k < 4; k++) {
            space_store(pc->ports, port + (k > 0), 1, icw[n][k]);
        }
        space_store(pc->ports, port + 1, 1, 0xff);
    }
}

void pc_reset(struct pc *pc)
{
    struct machine *m = pc->machine;
    if (pc->boot.kind != X86_BOOT_PLAIN) {
        mask_pic(pc);
    }
    for (unsigned i = 0; i < m->vcpu_count; i++) {
        m->vcpus[i]->powered_off = i > 0;
    }
    x86_set_boot(m->vcpus[0], pc->boot.kind);
    m->vcpus[0]->cls->boot(m->vcpus[0], pc->boot.entry, pc->boot.argument);
}

void pc_destroy(struct pc *pc)
{
    if (pc->rom) {
        os_unmap(pc->rom, pc->rom_bytes);
    }
    if (pc->ports) {
        space_destroy(pc->ports);
    }
}
