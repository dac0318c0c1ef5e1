/* SPDX-License-Identifier: MIT */
/*
 * The device for tests of accesses, "pci-testdev": QEMU's documentation, "pci-test device". BAR 0
 * is of memory, BAR 1 of ports; each begins with a header by which a guest chooses a test, learns
 * what to write and where, and finds how many of its writes have been seen. BAR 2, of membar=
 * bytes, has nothing behind it.
 */
#include "base/bits.h"
#include "hw/pci/pci.h"

enum {
    TEST = 0,
    WIDTH = 1,
    OFFSET = 4,
    DATA = 8,
    COUNT = 12,
    NAME = 16,
    HEADER_BYTES = 48,

    MEMORY_BYTES = 4096,
    PORT_BYTES = 256,
    AREAS = 2, /* memory, ports */
    NO_WIDTH = 0xff,
    NO_TEST = 0xff,
};
#define MEMBAR_MOST (UINT64_C(1) << 38)

/* What is to be written; the second and the third test tell apart who looks at addresses only. */
static const struct {
    const char *name;
    uint8_t width;
    bool any_data;
    uint16_t offset;
    uint8_t data;
} tests[] = {
    {"no-eventfd", 1, true, 0x40, 0xfa},
    {"wildcard-eventfd", 1, true, 0x50, 0xfb},
    {"datamatch-eventfd", 1, false, 0x60, 0xfc},
};

struct area {
    uint32_t count;
    uint8_t test;
    uint8_t pad[3];
};

struct testdev {
    struct pci_device pci; /* first */
    uint64_t membar;       /* property */
    struct area area[AREAS];
};

static struct testdev *of(void *d)
{
    return d;
}

/* ---- registers */

static void make_header(const struct area *a, uint8_t *h)
{
    memset(h, 0, HEADER_BYTES);
    h[TEST] = a->test;
    h[WIDTH] = NO_WIDTH;
    store_le32(h + COUNT, a->count);
    if (a->test < array_len(tests)) {
        h[WIDTH] = tests[a->test].width;
        store_le32(h + OFFSET, tests[a->test].offset);
        store_le32(h + DATA, tests[a->test].data);
        memcpy(h + NAME, tests[a->test].name, strlen(tests[a->test].name));
    }
}

static uint64_t area_read(const struct area *a, uint64_t offset, unsigned size)
{
    uint8_t h[HEADER_BYTES + 8] = {0};
    make_header(a, h);
    return offset < HEADER_BYTES ? load_le(h + offset, size) : 0;
}

static void area_write(struct area *a, uint64_t offset, uint64_t value, unsigned size)
{
    if (offset == TEST) {
        a->test = (uint8_t)value;
        a->count = 0;
    } else if (a->test < array_len(tests) && offset == tests[a->test].offset &&
               size == tests[a->test].width &&
               (tests[a->test].any_data || value == tests[a->test].data)) {
        a->count++;
    }
}

static uint64_t memory_read(void *d, uint64_t offset, unsigned size)
{
    return area_read(&of(d)->area[0], offset, size);
}

static void memory_write(void *d, uint64_t offset, uint64_t value, unsigned size)
{
    area_write(&of(d)->area[0], offset, value, size);
}

static uint64_t ports_read(void *d, uint64_t offset, unsigned size)
{
    return area_read(&of(d)->area[1], offset, size);
}

static void ports_write(void *d, uint64_t offset, uint64_t value, unsigned size)
{
    area_write(&of(d)->area[1], offset, value, size);
}

static const struct mmio_ops memory_ops = {
    .read = memory_read, .write = memory_write, .sizes = 1 | 2 | 4};
static const struct mmio_ops port_ops = {
    .read = ports_read, .write = ports_write, .sizes = 1 | 2 | 4};

/* ---- life */

static const struct pci_class testdev_pci = {
    .vendor = 0x1b36,
    .device = 0x0005,
    .subsystem_vendor = 0x1af4,
    .subsystem = 0x1100,
    .class_code = 0x00ff00,
};

static bool testdev_create(struct device *dev, struct error *e)
{
    struct testdev *d = of(dev);
    struct os_mutex *lock = dev->machine->lock;
    if (d->membar && (!is_pow2(d->membar) || d->membar < 16 || d->membar > MEMBAR_MOST)) {
        return error_set(e, "pci-testdev: membar=%llu: a power of two from 16 to 256 GiB, or 0",
                         (unsigned long long)d->membar);
    }
    pci_device_init(&d->pci, &testdev_pci);
    pci_bar_add(&d->pci, 0, PCI_BAR_MEM32, MEMORY_BYTES);
    pci_bar_add_part(&d->pci, 0,
                     &(struct pci_bar_part){0, MEMORY_BYTES, "testdev", &memory_ops, d, lock});
    pci_bar_add(&d->pci, 1, PCI_BAR_IO, PORT_BYTES);
    pci_bar_add_part(&d->pci, 1,
                     &(struct pci_bar_part){0, PORT_BYTES, "testdev-ports", &port_ops, d, lock});
    if (d->membar) {
        pci_bar_add(&d->pci, 2, PCI_BAR_MEM64 | PCI_BAR_PREFETCH, d->membar);
    }
    return true;
}

static void testdev_destroy(struct device *dev)
{
    pci_device_fini(&of(dev)->pci);
}

static void testdev_reset(struct device *dev)
{
    of(dev)->area[0].test = of(dev)->area[1].test = NO_TEST;
    pci_device_reset(&of(dev)->pci);
}

static bool testdev_check(struct device *dev, struct error *e)
{
    return pci_device_check(&of(dev)->pci, e);
}

static void testdev_loaded(struct device *dev)
{
    pci_device_loaded(&of(dev)->pci);
}

static const struct prop testdev_props[] = {
    PCI_PROPS(testdev, pci),
    {"membar", PROP_SIZE, offsetof(struct testdev, membar), "0",
     "bytes of a BAR with nothing behind it", NULL},
    PROP_END,
};

static const struct field area_fields[] = {
    FIELD(area, count),
    FIELD(area, test),
    FIELD_SKIP(area, pad),
    FIELD_END,
};
static const struct field testdev_fields[] = {
    PCI_FIELDS(testdev, pci),
    FIELD_PARTS(testdev, area, area_fields, area),
    FIELD_END,
};

const struct device_class pci_testdev_class = {
    .name = "pci-testdev",
    .desc = "device for tests of accesses",
    .bus = BUS_PCI,
    .size = sizeof(struct testdev),
    .props = testdev_props,
    .fields = testdev_fields,
    .create = testdev_create,
    .reset = testdev_reset,
    .destroy = testdev_destroy,
    .check = testdev_check,
    .loaded = testdev_loaded,
    .flags = DEVICE_THREAD_SAFE | DEVICE_PLUGGABLE,
    .kind = &testdev_pci,
};
