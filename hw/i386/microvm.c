/* SPDX-License-Identifier: MIT */
/*
 * The board microvm: a PC without PCI, whose devices are virtio's in memory. Its map is QEMU's.
 * Without ACPI the kernel finds them by what is added to its command line; the second I/O APIC is
 * for their interrupts. Not modelled: pcie=on, SMM, firmware together with -kernel.
 */
#include "hw/i386/microvm.h"

#include <inttypes.h>

#include "base/bits.h"
#include "base/mem.h"
#include "hw/acpi/ged.h"
#include "hw/acpi/sleep.h"
#include "hw/firmware.h"
#include "hw/i386/mptable.h"
#include "hw/intc/ioapic.h"
#include "hw/virtio/virtio_mmio.h"

/* ---- properties */

static const char *const on_off_auto[] = {"auto", "on", "off", NULL};

#define SWITCH(name, member, desc)                                                                 \
    {                                                                                              \
        name, PROP_ENUM, offsetof(struct microvm, member), "auto", desc, on_off_auto               \
    }
#define BOOL_PROP(name, member, desc)                                                              \
    {                                                                                              \
        name, PROP_BOOL, offsetof(struct microvm, member), "on", desc, NULL                        \
    }

static const struct prop microvm_props[] = {
    SWITCH("acpi", acpi, "ACPI tables; auto means on"),
    SWITCH("ioapic2", ioapic2,
           "a second I/O APIC, and 24 places for virtio in place of 8; auto: "
           "as acpi"),
    SWITCH("pcie", pcie, "PCI Express (not modelled); auto means off"),
    SWITCH("pic", pic, "8259 interrupt controllers; auto means on"),
    SWITCH("pit", pit, "8254 timer; auto means on"),
    SWITCH("rtc", rtc, "MC146818 real time clock; auto means on"),
    BOOL_PROP("auto-kernel-cmdline", auto_cmdline,
              "virtio devices are added to the command line of a kernel without ACPI"),
    BOOL_PROP("isa-serial", isa_serial, "a 16550 at port 0x3f8"),
    BOOL_PROP("x-option-roms", option_roms, "accepted; there are none without firmware"),
    {"x-oem-id", PROP_STRING, offsetof(struct microvm, oem_id), "BOCHS ",
     "maker of the ACPI tables, up to 6 characters", NULL},
    {"x-oem-table-id", PROP_STRING, offsetof(struct microvm, oem_table_id), "BXPC    ",
     "their name, up to 8 characters", NULL},
    PROP_END,
};

/* ---- devices */

static bool has_acpi(const struct microvm *v)
{
    return microvm_is_on(v->acpi);
}

static bool has_second(const struct microvm *v)
{
    return v->ioapic2 == MICROVM_ON || (v->ioapic2 == MICROVM_AUTO && has_acpi(v));
}

static bool add_virtio(struct machine *m, struct error *e)
{
    struct microvm *v = microvm_of(m);
    v->slots = has_second(v) ? MICROVM_SLOTS : 8;
    v->first_gsi = has_second(v) ? IOAPIC_PINS : has_acpi(v) ? 16 : 5;
    for (unsigned i = 0; i < v->slots; i++) {
        struct device *d = device_new(&virtio_mmio_class, m, NULL);
        virtio_mmio_set_index(d, i);
        d->irq[0] = pc_gsi(&v->pc, v->first_gsi + i);
        if (!device_create(d, e)) {
            device_free(d);
            return false;
        }
        virtio_mmio_map(d, m->memory, MICROVM_VIRTIO + i * VIRTIO_MMIO_BYTES);
        v->virtio[i] = d;
    }
    return true;
}

static bool add_events(struct microvm *v, struct error *e)
{
    if (!has_acpi(v)) {
        return true;
    }
    v->ged = pc_add(&v->pc, &ged_class, false, MICROVM_GED, e);
    v->sleep = v->ged ? pc_add(&v->pc, &acpi_sleep_class, false, MICROVM_SLEEP, e) : NULL;
    if (v->ged) {
        v->ged->irq[0] = pc_gsi(&v->pc, MICROVM_GED_GSI);
    }
    return v->sleep;
}

static bool microvm_build(struct machine *m, struct error *e)
{
    struct microvm *v = microvm_of(m);
    const struct pc_parts parts = {.pic = microvm_is_on(v->pic),
                                   .pit = microvm_is_on(v->pit),
                                   .rtc = microvm_is_on(v->rtc),
                                   .ioapics = has_second(v) ? 2 : 1,
                                   .serials = v->isa_serial ? 1 : 0};
    if (v->pcie == MICROVM_ON) {
        return error_set(e, "machine 'microvm': pcie=on: it has no PCI; only pcie=off is possible");
    }
    space_begin(m->memory);
    const bool good = pc_build(m, &v->pc, &parts, e) && add_events(v, e) && add_virtio(m, e);
    space_commit(m->memory);
    return good;
}

/* ---- what a kernel is told */

/* A kernel without ACPI finds virtio devices by parameters of its driver. */
static void make_append(struct machine *m)
{
    struct microvm *v = microvm_of(m);
    struct strbuf s = {0};
    strbuf_printf(&s, "%s", m->config.append ? m->config.append : "");
    for (unsigned i = 0; i < v->slots && v->auto_cmdline && !has_acpi(v); i++) {
        if (virtio_mmio_in_use(v->virtio[i])) {
            strbuf_printf(&s, " virtio_mmio.device=%u@0x%" PRIx64 ":%u", VIRTIO_MMIO_BYTES,
                          MICROVM_VIRTIO + i * VIRTIO_MMIO_BYTES, v->first_gsi + i);
        }
    }
    v->append = strbuf_take(&s);
}

/* Systems look for an MP table in the last 64 KiB below 1 MiB. */
#define MP_TABLE UINT64_C(0xf0000)

static bool add_tables(struct machine *m, struct error *e)
{
    const struct microvm *v = microvm_of(m);
    struct placement p = {.what = "the ACPI tables", .base = PC_TABLES};
    size_t n;
    if (has_acpi(v)) {
        p.bytes = microvm_acpi(m, &n);
    } else {
        p.what = "the MP configuration table";
        p.base = MP_TABLE;
        p.bytes = mptable_make(m, v->pc.ioapic[1] ? 2 : 1, MP_TABLE, &n);
    }
    p.size = n;
    if (n > PC_TABLES_END - p.base) {
        mem_free(p.bytes);
        return error_set(e, "%s have %zu bytes; there is room for %u", p.what, n,
                         (unsigned)(PC_TABLES_END - p.base));
    }
    return placements_add(&m->placements, &p, e);
}

static bool microvm_finish(struct machine *m, struct error *e)
{
    struct microvm *v = microvm_of(m);
    make_append(m);
    if (m->config.bios) {
        return pc_load(&v->pc, NULL, 0, e) && (!has_acpi(v) || microvm_acpi_add(m, e)) &&
               fw_cfg_add_boot(v->pc.fw_cfg, m, e);
    }
    return fw_cfg_add_boot(v->pc.fw_cfg, m, e) && add_tables(m, e) &&
           pc_load(&v->pc, v->append, has_acpi(v) ? PC_TABLES : 0, e);
}

/* ---- life */

static void microvm_reset(struct machine *m)
{
    pc_reset(&microvm_of(m)->pc);
}

static void microvm_destroy(struct machine *m)
{
    struct microvm *v = microvm_of(m);
    pc_destroy(&v->pc);
    mem_free(v->append);
}

static void microvm_power_button(struct machine *m)
{
    const struct microvm *v = microvm_of(m);
    if (v->ged) {
        ged_raise(v->ged, GED_POWER_DOWN);
    }
}

static struct bus *microvm_default_bus(struct machine *m, enum bus_kind kind)
{
    struct microvm *v = microvm_of(m);
    if (kind == BUS_ISA) {
        return &v->pc.isa.bus;
    }
    /* The free transport with the highest address, as guests of QEMU expect. */
    for (unsigned i = v->slots; kind == BUS_VIRTIO && i-- > 0;) {
        if (!virtio_mmio_in_use(v->virtio[i])) {
            return virtio_mmio_bus(v->virtio[i]);
        }
    }
    return NULL;
}

static const struct cpu_class *const cpus_64[] = {&x86_cpu_class, NULL};
static const struct cpu_class *const cpus_32[] = {&x86_i386_cpu_class, NULL};

/* The same board for both programs. */
#define MICROVM(arch_, cpus_, default_cpu_)                                                        \
    {                                                                                              \
        .name = "microvm", .desc = "PC without PCI, with virtio devices in memory", .arch = arch_, \
        .cpu_classes = cpus_, .default_cpu = default_cpu_,                                         \
        .default_ram_bytes = UINT64_C(128) << 20, .max_cpus = 255,                                 \
        .board_size = sizeof(struct microvm), .props = microvm_props, .build = microvm_build,      \
        .finish = microvm_finish, .reset = microvm_reset, .destroy = microvm_destroy,              \
        .power_button = microvm_power_button, .default_bus = microvm_default_bus,                  \
        .default_net_device = "virtio-net-device", .default_disk_interface = "virtio",             \
        .initrd_has_modules = true                                                                 \
    }

const struct machine_class microvm_machine_class = MICROVM("x86_64", cpus_64, "qemu64");
const struct machine_class microvm_i386_machine_class = MICROVM("i386", cpus_32, "qemu32");
#undef MICROVM
