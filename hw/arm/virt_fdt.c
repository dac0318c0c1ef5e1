/* SPDX-License-Identifier: MIT */
/*
 * The device tree of the virt board, from its rows (virt.c) and the machine's configuration; and a
 * user's own tree. Devicetree Specification 0.4; the bindings are Linux's
 * (Documentation/devicetree/bindings).
 */
#include <inttypes.h>
#include <libfdt.h>

#include "base/bits.h"
#include "base/mem.h"
#include "hw/arm/virt.h"
#include "hw/fdt_modules.h"
#include "hw/fdt_writer.h"
#include "hw/numa.h"

#define TREE_MAX (1 << 20)
#define USER_ROOM 20000 /* for additions to a user's tree, which has twice its size */

/* Handles by which nodes refer to each other; those of CPUs follow the last. */
enum phandle {
    PH_NONE,
    PH_CLOCK = 0x8000,
    PH_GIC,
    PH_MSI,
    PH_GPIO,
    PH_CPU
};

enum {
    IRQ_SPI = 0,
    IRQ_PPI = 1
};
enum {
    IRQ_EDGE = 1,
    IRQ_LEVEL = 4
};

struct tree {
    struct fdt_writer w;
    const struct machine *m;
    const struct virt *v;
};

/* ---- small pieces */

static void reg(struct tree *t, enum virt_part part)
{
    const struct virt_row *r = &virt_rows[part];
    FDT_CELLS(&t->w, "reg", FDT_HI_LO(r->base), FDT_HI_LO(r->size));
}

static void interrupt(struct tree *t, enum virt_part part, unsigned index, uint32_t trigger)
{
    FDT_CELLS(&t->w, "interrupts", IRQ_SPI, (uint32_t)virt_rows[part].spi + index, trigger);
}

/* A private interrupt's trigger cell; GICv2's also says which vCPUs have it. */
static uint32_t private_trigger(const struct tree *t)
{
    return t->v->gic == 2 ? IRQ_LEVEL | (uint32_t)mask64(t->m->config.cpus) << 8 : IRQ_LEVEL;
}

static void begin(struct tree *t, enum virt_part part)
{
    fdt_node(&t->w, "%s@%" PRIx64, virt_rows[part].name, virt_rows[part].base);
}

/* The model part of -cpu, as the binding spells it; the model "max" has none. */
static char *cpu_compatible(const struct tree *t)
{
    const char *cpu = t->m->config.cpu ? t->m->config.cpu : t->m->cls->default_cpu;
    int n = (int)strcspn(cpu, ",");
    return strncmp(cpu, "max", (size_t)n) == 0 ? mem_strdup("arm,cortex-a57")
                                               : mem_printf("arm,%.*s", n, cpu);
}

/* ---- nodes, in the order in which they stand in the tree */

static void psci_node(struct tree *t)
{
    struct fdt_writer *w = &t->w;
    fdt_node(w, "psci");
    fdt_texts(w, "compatible", "arm,psci-1.0", "arm,psci-0.2", "arm,psci", NULL);
    fdt_text(w, "method", "hvc");
    fdt_u32(w, "cpu_suspend", 0xc4000001);
    fdt_u32(w, "cpu_off", 0x84000002);
    fdt_u32(w, "cpu_on", 0xc4000003);
    fdt_u32(w, "migrate", 0xc4000005);
    fdt_node_end(w);
}

static void memory_range(struct fdt_writer *w, paddr base, uint64_t bytes, int node)
{
    fdt_node(w, "memory@%" PRIx64, base);
    if (node >= 0) {
        fdt_u32(w, "numa-node-id", (uint32_t)node);
    }
    fdt_text(w, "device_type", "memory");
    FDT_CELLS(w, "reg", FDT_HI_LO(base), FDT_HI_LO(bytes));
    fdt_node_end(w);
}

/* Each NUMA node has a range of its own. */
static void memory_nodes(struct tree *t)
{
    const struct numa *n = t->m->config.numa;
    paddr base = virt_rows[VIRT_RAM].base;
    if (!n) {
        memory_range(&t->w, base, t->m->config.ram_bytes, -1);
    }
    for (unsigned i = 0; n && i < n->count; i++) {
        if (n->node[i].bytes) {
            memory_range(&t->w, base, n->node[i].bytes, (int)i);
            base += n->node[i].bytes;
        }
    }
}

/* Devicetree binding numa.txt: from, to, distance. */
static void distance_node(struct tree *t)
{
    const struct numa *n = t->m->config.numa;
    if (!n || !n->has_distances) {
        return;
    }
    uint32_t *cells = mem_array(3 * n->count * n->count, sizeof(*cells)), *c = cells;
    for (uint32_t i = 0; i < n->count * n->count; i++) {
        const uint32_t from = i / n->count, to = i % n->count;
        *c++ = from;
        *c++ = to;
        *c++ = n->distance[from][to];
    }
    fdt_node(&t->w, "distance-map");
    fdt_text(&t->w, "compatible", "numa-distance-map-v1");
    fdt_cells(&t->w, "distance-matrix", cells, (int)(c - cells));
    fdt_node_end(&t->w);
    mem_free(cells);
}

static void fw_cfg_node(struct tree *t)
{
    begin(t, VIRT_FW_CFG);
    fdt_text(&t->w, "compatible", "qemu,fw-cfg-mmio");
    reg(t, VIRT_FW_CFG);
    fdt_empty(&t->w, "dma-coherent");
    fdt_node_end(&t->w);
}

static void virtio_nodes(struct tree *t)
{
    const struct virt_row *r = &virt_rows[VIRT_VIRTIO];
    for (unsigned i = 0; i < r->count; i++) {
        paddr base = r->base + i * r->size;
        fdt_node(&t->w, "%s@%" PRIx64, r->name, base);
        fdt_text(&t->w, "compatible", "virtio,mmio");
        FDT_CELLS(&t->w, "reg", FDT_HI_LO(base), FDT_HI_LO(r->size));
        interrupt(t, VIRT_VIRTIO, i, IRQ_EDGE);
        fdt_empty(&t->w, "dma-coherent");
        fdt_node_end(&t->w);
    }
}

#define KEY_POWER 116 /* Linux, input-event-codes.h */

static void gpio_nodes(struct tree *t)
{
    struct fdt_writer *w = &t->w;
    fdt_node(w, "gpio-keys");
    fdt_text(w, "compatible", "gpio-keys");
    fdt_node(w, "poweroff");
    fdt_text(w, "label", "GPIO Key Poweroff");
    fdt_u32(w, "linux,code", KEY_POWER);
    FDT_CELLS(w, "gpios", PH_GPIO, VIRT_POWER_PIN, 0);
    fdt_node_end(w);
    fdt_node_end(w);

    begin(t, VIRT_GPIO);
    fdt_texts(w, "compatible", "arm,pl061", "arm,primecell", NULL);
    reg(t, VIRT_GPIO);
    fdt_u32(w, "#gpio-cells", 2);
    fdt_empty(w, "gpio-controller");
    interrupt(t, VIRT_GPIO, 0, IRQ_LEVEL);
    fdt_u32(w, "clocks", PH_CLOCK);
    fdt_text(w, "clock-names", "apb_pclk");
    fdt_u32(w, "phandle", PH_GPIO);
    fdt_node_end(w);
}

/* INTA to INTD of the devices of slot n are the four lines, rotated by n. */
static void interrupt_map(struct tree *t)
{
    uint32_t cells[4 * 4 * 10], *c = cells;
    for (uint32_t slot = 0; slot < 4; slot++) {
        for (uint32_t pin = 0; pin < 4; pin++) {
            uint32_t row[10] = {
                slot << 11, 0, 0, pin + 1, PH_GIC, 0, 0, IRQ_SPI, VIRT_PCIE_SPI + (slot + pin) % 4,
                IRQ_LEVEL};
            memcpy(c, row, sizeof(row));
            c += 10;
        }
    }
    fdt_cells(&t->w, "interrupt-map", cells, (int)array_len(cells));
    FDT_CELLS(&t->w, "interrupt-map-mask", 3 << 11, 0, 0, 7);
}

enum {
    PCI_IO = 0x1000000,
    PCI_MEM32 = 0x2000000,
    PCI_MEM64 = 0x3000000
};

static void pcie_node(struct tree *t)
{
    struct fdt_writer *w = &t->w;
    const struct virt_row *ecam = virt_ecam_row(t->v);
    const struct virt_row *pio = &virt_rows[VIRT_PCIE_PIO], *low = &virt_rows[VIRT_PCIE_MMIO];
    const struct virt_row *high = &virt_rows[VIRT_HIGH_MMIO];
    begin(t, VIRT_PCIE_MMIO);
    fdt_text(w, "compatible", "pci-host-ecam-generic");
    fdt_text(w, "device_type", "pci");
    fdt_u32(w, "#address-cells", 3);
    fdt_u32(w, "#size-cells", 2);
    fdt_u32(w, "linux,pci-domain", 0);
    FDT_CELLS(w, "bus-range", 0, (uint32_t)(ecam->size >> 20) - 1);
    fdt_empty(w, "dma-coherent");
    if (t->v->gic == 2 || t->v->has_its) {
        FDT_CELLS(w, "msi-map", 0, PH_MSI, 0, 0x10000);
    }
    FDT_CELLS(w, "reg", FDT_HI_LO(ecam->base), FDT_HI_LO(ecam->size));
    const uint32_t ranges[] = {
        PCI_IO,    FDT_HI_LO(0),          FDT_HI_LO(pio->base),  FDT_HI_LO(pio->size),
        PCI_MEM32, FDT_HI_LO(low->base),  FDT_HI_LO(low->base),  FDT_HI_LO(low->size),
        PCI_MEM64, FDT_HI_LO(high->base), FDT_HI_LO(high->base), FDT_HI_LO(high->size),
    };
    fdt_cells(w, "ranges", ranges, virt_has_high_mmio(t->v) ? 21 : 14);
    fdt_u32(w, "#interrupt-cells", 1);
    interrupt_map(t);
    fdt_node_end(w);
}

static void rtc_node(struct tree *t)
{
    begin(t, VIRT_RTC);
    fdt_texts(&t->w, "compatible", "arm,pl031", "arm,primecell", NULL);
    reg(t, VIRT_RTC);
    interrupt(t, VIRT_RTC, 0, IRQ_LEVEL);
    fdt_u32(&t->w, "clocks", PH_CLOCK);
    fdt_text(&t->w, "clock-names", "apb_pclk");
    fdt_node_end(&t->w);
}

static void uart_node(struct tree *t)
{
    begin(t, VIRT_UART);
    fdt_texts(&t->w, "compatible", "arm,pl011", "arm,primecell", NULL);
    reg(t, VIRT_UART);
    interrupt(t, VIRT_UART, 0, IRQ_LEVEL);
    FDT_CELLS(&t->w, "clocks", PH_CLOCK, PH_CLOCK);
    fdt_texts(&t->w, "clock-names", "uartclk", "apb_pclk", NULL);
    fdt_node_end(&t->w);
}

static void pmu_node(struct tree *t)
{
    fdt_node(&t->w, "pmu");
    fdt_text(&t->w, "compatible", "arm,armv8-pmuv3");
    FDT_CELLS(&t->w, "interrupts", IRQ_PPI, PPI_PMU, private_trigger(t));
    fdt_node_end(&t->w);
}

static void gicv2_parts(struct tree *t)
{
    struct fdt_writer *w = &t->w;
    const struct virt_row *dist = &virt_rows[VIRT_GIC_DIST], *cpu = &virt_rows[VIRT_GIC_CPU];
    fdt_text(w, "compatible", "arm,cortex-a15-gic");
    FDT_CELLS(w, "reg", FDT_HI_LO(dist->base), FDT_HI_LO(dist->size), FDT_HI_LO(cpu->base),
              FDT_HI_LO(cpu->size));
    begin(t, VIRT_GIC_V2M);
    fdt_text(w, "compatible", "arm,gic-v2m-frame");
    fdt_empty(w, "msi-controller");
    reg(t, VIRT_GIC_V2M);
    fdt_u32(w, "phandle", PH_MSI);
    fdt_node_end(w);
}

static void gicv3_parts(struct tree *t)
{
    struct fdt_writer *w = &t->w;
    const struct virt_row *dist = &virt_rows[VIRT_GIC_DIST], *low = &virt_rows[VIRT_GIC_REDIST];
    const struct virt_row *high = &virt_rows[VIRT_HIGH_REDIST];
    bool two = t->m->config.cpus > virt_redists_low();
    const uint32_t parts[] = {FDT_HI_LO(dist->base), FDT_HI_LO(dist->size), FDT_HI_LO(low->base),
                              FDT_HI_LO(low->size),  FDT_HI_LO(high->base), FDT_HI_LO(high->size)};
    fdt_text(w, "compatible", "arm,gic-v3");
    fdt_u32(w, "#redistributor-regions", two ? 2 : 1);
    fdt_cells(w, "reg", parts, two ? 12 : 8);
    if (t->v->has_its) {
        begin(t, VIRT_GIC_ITS);
        fdt_text(w, "compatible", "arm,gic-v3-its");
        fdt_empty(w, "msi-controller");
        fdt_u32(w, "#msi-cells", 1);
        reg(t, VIRT_GIC_ITS);
        fdt_u32(w, "phandle", PH_MSI);
        fdt_node_end(w);
    }
}

static void gic_node(struct tree *t)
{
    struct fdt_writer *w = &t->w;
    begin(t, VIRT_GIC_DIST);
    fdt_u32(w, "phandle", PH_GIC);
    fdt_u32(w, "#interrupt-cells", 3);
    fdt_empty(w, "interrupt-controller");
    fdt_u32(w, "#address-cells", 2);
    fdt_u32(w, "#size-cells", 2);
    fdt_empty(w, "ranges");
    if (t->v->gic == 2) {
        gicv2_parts(t);
    } else {
        gicv3_parts(t);
    }
    fdt_node_end(w);
}

static void flash_node(struct tree *t)
{
    const struct virt_row *r = &virt_rows[VIRT_FLASH];
    begin(t, VIRT_FLASH);
    fdt_text(&t->w, "compatible", "cfi-flash");
    FDT_CELLS(&t->w, "reg", FDT_HI_LO(r->base), FDT_HI_LO(r->size), FDT_HI_LO(r->base + r->size),
              FDT_HI_LO(r->size));
    fdt_u32(&t->w, "bank-width", 4);
    fdt_node_end(&t->w);
}

/* A level of the topology: what its nodes are called, and how many CPUs one of them has. */
struct level {
    const char *name;
    unsigned cpus;
    unsigned in_parent;
};

/* Sockets of clusters of cores of threads; a core with one thread is that CPU. */
static void cpu_map(struct tree *t)
{
    struct fdt_writer *w = &t->w;
    const struct machine_config *c = &t->m->config;
    const unsigned threads = c->threads, per_cluster = c->cores * threads;
    const struct level levels[] = {
        {"socket", c->clusters * per_cluster, c->sockets},
        {"cluster", per_cluster, c->clusters},
        {"core", threads, c->cores},
        {"thread", 1, threads},
    };
    const unsigned depth = threads > 1 ? 4 : 3;

    fdt_node(w, "cpu-map");
    for (unsigned i = 0; i < c->cpus; i++) {
        for (unsigned k = 0; k < depth; k++) {
            if (i % levels[k].cpus == 0) {
                fdt_node(w, "%s%u", levels[k].name, i / levels[k].cpus % levels[k].in_parent);
            }
        }
        fdt_u32(w, "cpu", PH_CPU + i);
        for (unsigned k = depth; k-- > 0;) {
            if ((i + 1) % levels[k].cpus == 0 || i + 1 == c->cpus) {
                fdt_node_end(w);
            }
        }
    }
    fdt_node_end(w);
}

static void cpus_node(struct tree *t)
{
    struct fdt_writer *w = &t->w;
    char *compatible = cpu_compatible(t);
    fdt_node(w, "cpus");
    fdt_u32(w, "#address-cells", 1);
    fdt_u32(w, "#size-cells", 0);
    cpu_map(t);
    for (unsigned i = 0; i < t->m->config.cpus; i++) {
        fdt_node(w, "cpu@%u", i);
        fdt_text(w, "device_type", "cpu");
        fdt_text(w, "compatible", compatible);
        if (t->m->config.cpus > 1) {
            fdt_text(w, "enable-method", "psci");
        }
        fdt_u32(w, "reg", (uint32_t)virt_affinity(i));
        if (t->m->config.numa) {
            fdt_u32(w, "numa-node-id", t->m->config.numa->cpu_node[i]);
        }
        fdt_u32(w, "phandle", PH_CPU + i);
        fdt_node_end(w);
    }
    fdt_node_end(w);
    mem_free(compatible);
}

static void timer_node(struct tree *t)
{
    uint32_t trigger = private_trigger(t);
    fdt_node(&t->w, "timer");
    fdt_texts(&t->w, "compatible", "arm,armv8-timer", "arm,armv7-timer", NULL);
    fdt_empty(&t->w, "always-on");
    FDT_CELLS(&t->w, "interrupts", IRQ_PPI, PPI_TIMER_SEC, trigger, IRQ_PPI, PPI_TIMER_PHYS,
              trigger, IRQ_PPI, PPI_TIMER_VIRT, trigger, IRQ_PPI, PPI_TIMER_HYP, trigger);
    fdt_node_end(&t->w);
}

static void clock_node(struct tree *t)
{
    fdt_node(&t->w, "apb-pclk");
    fdt_text(&t->w, "compatible", "fixed-clock");
    fdt_u32(&t->w, "#clock-cells", 0);
    fdt_u32(&t->w, "clock-frequency", VIRT_CLOCK_HZ);
    fdt_text(&t->w, "clock-output-names", "clk24mhz");
    fdt_u32(&t->w, "phandle", PH_CLOCK);
    fdt_node_end(&t->w);
}

static void chosen_node(struct tree *t)
{
    static const uint8_t zeros[32];
    struct fdt_writer *w = &t->w;
    const struct arm_boot *b = &t->v->boot;
    char *uart = mem_printf("/%s@%" PRIx64, virt_rows[VIRT_UART].name, virt_rows[VIRT_UART].base);
    fdt_node(w, "aliases");
    fdt_text(w, "serial0", uart);
    fdt_node_end(w);
    fdt_node(w, "chosen");
    if (b->initrd_end > b->initrd_start) {
        fdt_u64(w, "linux,initrd-start", b->initrd_start);
        fdt_u64(w, "linux,initrd-end", b->initrd_end);
    }
    if (t->m->config.append && *t->m->config.append) {
        fdt_text(w, "bootargs", t->m->config.append);
    }
    fdt_text(w, "stdout-path", uart);
    if (t->v->dtb_randomness && t->v->dtb_kaslr_seed) {
        fdt_bytes(w, "rng-seed", zeros, 32);
        fdt_bytes(w, "kaslr-seed", zeros, 8);
    }
    fdt_node_end(w);
    mem_free(uart);
}

/*
 * A finished tree with room for what firmware and boot loaders add to it, as much as QEMU gives
 * (frees the given one), and with the modules of the machine.
 */
static void *make_room(const struct machine *m, void *tree, size_t room, size_t *bytes,
                       struct error *e)
{
    void *larger = mem_alloc(room);
    int status = fdt_open_into(tree, larger, (int)room);
    status = status < 0 ? status : fdt_add_modules(larger, m);
    mem_free(tree);
    if (status < 0) {
        error_set(e, "the device tree has no room for all of it: %s", fdt_strerror(status));
        mem_free(larger);
        return NULL;
    }
    *bytes = room;
    return larger;
}

void *virt_fdt_create(const struct machine *m, size_t *bytes, struct error *e)
{
    struct tree t = {.m = m, .v = virt_of(m)};
    fdt_writer_begin(&t.w, TREE_MAX);
    fdt_u32(&t.w, "interrupt-parent", PH_GIC);
    fdt_empty(&t.w, "dma-coherent");
    fdt_text(&t.w, "model", "linux,dummy-virt");
    fdt_u32(&t.w, "#size-cells", 2);
    fdt_u32(&t.w, "#address-cells", 2);
    fdt_text(&t.w, "compatible", "linux,dummy-virt");
    psci_node(&t);
    memory_nodes(&t);
    fw_cfg_node(&t);
    virtio_nodes(&t);
    gpio_nodes(&t);
    pcie_node(&t);
    rtc_node(&t);
    uart_node(&t);
    pmu_node(&t);
    gic_node(&t);
    flash_node(&t);
    distance_node(&t);
    cpus_node(&t);
    timer_node(&t);
    clock_node(&t);
    chosen_node(&t);
    void *tree = fdt_writer_finish(&t.w, bytes, e);
    return tree ? make_room(m, tree, TREE_MAX, bytes, e) : NULL;
}

static void seed(struct machine *m, void *tree, int node, const char *name)
{
    int n;
    void *p = fdt_getprop_w(tree, node, name, &n);
    if (p && n > 0) {
        rng_bytes(&m->rng, p, (size_t)n);
    }
}

void virt_fdt_seed(struct machine *m, void *tree)
{
    int chosen = fdt_path_offset(tree, "/chosen");
    if (chosen >= 0) {
        seed(m, tree, chosen, "rng-seed");
        seed(m, tree, chosen, "kaslr-seed");
    }
}

/* ---- a user's tree */

static int put_number(void *tree, int node, const char *name, uint32_t cells, uint64_t value)
{
    return cells == 1 ? fdt_appendprop_u32(tree, node, name, (uint32_t)value)
                      : fdt_appendprop_u64(tree, node, name, value);
}

/* Replaces all memory nodes by one of what this machine has. */
static int set_memory(const struct machine *m, void *tree)
{
    paddr base = virt_rows[VIRT_RAM].base;
    char name[32];
    int cells_a = fdt_address_cells(tree, 0), cells_s = fdt_size_cells(tree, 0), node, status;
    if (cells_a < 1 || cells_a > 2 || cells_s < 1 || cells_s > 2) {
        return -FDT_ERR_BADNCELLS;
    }
    while ((node = fdt_node_offset_by_prop_value(tree, -1, "device_type", "memory", 7)) >= 0) {
        status = fdt_del_node(tree, node);
        if (status < 0) {
            return status;
        }
    }
    snprintf(name, sizeof(name), "memory@%" PRIx64, base);
    node = fdt_add_subnode(tree, 0, name);
    status = node < 0 ? node : fdt_setprop_string(tree, node, "device_type", "memory");
    status = status < 0 ? status : put_number(tree, node, "reg", (uint32_t)cells_a, base);
    return status < 0 ? status
                      : put_number(tree, node, "reg", (uint32_t)cells_s, m->config.ram_bytes);
}

static int set_chosen(const struct machine *m, void *tree)
{
    const struct arm_boot *b = &virt_of(m)->boot;
    int node = fdt_path_offset(tree, "/chosen"), status = 0;
    if (node < 0) {
        node = fdt_add_subnode(tree, 0, "chosen");
    }
    if (node < 0) {
        return node;
    }
    if (m->config.append && *m->config.append) {
        status = fdt_setprop_string(tree, node, "bootargs", m->config.append);
    }
    if (status >= 0 && b->initrd_end > b->initrd_start) {
        status = fdt_setprop_u64(tree, node, "linux,initrd-start", b->initrd_start);
        status = status < 0 ? status
                            : fdt_setprop_u64(tree, node, "linux,initrd-end", b->initrd_end);
    }
    return status;
}

/* What libfdt calls complete, of the versions that have names and sizes where it looks for them: of
 * an older one's nodes without a path in their name it would read the name at NULL. */
static int check_tree(const uint8_t *file, size_t size)
{
    enum {
        HEADER_BYTES = 40, /* of version 17 */
        VERSION_AT = 20,
        VERSION_MIN = 16
    };
    if (size >= HEADER_BYTES && load_be32(file) == FDT_MAGIC &&
        load_be32(file + VERSION_AT) < VERSION_MIN) {
        return -FDT_ERR_BADVERSION;
    }
    return fdt_check_full(file, size);
}

void *virt_fdt_load(const struct machine *m, const char *path, size_t *bytes, struct error *e)
{
    struct image_file f;
    if (!image_open(&f, "-dtb", path, e)) {
        return NULL;
    }
    size_t size = f.size;
    uint8_t *file = image_read_all(&f, "-dtb", TREE_MAX, e);
    image_close(&f);
    if (!file) {
        return NULL;
    }
    void *tree = mem_alloc(size + TREE_MAX);
    int status = check_tree(file, size);
    status = status < 0 ? status : fdt_open_into(file, tree, (int)size + TREE_MAX);
    status = status < 0 ? status : set_memory(m, tree);
    status = status < 0 ? status : set_chosen(m, tree);
    status = status < 0 ? status : fdt_pack(tree);
    mem_free(file);
    if (status < 0) {
        error_set(e, "-dtb %s: not a usable device tree: %s", path, fdt_strerror(status));
        mem_free(tree);
        return NULL;
    }
    const size_t packed = fdt_totalsize(tree), twice = 2 * size;
    return make_room(m, tree, (packed > twice ? packed : twice) + USER_ROOM, bytes, e);
}
