/* SPDX-License-Identifier: MIT */
/*
 * The virt board: an AArch64 machine that exists nowhere else than in emulators. Its map is QEMU's,
 * so that the kernels, firmware and scripts made for that one find everything; what the guest is
 * told of it stands in the device tree (virt_fdt.c) and in ACPI tables (virt_acpi.c).
 *
 * Not modelled: EL2, EL3 and the secure half of the board (secure=on, virtualization=on), SMMUv3,
 * memory tagging.
 */
#include "hw/arm/virt.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/bits.h"
#include "base/mem.h"
#include "cpu/arm.h"
#include "hw/acpi/ged.h"
#include "hw/block/pflash_cfi01.h"
#include "hw/char/pl011.h"
#include "hw/classes.h"
#include "hw/decompress.h"
#include "hw/firmware.h"
#include "hw/gpio/pl061.h"
#include "hw/intc/gic.h"
#include "hw/nvram/fw_cfg.h"
#include "hw/pci/pci.h"
#include "hw/smbios/smbios.h"
#include "hw/virtio/virtio_mmio.h"
#include "memory/dirty.h"

#define GIB (UINT64_C(1) << 30)

static unsigned redists_high(const struct virt *v)
{
    bool there = v->highmem && v->highmem_redists;
    return there ? (unsigned)(virt_rows[VIRT_HIGH_REDIST].size / GICV3_REDIST_SIZE) : 0;
}

/* ---- properties */

static const char *const gic_versions[] = {"default", "2", "3", "4", "max", "host", NULL};
static const char *const on_off_auto[] = {"auto", "on", "off", NULL};
static const char *const iommus[] = {"none", "smmuv3", NULL};

#define BOOL_PROP(name, member, initial, desc)                                                     \
    {                                                                                              \
        name, PROP_BOOL, offsetof(struct virt, member), initial, desc, NULL                        \
    }

static const struct prop virt_props[] = {
    {"gic-version", PROP_ENUM, offsetof(struct virt, gic_version), "default",
     "interrupt controller; by default 2, with more than 8 CPUs 3", gic_versions},
    BOOL_PROP("its", its, "on", "GICv3 has an interrupt translation service"),
    BOOL_PROP("secure", secure, "off", "EL3 and the secure half of the board (not modelled)"),
    BOOL_PROP("virtualization", virtualization, "off", "EL2 (not modelled)"),
    BOOL_PROP("mte", mte, "off", "memory tagging (not modelled)"),
    BOOL_PROP("ras", ras, "off", "reporting of the host's memory errors (not modelled)"),
    BOOL_PROP("highmem", highmem, "on", "addresses above 4 GiB are used"),
    BOOL_PROP("highmem-ecam", highmem_ecam, "on", "the large PCIe configuration window is used"),
    BOOL_PROP("highmem-mmio", highmem_mmio, "on", "the large PCIe memory window is there"),
    BOOL_PROP("highmem-redists", highmem_redists, "on", "redistributors for more than 123 CPUs"),
    BOOL_PROP("compact-highmem", compact_highmem, "on", "accepted; the map does not depend on it"),
    BOOL_PROP("dtb-randomness", dtb_randomness, "on", "random seeds in the device tree"),
    BOOL_PROP("dtb-kaslr-seed", dtb_kaslr_seed, "on", "the same, by its older name"),
    {"acpi", PROP_ENUM, offsetof(struct virt, acpi), "auto",
     "ACPI tables for firmware; auto means on", on_off_auto},
    {"x-oem-id", PROP_STRING, offsetof(struct virt, oem_id), "BOCHS ",
     "maker of the ACPI tables, up to 6 characters", NULL},
    {"x-oem-table-id", PROP_STRING, offsetof(struct virt, oem_table_id), "BXPC    ",
     "their name, up to 8 characters", NULL},
    {"iommu", PROP_ENUM, offsetof(struct virt, iommu), "none", "IOMMU for PCIe (not modelled)",
     iommus},
    {"usb", PROP_ENUM, offsetof(struct virt, usb), "auto", "USB controller (not modelled)",
     on_off_auto},
    {"pflash0", PROP_DRIVE, offsetof(struct virt, pflash[0]), NULL,
     "id of the drive that is the first flash", NULL},
    {"pflash1", PROP_DRIVE, offsetof(struct virt, pflash[1]), NULL,
     "id of the drive that is the second flash", NULL},
    PROP_END,
};

static bool refuse(struct error *e, const char *option, const char *why)
{
    return error_set(e, "machine 'virt': %s: %s", option, why);
}

/* What is asked for and is not there. */
static bool check_absent(const struct virt *v, struct error *e)
{
    if (v->secure) {
        return refuse(e, "secure=on", "vCPUs have no EL3; only secure=off is possible");
    }
    if (v->virtualization) {
        return refuse(e, "virtualization=on",
                      "vCPUs have no EL2; only virtualization=off is possible");
    }
    if (v->mte) {
        return refuse(e, "mte=on", "vCPUs have no memory tagging; only mte=off is possible");
    }
    if (v->ras) {
        return refuse(e, "ras=on", "memory errors are not reported; only ras=off is possible");
    }
    if (v->iommu) {
        return refuse(e, "iommu=smmuv3", "there is no SMMUv3; only iommu=none is possible");
    }
    if (v->usb == VIRT_ON) {
        return refuse(e, "usb=on", "the board has no USB controller; only usb=off is possible");
    }
    return true;
}

static bool choose_gic(struct virt *v, unsigned cpus, struct error *e)
{
    switch (v->gic_version) {
    case VIRT_GIC_HOST:
        return refuse(e, "gic-version=host", "only the kvm accelerator has it; use 2, 3 or max");
    case VIRT_GIC_4:
        return refuse(e, "gic-version=4", "needs EL2, which vCPUs do not have; use 2, 3 or max");
    case VIRT_GIC_2:
        v->gic = 2;
        break;
    case VIRT_GIC_DEFAULT:
        v->gic = cpus <= 8 ? 2 : 3;
        break;
    default:
        v->gic = 3;
    }
    unsigned most = v->gic == 2 ? 8 : virt_redists_low() + redists_high(v);
    if (cpus > most) {
        return error_set(e, "-smp: with GICv%u%s the machine 'virt' has at most %u CPUs, not %u",
                         v->gic, v->gic == 3 ? " and without highmem-redists" : "", most, cpus);
    }
    v->has_its = v->gic == 3 && v->its;
    return true;
}

static bool check_memory(const struct machine *m, struct error *e)
{
    uint64_t most = virt_of(m)->highmem ? virt_rows[VIRT_RAM].size : 3 * GIB;
    if (m->config.ram_bytes > most) {
        return error_set(
            e, "-m: the machine 'virt'%s has room for %" PRIu64 " GiB, not for %" PRIu64 " MiB",
            virt_of(m)->highmem ? "" : " with highmem=off", most / GIB, m->config.ram_bytes >> 20);
    }
    return true;
}

/* ---- devices */

static struct device *make(struct machine *m, const char *class_name, struct error *e)
{
    const struct device_class *cls = device_class_find(class_name);
    if (!cls) {
        error_set(e, "machine 'virt': this program has no device '%s'", class_name);
        return NULL;
    }
    return device_new(cls, m, NULL);
}

static bool set_number(struct device *d, const char *prop, unsigned value, struct error *e)
{
    char text[16];
    snprintf(text, sizeof(text), "%u", value);
    return device_set_fixed(d, prop, text, e);
}

/* What was not created is nobody's. */
static bool drop(struct device **d)
{
    device_free(*d);
    *d = NULL;
    return false;
}

/* Creates d, or frees it. NULL d: it could not be made. */
static bool complete(struct device **d, struct error *e)
{
    return (*d && device_create(*d, e)) || drop(d);
}

static struct irq spi(const struct virt *v, enum virt_part part, unsigned index)
{
    return gic_spi(v->gic_device, (unsigned)virt_rows[part].spi + index);
}

/* A device with one window and one interrupt. */
static bool add_simple(struct machine *m, enum virt_part part, unsigned index, struct device **d,
                       struct error *e)
{
    const struct virt_row *r = &virt_rows[part];
    if (!complete(d, e)) {
        return false;
    }
    device_map(*d, m->memory, r->base + index * r->size);
    if (r->spi >= 0) {
        (*d)->irq[0] = spi(virt_of(m), part, index);
    }
    return true;
}

static bool add_uart(struct machine *m, struct error *e)
{
    struct virt *v = virt_of(m);
    const struct machine_backends *b = &m->backends;
    v->uart = device_new(&pl011_class, m, NULL);
    pl011_set_stream(v->uart, b->serial ? b->serial(b->opaque, 0) : NULL);
    return add_simple(m, VIRT_UART, 0, &v->uart, e);
}

static bool add_gpio(struct machine *m, struct error *e)
{
    struct virt *v = virt_of(m);
    v->gpio = make(m, "pl061", e);
    v->power_key = make(m, "gpio-key", e);
    if (!add_simple(m, VIRT_GPIO, 0, &v->gpio, e) || !complete(&v->power_key, e)) {
        return false;
    }
    v->power_key->irq[0] = pl061_pin(v->gpio, VIRT_POWER_PIN);
    return true;
}

static void map_gicv3(struct machine *m, struct virt *v)
{
    unsigned low = virt_redists_low(), cpus = m->vcpu_count;
    gicv3_map_dist(v->gic_device, m->memory, virt_rows[VIRT_GIC_DIST].base);
    gicv3_map_redists(v->gic_device, m->memory, virt_rows[VIRT_GIC_REDIST].base, 0,
                      cpus < low ? cpus : low);
    if (cpus > low) {
        gicv3_map_redists(v->gic_device, m->memory, virt_rows[VIRT_HIGH_REDIST].base, low,
                          cpus - low);
    }
}

static unsigned current_cpu(void *opaque)
{
    const struct vcpu *v = vcpu_current();
    (void)opaque;
    return v ? v->index : 0;
}

static bool add_v2m(struct machine *m, struct error *e)
{
    struct virt *v = virt_of(m);
    v->v2m_device = make(m, "arm-gicv2m", e);
    if (!v->v2m_device ||
        !set_number(v->v2m_device, "base-spi", (unsigned)virt_rows[VIRT_GIC_V2M].spi, e) ||
        !set_number(v->v2m_device, "num-spi", VIRT_V2M_SPIS, e) || !complete(&v->v2m_device, e)) {
        return drop(&v->v2m_device);
    }
    gicv2m_connect(v->v2m_device, v->gic_device);
    device_map(v->v2m_device, m->memory, virt_rows[VIRT_GIC_V2M].base);
    return true;
}

static bool add_its(struct machine *m, struct error *e)
{
    struct virt *v = virt_of(m);
    v->its_device = make(m, "arm-gicv3-its", e);
    if (v->its_device) {
        its_connect(v->its_device, v->gic_device);
    }
    if (!complete(&v->its_device, e)) {
        return false;
    }
    device_map(v->its_device, m->memory, virt_rows[VIRT_GIC_ITS].base);
    return true;
}

static bool add_gic(struct machine *m, struct error *e)
{
    struct virt *v = virt_of(m);
    struct device *d = make(m, v->gic == 2 ? "arm_gic" : "arm-gicv3", e);
    v->gic_device = d;
    if (!d || !set_number(d, "num-cpu", m->vcpu_count, e) ||
        !set_number(d, "num-irq", 32 + VIRT_SPIS, e) ||
        !device_set_fixed(d, "has-nmi", v->gic == 3 && arm_has_nmi(m->vcpus[0]) ? "on" : "off",
                          e) ||
        !device_set_fixed(d, "has-lpi", v->has_its ? "on" : "off", e) ||
        !complete(&v->gic_device, e)) {
        return drop(&v->gic_device);
    }
    if (v->gic == 2) {
        gicv2_map_dist(d, m->memory, virt_rows[VIRT_GIC_DIST].base);
        gicv2_map_cpu(d, m->memory, virt_rows[VIRT_GIC_CPU].base);
        gic_set_accessor(d, current_cpu, NULL);
        return add_v2m(m, e);
    }
    map_gicv3(m, v);
    return !v->has_its || add_its(m, e);
}

/* ---- PCIe and virtio */

/* A message goes to the ITS's or the GICv2m frame's doorbell, or is a plain store. */
static void msi_send(void *opaque, uint64_t addr, uint32_t data, uint32_t requester_id)
{
    struct machine *m = opaque;
    const struct virt *v = virt_of(m);
    if (v->its_device && addr == virt_rows[VIRT_GIC_ITS].base + ITS_TRANSLATER) {
        its_send(v->its_device, requester_id, data);
    } else if (v->v2m_device && addr == virt_rows[VIRT_GIC_V2M].base + GICV2M_SETSPI) {
        gicv2m_send(v->v2m_device, data);
    } else {
        dma_store32(&(struct dma){m->memory}, addr, data);
    }
}

static bool add_pcie(struct machine *m, struct error *e)
{
    struct virt *v = virt_of(m);
    const struct pci_windows w = virt_pci_windows(v);
    v->pcie = device_new(&gpex_pcihost_class, m, NULL);
    gpex_set_windows(v->pcie, &w);
    gpex_set_msi_sink(v->pcie, &(struct pci_msi_sink){msi_send, m});
    for (unsigned i = 0; i < 4; i++) {
        v->pcie->irq[i] = spi(v, VIRT_PCIE_MMIO, i);
    }
    return complete(&v->pcie, e);
}

static bool add_virtio(struct machine *m, struct error *e)
{
    struct virt *v = virt_of(m);
    const struct virt_row *r = &virt_rows[VIRT_VIRTIO];
    for (unsigned i = 0; i < r->count; i++) {
        struct device *d = device_new(&virtio_mmio_class, m, NULL);
        virtio_mmio_set_index(d, i);
        d->irq[0] = spi(v, VIRT_VIRTIO, i);
        if (!complete(&d, e)) {
            return false;
        }
        virtio_mmio_map(d, m->memory, r->base + i * r->size);
        v->virtio[i] = d;
    }
    return true;
}

/* ---- flash and firmware configuration */

/* The disk that is flash bank i: of -drive if=pflash, or a machine property names it. */
static bool find_flash(struct machine *m, unsigned i, struct block **block, struct error *e)
{
    const struct machine_backends *b = &m->backends;
    const char *id = virt_of(m)->pflash[i];
    *block = b->pflash ? b->pflash(b->opaque, i) : NULL;
    if (*block && id) {
        return error_set(e, "machine 'virt': pflash%u=%s: -drive if=pflash has that flash already",
                         i, id);
    }
    if (id) {
        *block = b->drive(b->opaque, id, e);
        if (!*block) {
            error_prefix(e, "machine 'virt': pflash%u=%s: ", i, id);
            return false;
        }
    }
    if (*block && i == 0 && m->config.bios) {
        return error_set(e, "-bios %s: the first flash has its contents from a drive",
                         m->config.bios);
    }
    return true;
}

static bool add_flash(struct machine *m, struct error *e)
{
    struct virt *v = virt_of(m);
    const struct virt_row *r = &virt_rows[VIRT_FLASH];
    for (unsigned i = 0; i < r->count; i++) {
        struct block *block;
        if (!find_flash(m, i, &block, e)) {
            return false;
        }
        struct device *d = device_new(&pflash_cfi01_class, m, NULL);
        v->flash[i] = d;
        pflash_set_block(d, block);
        if (i == 0 && m->config.bios) {
            pflash_set_file(d, m->config.bios);
        }
        v->has_firmware |= i == 0 && (block || m->config.bios);
        if (!device_set_fixed(d, "name", i ? "virt.flash1" : "virt.flash0", e) ||
            !complete(&v->flash[i], e)) {
            return drop(&v->flash[i]);
        }
        pflash_map(d, m->memory, r->base + i * r->size);
    }
    return true;
}

static bool has_acpi(const struct virt *v)
{
    return v->acpi != VIRT_OFF;
}

/* Events are for firmware's guests; others have the power button's pin. */
static bool add_ged(struct machine *m, struct error *e)
{
    struct virt *v = virt_of(m);
    if (!v->has_firmware || !has_acpi(v)) {
        return true;
    }
    v->ged = make(m, "acpi-ged", e);
    return add_simple(m, VIRT_GED, 0, &v->ged, e);
}

static bool add_fw_cfg(struct machine *m, struct error *e)
{
    struct virt *v = virt_of(m);
    v->fw_cfg = make(m, "fw_cfg_mem", e);
    if (!add_simple(m, VIRT_FW_CFG, 0, &v->fw_cfg, e)) {
        return false;
    }
    fw_cfg_add_u16(v->fw_cfg, FW_CFG_NB_CPUS, (uint16_t)m->config.cpus);
    return true;
}

/* What gzip has packed in the n bytes, instead of them; else they themselves. NULL with an error.
 */
static uint8_t *unpack_gzip(const char *path, uint8_t *bytes, size_t *n, uint64_t max,
                            struct error *e)
{
    struct unpacked out = {bytes, *n};
    if (*n >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b) {
        char *what = mem_printf("-kernel %s", path);
        out.bytes = NULL;
        decompress_gzip(what, bytes, *n, max, &out, e);
        mem_free(what);
        mem_free(bytes);
    }
    *n = out.n;
    return out.bytes;
}

static bool add_blob(struct machine *m, enum fw_cfg_key size_key, enum fw_cfg_key data_key,
                     const char *what, const char *path, struct error *e)
{
    struct image_file f;
    if (!image_open(&f, what, path, e)) {
        return false;
    }
    size_t n = f.size;
    uint8_t *bytes = image_read_all(&f, what, m->config.ram_bytes, e);
    image_close(&f);
    if (bytes && data_key == FW_CFG_KERNEL_DATA) {
        bytes = unpack_gzip(path, bytes, &n, m->config.ram_bytes, e);
    }
    if (bytes) {
        fw_cfg_add_u32(virt_of(m)->fw_cfg, size_key, (uint32_t)n);
        fw_cfg_add(virt_of(m)->fw_cfg, data_key, bytes, n);
    }
    return bytes != NULL;
}

/* Firmware is handed the kernel instead of the guest starting in it; what gzip has packed is
 * unpacked. */
static bool give_kernel_to_firmware(struct machine *m, struct error *e)
{
    const struct machine_config *c = &m->config;
    struct device *d = virt_of(m)->fw_cfg;
    if (!add_blob(m, FW_CFG_KERNEL_SIZE, FW_CFG_KERNEL_DATA, "-kernel", c->kernel, e)) {
        return false;
    }
    if (c->initrd &&
        !add_blob(m, FW_CFG_INITRD_SIZE, FW_CFG_INITRD_DATA, "-initrd", c->initrd, e)) {
        return false;
    }
    const char *append = c->append ? c->append : "";
    size_t n = strlen(append) + 1;
    fw_cfg_add_u32(d, FW_CFG_CMDLINE_SIZE, (uint32_t)n);
    fw_cfg_add(d, FW_CFG_CMDLINE_DATA, mem_dup(append, n), n);
    return true;
}

/* ---- CPUs */

static void connect_cpu(struct machine *m, unsigned i)
{
    struct vcpu *cpu = m->vcpus[i];
    struct device *gic = virt_of(m)->gic_device;
    gic_connect(gic, i, vcpu_irq(cpu, ARM_LINE_IRQ), vcpu_irq(cpu, ARM_LINE_FIQ));
    gic_connect_nmi(gic, i, vcpu_irq(cpu, ARM_LINE_NMI));
    gic_set_affinity(gic, i, virt_affinity(i));
    if (virt_of(m)->gic == 3) {
        cpu->sysregs = gic_sysregs(gic);
    }
    arm_set_timer_irq(cpu, ARM_TIMER_PHYS, gic_ppi(gic, i, PPI_TIMER_PHYS));
    arm_set_timer_irq(cpu, ARM_TIMER_VIRT, gic_ppi(gic, i, PPI_TIMER_VIRT));
    arm_set_pmu_irq(cpu, gic_ppi(gic, i, PPI_PMU));
}

/* How many of n CPUs are in the cluster of CPU i, by affinity. */
static unsigned cluster_cpus(unsigned n, unsigned i)
{
    const unsigned first = i / VIRT_CLUSTER_CPUS * VIRT_CLUSTER_CPUS, left = n - first;
    return left < VIRT_CLUSTER_CPUS ? left : VIRT_CLUSTER_CPUS;
}

static bool add_cpus(struct machine *m, struct error *e)
{
    for (unsigned i = 0; i < m->config.cpus; i++) {
        struct vcpu *v = machine_add_vcpu(m, m->cls->cpu_classes[0], e);
        if (!v) {
            return false;
        }
        arm_set_mpidr(v, virt_affinity(i));
        arm_set_cbar(v, virt_rows[VIRT_GIC_DIST].base);
        arm_set_cluster_cpus(v, cluster_cpus(m->config.cpus, i));
        arm_set_seed(v, rng_u64(&m->rng));
    }
    return true;
}

/* ---- life */

static void add_ram(struct machine *m)
{
    space_add(m->memory, &(struct mem_range){.base = virt_rows[VIRT_RAM].base,
                                             .size = m->config.ram_bytes,
                                             .kind = RANGE_RAM,
                                             .name = "ram",
                                             .host = m->ram});
}

static bool virt_build(struct machine *m, struct error *e)
{
    struct virt *v = virt_of(m);
    if (!check_absent(v, e) || !choose_gic(v, m->config.max_cpus, e) || !check_memory(m, e)) {
        return false;
    }
    space_begin(m->memory);
    add_ram(m);
    bool good = add_cpus(m, e) && add_gic(m, e);
    for (unsigned i = 0; good && i < m->vcpu_count; i++) {
        connect_cpu(m, i);
    }
    good = good && add_uart(m, e);
    if (good) {
        v->rtc = make(m, "pl031", e);
        good = add_simple(m, VIRT_RTC, 0, &v->rtc, e) && add_gpio(m, e) && add_fw_cfg(m, e) &&
               add_flash(m, e) && add_ged(m, e) && add_virtio(m, e) && add_pcie(m, e);
    }
    space_commit(m->memory);
    return good;
}

static bool write_file(const char *path, const void *bytes, size_t n, struct error *e)
{
    FILE *f = fopen(path, "wb");
    bool good = f && fwrite(bytes, 1, n, f) == n;
    if (f && fclose(f) != 0) {
        good = false;
    }
    return good || error_set(e, "dumpdtb=%s: %s", path, strerror(errno));
}

static bool add_smbios(struct machine *m, struct error *e)
{
    const struct smbios_platform p = {.manufacturer = "QEMU", /* by which guests know the board */
                                      .product = "QEMU Virtual Machine",
                                      .version = m->cls->name,
                                      .ram_base = virt_rows[VIRT_RAM].base,
                                      .ram_bytes = m->config.ram_bytes};
    return smbios_add(virt_of(m)->fw_cfg, m, &p, e);
}

/* What firmware is told by fw_cfg. */
static bool add_firmware(struct machine *m, struct error *e)
{
    struct virt *v = virt_of(m);
    return fw_cfg_add_boot(v->fw_cfg, m, e) && add_smbios(m, e) &&
           (!has_acpi(v) || virt_acpi_add(m, e));
}

/* Memory has what the guest begins with: kernel, initial RAM disk, device tree. */
static bool virt_finish(struct machine *m, struct error *e)
{
    struct virt *v = virt_of(m);
    struct machine_config without_kernel = {0};
    size_t n;
    v->boot = (struct arm_boot){.ram_base = virt_rows[VIRT_RAM].base,
                                .ram_bytes = m->config.ram_bytes,
                                .placements = &m->placements};
    bool by_firmware = v->has_firmware && m->config.kernel;
    if ((by_firmware && !give_kernel_to_firmware(m, e)) || !add_firmware(m, e)) {
        return false;
    }
    if (!arm_boot_load(&v->boot, by_firmware ? &without_kernel : &m->config, e)) {
        return false;
    }
    uint8_t *tree = m->config.dtb ? virt_fdt_load(m, m->config.dtb, &n, e)
                                  : virt_fdt_create(m, &n, e);
    if (!tree) {
        return false;
    }
    virt_fdt_seed(m, tree);
    if (!(m->config.dump_dtb && !write_file(m->config.dump_dtb, tree, n, e)) &&
        arm_boot_place_dtb(&v->boot, n, e)) {
        return arm_boot_set_dtb(&v->boot, tree, n, e);
    }
    mem_free(tree);
    return false;
}

/*
 * The first vCPU begins with the kernel, or at the reset vector in flash; the others wait for PSCI.
 * The tree has been placed: the seeds in it are renewed where the guest will find them.
 */
static void virt_reset(struct machine *m)
{
    const struct virt *v = virt_of(m);
    void *tree = v->boot.has_dtb ? space_host(m->memory, v->boot.dtb, v->boot.dtb_size, true)
                                 : NULL;
    if (tree) {
        virt_fdt_seed(m, tree);
        dirty_written(m->memory, tree, v->boot.dtb_size);
    }
    for (unsigned i = 0; i < m->vcpu_count; i++) {
        m->vcpus[i]->powered_off = i > 0;
    }
    m->vcpus[0]->cls->boot(m->vcpus[0], v->boot.entry,
                           v->boot.contract == ARM_BOOT_LINUX ? v->boot.dtb : 0);
}

static void virt_power_button(struct machine *m)
{
    const struct virt *v = virt_of(m);
    if (v->ged) {
        ged_raise(v->ged, GED_POWER_DOWN);
    }
    gpio_key_press(v->power_key);
}

static struct bus *virt_default_bus(struct machine *m, enum bus_kind kind)
{
    const struct virt *v = virt_of(m);
    if (kind == BUS_PCI) {
        return gpex_bus(v->pcie);
    }
    /* The free virtio transport with the highest address, as guests of QEMU expect. */
    for (unsigned i = virt_rows[VIRT_VIRTIO].count; kind == BUS_VIRTIO && i-- > 0;) {
        if (!virtio_mmio_in_use(v->virtio[i])) {
            return virtio_mmio_bus(v->virtio[i]);
        }
    }
    return NULL;
}

static const struct cpu_class *const virt_cpus[] = {&arm_cpu_class, NULL};

/* What QEMU calls the board as its versions had it. The map has been the same since the first of
 * them; what differs are defaults that only a saved machine would notice. */
static const char *const virt_versions[] = {
    "virt-2.6",  "virt-2.7",  "virt-2.8", "virt-2.9", "virt-2.10", "virt-2.11", "virt-2.12",
    "virt-3.0",  "virt-3.1",  "virt-4.0", "virt-4.1", "virt-4.2",  "virt-5.0",  "virt-5.1",
    "virt-5.2",  "virt-6.0",  "virt-6.1", "virt-6.2", "virt-7.0",  "virt-7.1",  "virt-7.2",
    "virt-8.0",  "virt-8.1",  "virt-8.2", "virt-9.0", "virt-9.1",  "virt-9.2",  "virt-10.0",
    "virt-10.1", "virt-10.2", NULL};

const struct machine_class virt_machine_class = {
    .name = "virt",
    .also = virt_versions,
    .desc = "Arm virtual machine with QEMU's map",
    .arch = "aarch64",
    .cpu_classes = virt_cpus,
    .default_cpu = "max",
    .default_ram_bytes = UINT64_C(128) << 20,
    .max_cpus = 512,
    .board_size = sizeof(struct virt),
    .props = virt_props,
    .build = virt_build,
    .finish = virt_finish,
    .reset = virt_reset,
    .power_button = virt_power_button,
    .default_bus = virt_default_bus,
    .default_net_device = "virtio-net-pci",
    .default_disk_interface = "virtio",
};
