/* SPDX-License-Identifier: MIT */
/* PCI: configuration space, BARs, bridges, MSI-X, pins; with a small function of the test's own. */
#include "hw/pci/pci.h"
#include "base/bits.h"
#include "hw/pci/pci_regs.h"
#include "hw/state.h"
#include "tests/support/virtio_rig.h"
#include "tests/test.h"

struct probe {
    struct pci_device pci;
    uint64_t scratch;
};

static uint64_t probe_read(void *opaque, uint64_t offset, unsigned size)
{
    struct probe *p = opaque;
    (void)size;
    return offset == 0 ? p->scratch : offset;
}

static void probe_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct probe *p = opaque;
    (void)size;
    if (offset == 0) {
        p->scratch = (uint32_t)value;
    }
}

static const struct mmio_ops probe_ops = {.read = probe_read, .write = probe_write, .sizes = 4};

static const struct pci_class probe_pci = {
    .vendor = 0x1234,
    .device = 0x5678,
    .subsystem_vendor = 0xaaaa,
    .subsystem = 0xbbbb,
    .class_code = 0xff0102,
    .revision = 7,
    .interrupt_pin = 1,
};

static bool probe_create(struct device *d, struct error *e)
{
    struct probe *p = (struct probe *)d;
    (void)e;
    pci_device_init(&p->pci, &probe_pci);
    pci_cap_add_power(&p->pci);
    pci_cap_add_express(&p->pci, PCI_EXP_TYPE_ENDPOINT);
    struct pci_bar_part part = {.size = 0x100, .name = "probe", .ops = &probe_ops, .opaque = p};
    pci_bar_add(&p->pci, 0, PCI_BAR_MEM32, 0x1000);
    pci_bar_add_part(&p->pci, 0, &part);
    pci_bar_add(&p->pci, 2, PCI_BAR_MEM64 | PCI_BAR_PREFETCH, 0x100000);
    pci_bar_add_part(&p->pci, 2, &part);
    pci_bar_add(&p->pci, 4, PCI_BAR_IO, 0x100);
    pci_bar_add_part(&p->pci, 4, &part);
    pci_msix_init(&p->pci, 1, 4);
    return true;
}

static void probe_reset(struct device *d)
{
    pci_device_reset((struct pci_device *)d);
}

static void probe_destroy(struct device *d)
{
    pci_device_fini((struct pci_device *)d);
}

static bool probe_check(struct device *d, struct error *e)
{
    return pci_device_check((struct pci_device *)d, e);
}

static void probe_loaded(struct device *d)
{
    pci_device_loaded((struct pci_device *)d);
}

static const struct prop probe_props[] = {PCI_PROPS(probe, pci), PROP_END};
static const struct field probe_fields[] = {PCI_FIELDS(probe, pci), FIELD(probe, scratch),
                                            FIELD_END};
static const struct device_class probe_class = {
    .name = "probe",
    .bus = BUS_PCI,
    .size = sizeof(struct probe),
    .props = probe_props,
    .fields = probe_fields,
    .create = probe_create,
    .reset = probe_reset,
    .destroy = probe_destroy,
    .check = probe_check,
    .loaded = probe_loaded,
    .flags = DEVICE_THREAD_SAFE,
    .kind = &probe_pci,
};

#define SLOT3 0x18

static struct probe *add_probe(struct rig *r, const char *bus, const char *addr)
{
    struct error e = {{0}};
    char text[32];
    snprintf(text, sizeof(text), "addr=%s", addr);
    struct device *d = rig_device(r, &probe_class, bus, &e, text, NULL);
    if (!d) {
        fprintf(stderr, "%s\n", e.text);
        exit(2);
    }
    return (struct probe *)d;
}

static void enable(struct rig *r, unsigned bus, unsigned devfn)
{
    rig_config_set(r, bus, devfn, PCI_COMMAND, 2,
                   PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

TEST(header_shows_the_identity)
{
    struct rig r;
    rig_open(&r);
    add_probe(&r, "pcie.0", "3");
    CHECK_EQ(rig_config(&r, 0, SLOT3, 0, 4), 0x56781234);
    CHECK_EQ(rig_config(&r, 0, SLOT3, 8, 4), 0xff010207);
    CHECK_EQ(rig_config(&r, 0, SLOT3, 0x2c, 4), 0xbbbbaaaa);
    CHECK_EQ(rig_config(&r, 0, SLOT3, PCI_INTERRUPT_PIN, 1), 1);
    CHECK_EQ(rig_config(&r, 0, 0, 0, 4), 0x00081b36);
    CHECK_EQ(rig_config(&r, 0, 0, 0x100, 4), 0xffffffff); /* conventional: there is no more */
    CHECK_EQ(rig_config(&r, 0, 0, 0xffe, 2), 0xffff);
    rig_close(&r);
}

TEST(absent_functions_read_all_ones)
{
    struct rig r;
    rig_open(&r);
    CHECK_EQ(rig_config(&r, 0, 0x20, 0, 4), 0xffffffff);
    CHECK_EQ(rig_config(&r, 5, 0, 0, 2), 0xffff);
    rig_config_set(&r, 5, 0, 4, 2, 0xffff);
    rig_close(&r);
}

TEST(read_only_bits_stay)
{
    struct rig r;
    rig_open(&r);
    add_probe(&r, "pcie.0", "3");
    rig_config_set(&r, 0, SLOT3, 0, 4, 0xffffffff);
    rig_config_set(&r, 0, SLOT3, 8, 4, 0xffffffff);
    CHECK_EQ(rig_config(&r, 0, SLOT3, 0, 4), 0x56781234);
    CHECK_EQ(rig_config(&r, 0, SLOT3, 8, 4), 0xff010207);
    rig_config_set(&r, 0, SLOT3, PCI_COMMAND, 2, 0xffff);
    CHECK_EQ(rig_config(&r, 0, SLOT3, PCI_COMMAND, 2), 0x0547);
    rig_close(&r);
}

TEST(bars_tell_their_size)
{
    struct rig r;
    rig_open(&r);
    add_probe(&r, "pcie.0", "3");
    for (unsigned i = 0; i < 6; i++) {
        rig_config_set(&r, 0, SLOT3, PCI_BAR0 + 4 * i, 4, 0xffffffff);
    }
    CHECK_EQ(rig_config(&r, 0, SLOT3, PCI_BAR0, 4), 0xfffff000);
    CHECK_EQ(rig_config(&r, 0, SLOT3, PCI_BAR0 + 8, 4), 0xfff0000c);
    CHECK_EQ(rig_config(&r, 0, SLOT3, PCI_BAR0 + 12, 4), 0xffffffff);
    CHECK_EQ(rig_config(&r, 0, SLOT3, PCI_BAR0 + 16, 4), 0xffffff01);
    CHECK_EQ(rig_config(&r, 0, SLOT3, PCI_BAR0 + 20, 4), 0);
    rig_close(&r);
}

TEST(bars_are_decoded_where_software_puts_them)
{
    struct rig r;
    rig_open(&r);
    add_probe(&r, "pcie.0", "3");
    rig_config_set(&r, 0, SLOT3, PCI_BAR0, 4, RIG_MMIO + 0x5000);
    rig_config_set(&r, 0, SLOT3, PCI_BAR0 + 8, 4, (uint32_t)RIG_HIGH);
    rig_config_set(&r, 0, SLOT3, PCI_BAR0 + 12, 4, RIG_HIGH >> 32);
    rig_config_set(&r, 0, SLOT3, PCI_BAR0 + 16, 4, 0x1000);
    CHECK_EQ(rig_load(&r, RIG_MMIO + 0x5004, 4), 0xffffffff); /* not enabled yet */
    enable(&r, 0, SLOT3);
    rig_store(&r, RIG_MMIO + 0x5000, 4, 0xcafe);
    CHECK_EQ(rig_load(&r, RIG_HIGH, 4), 0xcafe);
    CHECK_EQ(rig_load(&r, RIG_PIO + 0x1000, 4), 0xcafe);
    CHECK_EQ(rig_load(&r, RIG_MMIO + 0x5004, 4), 4);
    rig_config_set(&r, 0, SLOT3, PCI_BAR0, 4, RIG_MMIO + 0x9000);
    CHECK_EQ(rig_load(&r, RIG_MMIO + 0x9000, 4), 0xcafe);
    CHECK_EQ(rig_load(&r, RIG_MMIO + 0x5000, 4), 0xffffffff);
    rig_close(&r);
}

TEST(bars_outside_the_windows_are_not_decoded)
{
    struct rig r;
    rig_open(&r);
    add_probe(&r, "pcie.0", "3");
    rig_config_set(&r, 0, SLOT3, PCI_BAR0, 4, RIG_RAM);
    enable(&r, 0, SLOT3);
    rig_store(&r, RIG_RAM, 4, 0x600d);
    CHECK_EQ(load_le32(rig_host(&r, RIG_RAM)), 0x600d);
    rig_config_set(&r, 0, SLOT3, PCI_BAR0 + 8, 4, 0xfff00000);
    rig_config_set(&r, 0, SLOT3, PCI_BAR0 + 12, 4, 0xffffffff);
    rig_config_set(&r, 0, SLOT3, PCI_BAR0 + 16, 4, 0xffffff00);
    rig_close(&r);
}

TEST(msix_sends_masks_and_keeps_pending)
{
    struct rig r;
    rig_open(&r);
    struct probe *p = add_probe(&r, "pcie.0", "3");
    paddr table = RIG_MMIO + 0x10000;
    unsigned cap = rig_cap(&r, 0, SLOT3, PCI_CAP_MSIX);
    REQUIRE(cap != 0);
    CHECK_EQ(rig_config(&r, 0, SLOT3, cap + 2, 2), 3);
    rig_config_set(&r, 0, SLOT3, PCI_BAR0 + 4, 4, (uint32_t)table);
    enable(&r, 0, SLOT3);
    rig_store(&r, table + 32, 4, RIG_MSI);
    rig_store(&r, table + 36, 4, 0);
    rig_store(&r, table + 40, 4, 9);
    CHECK_EQ(rig_load(&r, table + 44, 4), 1); /* masked after reset */
    pci_msix_notify(&p->pci, 2);
    CHECK_EQ(r.msi[9], 0); /* MSI-X is off: nothing, not even pending */
    CHECK_EQ(rig_load(&r, table + 0x800, 8), 0);

    rig_config_set(&r, 0, SLOT3, cap + 2, 2, PCI_MSIX_ENABLE);
    pci_msix_notify(&p->pci, 2);
    CHECK_EQ(r.msi[9], 0);
    CHECK_EQ(rig_load(&r, table + 0x800, 8), 4);
    rig_store(&r, table + 44, 4, 0); /* unmask */
    CHECK_EQ(r.msi[9], 1);
    CHECK_EQ(r.requester, SLOT3);
    CHECK_EQ(rig_load(&r, table + 0x800, 8), 0);

    rig_config_set(&r, 0, SLOT3, cap + 2, 2, PCI_MSIX_ENABLE | PCI_MSIX_FUNCTION_MASK);
    pci_msix_notify(&p->pci, 2);
    pci_msix_notify(&p->pci, 2);
    CHECK_EQ(r.msi[9], 1);
    rig_config_set(&r, 0, SLOT3, cap + 2, 2, PCI_MSIX_ENABLE);
    CHECK_EQ(r.msi[9], 2);
    pci_msix_notify(&p->pci, 4); /* there is no such vector */
    rig_close(&r);
}

TEST(msi_waits_for_the_bus_master_bit)
{
    struct rig r;
    rig_open(&r);
    struct probe *p = add_probe(&r, "pcie.0", "3");
    struct drv unused;
    drv_open_pci(&unused, &r, SLOT3); /* MSI-X on, vector n sends n */
    rig_config_set(&r, 0, SLOT3, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
    pci_msix_notify(&p->pci, 1);
    CHECK_EQ(r.msi[1], 0);
    enable(&r, 0, SLOT3);
    CHECK_EQ(r.msi[1], 1);
    rig_close(&r);
}

TEST(intx_is_swizzled_shared_and_can_be_disabled)
{
    struct rig r;
    rig_open(&r);
    struct probe *a = add_probe(&r, "pcie.0", "3"), *b = add_probe(&r, "pcie.0", "7");
    pci_intx_set(&a->pci, true);
    CHECK_EQ(r.intx[3], 1); /* pin A of slot 3 */
    pci_intx_set(&b->pci, true);
    pci_intx_set(&a->pci, false);
    CHECK_EQ(r.intx[3], 1);
    CHECK_EQ(rig_config(&r, 0, 0x38, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT, PCI_STATUS_INTERRUPT);
    rig_config_set(&r, 0, 0x38, PCI_COMMAND, 2, PCI_COMMAND_INTX_DISABLE);
    CHECK_EQ(r.intx[3], 0);
    rig_config_set(&r, 0, 0x38, PCI_COMMAND, 2, 0);
    CHECK_EQ(r.intx[3], 1);
    device_reset(&b->pci.dev);
    CHECK_EQ(r.intx[3], 0);
    rig_close(&r);
}

/* A root port in slot 2 with bus 1 behind it, windows of 1 MiB at RIG_MMIO + 1 MiB and at RIG_HIGH.
 */
static void open_port(struct rig *r)
{
    struct error e = {{0}};
    struct device *d = device_new(&pcie_root_port_class, r->m, "rp0");
    d->bus = machine_find_bus(r->m, "pcie.0");
    if (!device_set(d, "addr", "2", &e) || !device_set(d, "slot", "5", &e) ||
        !device_create(d, &e)) {
        fprintf(stderr, "%s\n", e.text);
        exit(2);
    }
    device_reset(d);
}

static unsigned slot_register(struct rig *r, unsigned offset)
{
    return rig_config(r, 0, 0x10, rig_cap(r, 0, 0x10, PCI_CAP_EXPRESS) + offset, 2);
}

static void set_slot(struct rig *r, unsigned control)
{
    rig_config_set(r, 0, 0x10, rig_cap(r, 0, 0x10, PCI_CAP_EXPRESS) + PCI_EXP_SLTCTL, 2, control);
}

static void clear_slot_events(struct rig *r)
{
    rig_config_set(r, 0, 0x10, rig_cap(r, 0, 0x10, PCI_CAP_EXPRESS) + PCI_EXP_SLTSTA, 2, 0x11f);
}

static void program_port(struct rig *r)
{
    rig_config_set(r, 0, 0x10, PCI_PRIMARY_BUS, 4, 0x00010100);
    rig_config_set(r, 0, 0x10, PCI_MEMORY_BASE, 4, 0x10101010);
    rig_config_set(r, 0, 0x10, PCI_PREF_BASE, 4, 0);
    rig_config_set(r, 0, 0x10, PCI_PREF_BASE_UPPER, 4, RIG_HIGH >> 32);
    rig_config_set(r, 0, 0x10, PCI_PREF_LIMIT_UPPER, 4, RIG_HIGH >> 32);
    rig_config_set(r, 0, 0x10, PCI_IO_BASE, 2, 0x2020);
    set_slot(r, 0x01c0); /* power on */
    enable(r, 0, 0x10);
}

TEST(bridge_passes_configuration_and_memory_to_its_bus)
{
    struct rig r;
    rig_open(&r);
    open_port(&r);
    struct probe *p = add_probe(&r, "rp0", "0");
    CHECK_EQ(rig_config(&r, 1, 0, 0, 4), 0xffffffff);
    program_port(&r);
    CHECK_EQ(rig_config(&r, 1, 0, 0, 4), 0x56781234);
    CHECK_EQ(rig_config(&r, 1, 8, 0, 4), 0xffffffff);
    rig_config_set(&r, 1, 0, PCI_BAR0, 4, RIG_MMIO + 0x100000);
    rig_config_set(&r, 1, 0, PCI_BAR0 + 12, 4, RIG_HIGH >> 32);
    rig_config_set(&r, 1, 0, PCI_BAR0 + 16, 4, 0x2100);
    enable(&r, 1, 0);
    rig_store(&r, RIG_MMIO + 0x100000, 4, 0xbeef);
    CHECK_EQ(rig_load(&r, RIG_HIGH, 4), 0xbeef);
    CHECK_EQ(rig_load(&r, RIG_PIO + 0x2100, 4), 0xbeef);
    CHECK_EQ(pci_requester_id(&p->pci), 0x100);
    /* Moved out of the bridge's window: not decoded. */
    rig_config_set(&r, 1, 0, PCI_BAR0, 4, RIG_MMIO + 0x200000);
    CHECK_EQ(rig_load(&r, RIG_MMIO + 0x200000, 4), 0xffffffff);
    /* The window follows: decoded again. */
    rig_config_set(&r, 0, 0x10, PCI_MEMORY_BASE, 4, 0x10201020);
    CHECK_EQ(rig_load(&r, RIG_MMIO + 0x200000, 4), 0xbeef);
    rig_config_set(&r, 0, 0x10, PCI_COMMAND, 2, 0);
    CHECK_EQ(rig_load(&r, RIG_MMIO + 0x200000, 4), 0xffffffff);
    rig_close(&r);
}

static void describe_root(struct rig *r, struct strbuf *out)
{
    const struct bus *root = machine_find_bus(r->m, "pcie.0");
    strbuf_clear(out);
    root->info(root, out);
}

/* `info pci` reads the registers as software has written them, and goes through bridges. */
TEST(functions_are_described_with_their_addresses)
{
    struct rig r;
    struct strbuf out = {0};
    rig_open(&r);
    add_probe(&r, "pcie.0", "3");
    open_port(&r);
    add_probe(&r, "rp0", "0");
    describe_root(&r, &out);
    CHECK(strstr(strbuf_text(&out), "  Bus  0, device   3, function 0:\n"
                                    "    Class 65281: PCI device 1234:5678\n"
                                    "      PCI subsystem aaaa:bbbb\n"
                                    "      IRQ 0, pin A\n"
                                    "      BAR0: 32 bit memory (not mapped)\n"
                                    "      BAR1: 32 bit memory (not mapped)\n"
                                    "      BAR2: 64 bit prefetchable memory (not mapped)\n"
                                    "      BAR4: I/O (not mapped)\n"
                                    "      id \"\"\n") != NULL);
    CHECK(strstr(strbuf_text(&out), "  Bus  1,") == NULL); /* no number yet */
    program_port(&r);
    rig_config_set(&r, 1, 0, PCI_BAR0, 4, RIG_MMIO + 0x100000);
    rig_config_set(&r, 1, 0, PCI_BAR0 + 16, 4, 0x2100);
    enable(&r, 1, 0);
    describe_root(&r, &out);
    CHECK(strstr(strbuf_text(&out), "    PCI bridge: PCI device 1b36:000c\n") != NULL);
    CHECK(strstr(strbuf_text(&out), "      secondary bus 1.\n      subordinate bus 1.\n"
                                    "      IO range [0x2000, 0x2fff]\n"
                                    "      memory range [0x10100000, 0x101fffff]\n") != NULL);
    CHECK(strstr(strbuf_text(&out), "  Bus  1, device   0, function 0:\n") != NULL);
    CHECK(strstr(strbuf_text(&out), "      BAR0: 32 bit memory at 0x10100000 [0x10100fff]\n") !=
          NULL);
    CHECK(strstr(strbuf_text(&out), "      BAR4: I/O at 0x2100 [0x21ff]\n") != NULL);
    strbuf_free(&out);
    rig_close(&r);
}

TEST(bridge_swizzles_pins)
{
    struct rig r;
    rig_open(&r);
    open_port(&r);
    struct probe *p = add_probe(&r, "rp0", "0");
    pci_intx_set(&p->pci, true);
    CHECK_EQ(r.intx[2], 1); /* slot 0 behind slot 2 */
    rig_close(&r);
}

TEST(port_type_and_slot_show_in_the_express_capability)
{
    struct rig r;
    rig_open(&r);
    open_port(&r);
    add_probe(&r, "rp0", "0");
    add_probe(&r, "pcie.0", "3");
    program_port(&r);
    unsigned at = rig_cap(&r, 0, 0x10, PCI_CAP_EXPRESS);
    CHECK_EQ(rig_config(&r, 0, 0x10, at + PCI_EXP_FLAGS, 2), 0x142);
    CHECK_EQ(rig_config(&r, 0, 0x10, at + PCI_EXP_SLTCAP, 4) >> 19, 5);
    at = rig_cap(&r, 1, 0, PCI_CAP_EXPRESS);
    CHECK_EQ(rig_config(&r, 1, 0, at + PCI_EXP_FLAGS, 2), 0x02);
    at = rig_cap(&r, 0, SLOT3, PCI_CAP_EXPRESS);
    CHECK_EQ(rig_config(&r, 0, SLOT3, at + PCI_EXP_FLAGS, 2), 0x92);
    rig_close(&r);
}

static struct device *let_go_of;
static unsigned releases;

static void note_release(void *opaque, struct device *d)
{
    (void)opaque;
    let_go_of = d;
    releases++;
}

/* PCI Express Base 4.0, 6.7: button, power, indicators, and who is told of what. */
TEST(devices_come_to_a_slot_and_go)
{
    enum {
        BUTTON = 1 << 0,
        PRESENCE_CHANGED = 1 << 3,
        COMPLETED = 1 << 4,
        PRESENT = 1 << 6,
        ENABLE_BUTTON = 1 << 0,
        ENABLE_INTERRUPT = 1 << 5,
        INDICATORS_OFF = 0x3c0,
        SWITCHED_ON = 0x1c0,
        SWITCHED_OFF = 1 << 10
    };
    struct rig r;
    struct error e;
    rig_open(&r);
    r.m->release = note_release;
    open_port(&r);
    struct bus *b = machine_find_bus(r.m, "rp0");
    REQUIRE(b && b->plug && b->unplug);
    CHECK_EQ(slot_register(&r, PCI_EXP_SLTCTL), INDICATORS_OFF | SWITCHED_OFF);
    CHECK_EQ(slot_register(&r, PCI_EXP_SLTSTA), 0);
    CHECK_EQ(slot_register(&r, PCI_EXP_LNKSTA) & 1 << 13, 0);
    program_port(&r);
    set_slot(&r, INDICATORS_OFF | SWITCHED_OFF | ENABLE_BUTTON | ENABLE_INTERRUPT);
    clear_slot_events(&r);

    struct probe *p = add_probe(&r, "rp0", "0");
    b->plug(b, &p->pci.dev);
    CHECK_EQ(slot_register(&r, PCI_EXP_SLTSTA), BUTTON | PRESENCE_CHANGED | PRESENT);
    CHECK(slot_register(&r, PCI_EXP_LNKSTA) & 1 << 13);
    CHECK(rig_config(&r, 0, 0x10, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT);
    CHECK_EQ(rig_config(&r, 1, 0, 0, 4), 0xffffffff); /* no power */
    clear_slot_events(&r);
    CHECK(!(rig_config(&r, 0, 0x10, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT));
    set_slot(&r, SWITCHED_ON | ENABLE_BUTTON | ENABLE_INTERRUPT);
    CHECK_EQ(slot_register(&r, PCI_EXP_SLTSTA), COMPLETED | PRESENT);
    CHECK_EQ(rig_config(&r, 1, 0, 0, 4), 0x56781234);
    clear_slot_events(&r);

    CHECK(b->unplug(b, &p->pci.dev, &e));
    CHECK_EQ(slot_register(&r, PCI_EXP_SLTSTA), BUTTON | PRESENT);
    CHECK(!b->unplug(b, &p->pci.dev, &e));
    CHECK(strstr(e.text, "has been asked to let go of 'probe'") != NULL);
    set_slot(&r, SWITCHED_ON | SWITCHED_OFF); /* the indicator follows later */
    CHECK(!let_go_of);
    set_slot(&r, INDICATORS_OFF | SWITCHED_OFF);
    CHECK(let_go_of == &p->pci.dev);
    CHECK_EQ(slot_register(&r, PCI_EXP_SLTSTA), BUTTON | PRESENCE_CHANGED | COMPLETED);
    CHECK_EQ(slot_register(&r, PCI_EXP_LNKSTA) & 1 << 13, 0);

    /* It goes once, whatever the guest does until it is gone, and is not seen after a reset. */
    set_slot(&r, SWITCHED_ON);
    set_slot(&r, INDICATORS_OFF | SWITCHED_OFF);
    CHECK_EQ(releases, 1);
    device_reset(machine_find_device(r.m, "rp0"));
    CHECK_EQ(slot_register(&r, PCI_EXP_SLTSTA) & PRESENT, 0);

    p->pci.dev.released = false;
    let_go_of = NULL; /* a slot without power lets go at once */
    b->plug(b, &p->pci.dev);
    clear_slot_events(&r);
    CHECK(b->unplug(b, &p->pci.dev, &e));
    CHECK(let_go_of == &p->pci.dev);
    let_go_of = NULL;
    rig_close(&r);
}

TEST(a_port_without_hot_plug_has_power)
{
    struct rig r;
    struct error e;
    rig_open(&r);
    CHECK(rig_device(&r, &pcie_root_port_class, "pcie.0", &e, "addr=2", "hotplug=off", "chassis=9",
                     NULL));
    CHECK_EQ(slot_register(&r, PCI_EXP_SLTCTL), 0);
    CHECK_EQ(rig_config(&r, 0, 0x10, rig_cap(&r, 0, 0x10, PCI_CAP_EXPRESS) + PCI_EXP_SLTCAP, 2), 0);
    rig_close(&r);
}

TEST(bad_places_are_refused)
{
    struct rig r;
    struct error e = {{0}};
    rig_open(&r);
    add_probe(&r, "pcie.0", "3");
    CHECK(!rig_device(&r, &probe_class, "pcie.0", &e, "addr=3", NULL));
    CHECK(strstr(e.text, "taken by probe") != NULL);
    open_port(&r);
    CHECK(!rig_device(&r, &probe_class, "rp0", &e, "addr=1", NULL));
    CHECK(rig_device(&r, &probe_class, "rp0", &e, NULL) != NULL);
    CHECK(!rig_device(&r, &probe_class, "rp0", &e, NULL));
    CHECK(strstr(e.text, "no free slot") != NULL);
    rig_close(&r);
}

TEST(state_survives_saving)
{
    struct rig r, s;
    struct error e = {{0}};
    rig_open(&r);
    struct probe *p = add_probe(&r, "pcie.0", "3");
    rig_config_set(&r, 0, SLOT3, PCI_BAR0, 4, RIG_MMIO + 0x5000);
    enable(&r, 0, SLOT3);
    rig_store(&r, RIG_MMIO + 0x5000, 4, 0xcafe);
    pci_intx_set(&p->pci, true);
    struct strbuf out = {0};
    device_save(&p->pci.dev, &out);
    rig_close(&r);

    rig_open(&s);
    p = add_probe(&s, "pcie.0", "3");
    CHECK(device_load(&p->pci.dev, out.text, out.len, &e));
    CHECK_EQ(rig_load(&s, RIG_MMIO + 0x5000, 4), 0xcafe);
    CHECK_EQ(s.intx[3], 1);
    strbuf_free(&out);
    rig_close(&s);
}

TEST(tables_list_every_byte)
{
    struct error e = {{0}};
    const struct device_class *classes[] = {&gpex_pcihost_class, &gpex_root_class,
                                            &pcie_root_port_class, &probe_class};
    for (unsigned i = 0; i < array_len(classes); i++) {
        CHECK_MSG(device_check_class(classes[i], &e), "%s", e.text);
    }
}

TEST(garbage_in_configuration_space_is_survived)
{
    struct rig r;
    struct rng g;
    rig_open(&r);
    open_port(&r);
    add_probe(&r, "rp0", "0");
    add_probe(&r, "pcie.0", "3");
    rng_seed(&g, test_seed());
    for (unsigned i = 0; i < 20000 * test_scale(); i++) {
        static const unsigned devfns[] = {0, 0x10, 0x18, 0x20};
        unsigned size = 1u << rng_below(&g, 3);
        unsigned offset = (unsigned)rng_below(&g, rng_below(&g, 8) ? 256 : 4096) & ~(size - 1);
        unsigned bus = rng_below(&g, 2) ? (unsigned)rng_below(&g, 3) : 0;
        uint32_t v = rng_below(&g, 4) ? rng_u32(&g) : (uint32_t)RIG_MMIO;
        rig_config_set(&r, bus, devfns[rng_below(&g, 4)], offset, size, v);
        rig_load(&r, RIG_MMIO + (rng_u32(&g) & 0xffff), 1);
    }
    machine_reset(r.m);
    CHECK_EQ(rig_config(&r, 0, SLOT3, 0, 4), 0x56781234);
    CHECK_EQ(rig_load(&r, RIG_MMIO, 4), 0xffffffff);
    rig_close(&r);
}
