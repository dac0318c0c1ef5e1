/* SPDX-License-Identifier: MIT */
/* What the boards pc and q35 share: see pc_board.h. */
#include "hw/i386/pc_board.h"

#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "hw/acpi/pm.h"
#include "hw/firmware.h"
#include "hw/i386/pc_kernel.h"
#include "hw/i386/pc_smm.h"
#include "hw/input/i8042.h"
#include "hw/intc/lapic.h"
#include "hw/isa/i8237.h"
#include "hw/pci/pam.h"
#include "hw/timer/hpet.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

/* ---- properties */

static const char *const on_off_auto[] = {"auto", "on", "off", NULL};

#define BOOL_PROP(name, member, desc)                                                              \
    {                                                                                              \
        name, PROP_BOOL, offsetof(struct pc_board, member), "on", desc, NULL                       \
    }

const struct prop pc_board_props[] = {
    {"acpi", PROP_ENUM, offsetof(struct pc_board, acpi), "auto", "ACPI tables; auto means on",
     on_off_auto},
    {"smm", PROP_ENUM, offsetof(struct pc_board, smm_wanted), "auto",
     "system management mode; auto means on", on_off_auto},
    {"vmport", PROP_ENUM, offsetof(struct pc_board, vmport), "auto",
     "port by which guests of VMware ask their hypervisor; auto means on", on_off_auto},
    BOOL_PROP("hpet", hpet_wanted, "high precision event timers"),
    BOOL_PROP("i8042", i8042_wanted, "keyboard controller, with keyboard and mouse"),
    BOOL_PROP("graphics", graphics, "off: firmware's console is the first serial line"),
    BOOL_PROP("fd-bootchk", boot_check, "floppies are checked for a boot sector"),
    BOOL_PROP("pic", pic, "8259 interrupt controllers"),
    BOOL_PROP("pit", pit, "8254 timer"),
    {"max-ram-below-4g", PROP_SIZE, offsetof(struct pc_board, low_ram_limit), NULL,
     "at most so much memory is below 4 GiB; 0: as much as the board has room for", NULL},
    {"x-oem-id", PROP_STRING, offsetof(struct pc_board, oem_id), "BOCHS ",
     "maker of the ACPI tables, up to 6 characters", NULL},
    {"x-oem-table-id", PROP_STRING, offsetof(struct pc_board, oem_table_id), "BXPC    ",
     "their name, up to 8 characters", NULL},
    {"pflash0", PROP_DRIVE, offsetof(struct pc_board, flash_drive[0]), NULL,
     "id of the drive that is the flash with the firmware", NULL},
    {"pflash1", PROP_DRIVE, offsetof(struct pc_board, flash_drive[1]), NULL,
     "id of the drive that is the flash below it", NULL},
    PROP_END,
};

/* ---- memory */

static bool choose_low_ram(const struct machine *m, uint64_t *low, struct error *e)
{
    const struct pc_board *b = pc_board_of(m);
    const uint64_t all = m->config.ram_bytes;
    *low = all < b->kind->low_ram_most ? all : b->kind->low_ram_more;
    if (all < MIB) {
        return error_set(e, "-m: a PC has 1 MiB at least");
    }
    if (b->low_ram_limit && (b->low_ram_limit < MIB || b->low_ram_limit > 4 * GIB - 512 * MIB ||
                             b->low_ram_limit % MIB)) {
        return error_set(e,
                         "machine '%s': max-ram-below-4g=%" PRIu64 ": it is a number of MiB from "
                         "1 to 3584",
                         m->cls->name, b->low_ram_limit);
    }
    if (b->low_ram_limit && all > b->low_ram_limit) {
        *low = *low < b->low_ram_limit ? *low : b->low_ram_limit;
    }
    return true;
}

/* ---- devices */

static void pci_message(void *opaque, uint64_t address, uint32_t data, uint32_t requester)
{
    (void)requester;
    lapic_send_msi(opaque, address, data);
}

static bool add_host(struct pc_board *b, struct error *e)
{
    struct machine *m = b->pc.machine;
    b->low_rom = os_map_ram(PAM_BYTES, e);
    if (!b->low_rom) {
        return false;
    }
    memset(b->low_rom, 0xff, PAM_BYTES);
    struct device *d = device_new(b->kind->host, m, NULL);
    pc_host_configure(d, &(struct pc_host_config){.ports = b->pc.ports,
                                                  .msi = {pci_message, b->pc.lapic},
                                                  .ram = m->ram,
                                                  .rom = b->low_rom,
                                                  .low_ram = b->pc.boot.low_ram,
                                                  .high_ram = b->pc.boot.high_ram,
                                                  .smram_changed = pc_smm_changed,
                                                  .opaque = b});
    if (!device_create(d, e)) {
        device_free(d);
        return false;
    }
    b->host = d;
    return true;
}

/* ---- old devices */

static void a20(void *opaque, int line, int level)
{
    const struct machine *m = opaque;
    (void)line;
    for (unsigned i = 0; i < m->vcpu_count; i++) {
        x86_set_a20(m->vcpus[i], level);
    }
}

static bool add_i8042(struct pc_board *b, struct error *e)
{
    struct device *d = b->i8042_wanted ? device_new(&i8042_class, b->pc.machine, NULL) : NULL;
    if (!d) {
        return true;
    }
    d->irq[I8042_KEYBOARD] = b->inputs[1];
    d->irq[I8042_MOUSE] = b->inputs[12];
    d->irq[I8042_A20] = (struct irq){a20, b->pc.machine, 0};
    if (!device_create(d, e)) {
        device_free(d);
        return false;
    }
    i8042_map(d, b->pc.ports);
    b->i8042 = d;
    return true;
}

static bool add_i8237(struct pc_board *b, struct error *e)
{
    struct device *d = device_new(&i8237_class, b->pc.machine, NULL);
    if (!device_create(d, e)) {
        device_free(d);
        return false;
    }
    i8237_map(d, b->pc.ports);
    b->pc.isa.dma = i8237_channels(d);
    b->i8237 = d;
    return true;
}

static void hpet_message(void *opaque, uint64_t address, uint32_t data)
{
    lapic_send_msi(opaque, address, data);
}

/* The 8254 and the clock reach their inputs through it. */
static bool add_hpet(struct pc_board *b, struct error *e)
{
    struct device *d = b->hpet_wanted ? device_new(&hpet_class, b->pc.machine, NULL) : NULL;
    if (!d) {
        return true;
    }
    hpet_connect(d, &(struct hpet_wiring){b->inputs, hpet_message, b->pc.lapic});
    if (!device_set_fixed(d, "hpet-intcap", b->kind->hpet_inputs, e) || !device_create(d, e)) {
        device_free(d);
        return false;
    }
    device_map(d, b->pc.machine->memory, HPET_BASE);
    if (b->pc.pit) {
        b->pc.pit->irq[0] = hpet_legacy_input(d, 0);
    }
    b->pc.rtc->irq[0] = hpet_legacy_input(d, 1);
    b->hpet = d;
    return true;
}

/* FERR# of the first CPU, which is the only one that may have CR0.NE clear (MultiProcessor
 * Specification 1.4, appendix B), is interrupt 13; a write to port 0xf0 lowers it. */
static bool ferr_load(void *opaque, const struct requester *by, uint64_t offset, unsigned size,
                      uint64_t *value)
{
    (void)opaque, (void)by, (void)offset, (void)size;
    *value = 0xff;
    return true;
}

static bool ferr_store(void *opaque, const struct requester *by, uint64_t offset, unsigned size,
                       uint64_t value)
{
    struct pc_board *b = opaque;
    (void)offset, (void)size, (void)value;
    if (by->id == 0) {
        x86_ignore_ferr(b->pc.machine->vcpus[0]);
    } else {
        irq_set(&b->inputs[13], 0);
    }
    return true;
}

static const struct mmio_ops ferr_ops = {.load = ferr_load, .store = ferr_store, .sizes = 1};

static void add_ferr(struct pc_board *b)
{
    x86_set_ferr(b->pc.machine->vcpus[0], b->inputs[13]);
    space_add(b->pc.ports, &(struct mem_range){.base = 0xf0,
                                               .size = 1,
                                               .kind = RANGE_MMIO,
                                               .name = "ferr",
                                               .ops = &ferr_ops,
                                               .opaque = b});
}

static bool add_old_devices(struct pc_board *b, struct error *e)
{
    for (unsigned n = 0; n < PC_INPUTS; n++) {
        b->inputs[n] = pc_gsi(&b->pc, n);
    }
    add_ferr(b);
    if (b->vmport != PC_OFF) {
        pc_vmport_add(b);
    }
    return add_i8042(b, e) && add_i8237(b, e) && add_hpet(b, e);
}

/* ---- the chipset */

/* A function of the chipset at its place on the root bus. */
struct device *pc_board_function(struct pc_board *b, const struct device_class *cls)
{
    struct device *d = device_new(cls, b->pc.machine, NULL);
    d->bus = pc_host_bus(b->host);
    return d;
}

bool pc_board_complete(struct device *d, const char *place, struct error *e)
{
    if (device_set_fixed(d, "addr", place, e) && device_create(d, e)) {
        return true;
    }
    device_free(d);
    return false;
}

bool pc_board_build(struct machine *m, const struct pc_board_kind *kind, struct error *e)
{
    struct pc_board *b = pc_board_of(m);
    struct pc_parts parts = {.pic = b->pic,
                             .pit = b->pit,
                             .rtc = true,
                             .display_hole = true,
                             .ioapics = 1,
                             .serials = PC_SERIALS};
    b->kind = kind;
    if (!choose_low_ram(m, &parts.low_ram, e)) {
        return false;
    }
    space_begin(m->memory);
    bool good = pc_build(m, &b->pc, &parts, e) && add_old_devices(b, e) && add_host(b, e);
    if (good && b->smm_wanted != PC_OFF) {
        pc_smm_add(b);
    }
    good = good && kind->add_south(b, e) && pc_firmware_add(b, e);
    space_commit(m->memory);
    return good;
}

bool pc_board_finish(struct machine *m, struct error *e)
{
    struct pc_board *b = pc_board_of(m);
    uint64_t id = 0;
    if (b->hpet && space_load(m->memory, HPET_BASE, 4, &id)) {
        b->hpet_id = (uint32_t)id;
    }
    b->pc.boot.kind = X86_BOOT_PLAIN;
    b->pc.boot.entry = 0xfff0;
    return pc_config_add(b, e) && pc_kernel_add(&b->pc, e) &&
           (b->acpi == PC_OFF || pc_acpi_add(b, e)) && fw_cfg_add_boot(b->pc.fw_cfg, m, e);
}

void pc_board_reset(struct machine *m)
{
    struct pc_board *b = pc_board_of(m);
    pc_config_set_order(b, b->was_reset);
    b->was_reset = true;
    irq_set(&b->inputs[13], 0); /* FERR# */
    pc_reset(&b->pc);
}

void pc_board_destroy(struct machine *m)
{
    struct pc_board *b = pc_board_of(m);
    pc_smm_destroy(b);
    pc_destroy(&b->pc);
    if (b->low_rom) {
        os_unmap(b->low_rom, PAM_BYTES);
    }
    strbuf_free(&b->tables);
}

void pc_board_power_button(struct machine *m)
{
    struct pc_board *b = pc_board_of(m);
    os_mutex_lock(m->lock);
    acpi_pm_event(b->kind->pm(b->pm), ACPI_PM1_POWER_BUTTON);
    os_mutex_unlock(m->lock);
}

struct bus *pc_board_default_bus(struct machine *m, enum bus_kind kind)
{
    struct pc_board *b = pc_board_of(m);
    return kind == BUS_ISA ? &b->pc.isa.bus : kind == BUS_PCI ? pc_host_bus(b->host) : NULL;
}
