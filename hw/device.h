/* SPDX-License-Identifier: MIT */
/*
 * Devices: a class is const data, a device is a C struct that starts with struct device.
 *
 * Life: properties set, create once (false with an error: nothing left behind), reset any number of
 * times, destroy. props[], regs[] and fields[] together list every byte of the struct behind struct
 * device (device_check_class), and regs[] and fields[] (base/fields.h) its state, from which reset,
 * saving and loading (hw/state.h) derive.
 */
#ifndef HW_DEVICE_H
#define HW_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fields.h"
#include "base/irq.h"
#include "base/os.h"
#include "base/strbuf.h"
#include "memory/dma.h"
#include "memory/space.h"

struct device;
struct bus;
struct machine;

enum bus_kind {
    BUS_NONE,
    BUS_SYSTEM,
    BUS_PCI,
    BUS_VIRTIO,
    BUS_USB,
    BUS_ISA,
    BUS_I2C,
    BUS_SPI,
    BUS_SCSI,
    BUS_VIRTIO_SERIAL,
    BUS_NVME,
    BUS_IDE,
    BUS_FLOPPY
};

enum prop_type {
    PROP_BOOL,
    PROP_U8,
    PROP_U16,
    PROP_U32,
    PROP_U64,
    PROP_SIZE /* K M G suffixes */,
    PROP_STRING /* char *, owned */,
    PROP_ENUM /* int; names in choices */,
    PROP_MAC /* uint8_t[6] */,
    PROP_PCI_ADDR /* int32_t devfn, -1 any: "5", "5.1" */,
    PROP_BOOTINDEX /* int32_t, -1 none: the place among what firmware boots from */,
    PROP_DRIVE,
    PROP_NETDEV,
    PROP_CHARDEV,
    PROP_OBJECT /* char *id, resolved by create through the machine */
};

struct prop {
    const char *name;
    enum prop_type type;
    size_t offset;       /* of the member in the device struct */
    const char *initial; /* default as text, or NULL for zero; of a number also a word, such as
                            "auto", that stands for all ones */
    const char *desc;
    const char *const *choices; /* PROP_ENUM: NULL-terminated */
};

/* A register window row. A register that only stores has no function. size in bytes, 1..8; 0
 * means 4. */
struct reg {
    uint64_t offset;
    const char *name;
    size_t member; /* offset of the uint32_t/uint64_t member in the device struct, or REG_NONE */
    uint64_t writable; /* bits that a write changes */
    uint64_t initial;  /* value at reset */
    uint64_t (*on_read)(struct device *d,
                        const struct reg *r); /* NULL: the member, or initial if none */
    void (*on_write)(struct device *d, const struct reg *r,
                     uint64_t value); /* called after the member was changed; value as written */
    uint8_t size;
    uint8_t since; /* version of the class's section that has the member first, see base/fields.h */
    uint16_t count,
        stride; /* an array of registers: member[i] at offset + i*stride; 0 and 1 mean one */
};
#define REG_NONE ((size_t)-1)

/* Rows: a register with a member; one without (bits 0..31 of rd's result, wr's argument); one that
 * always reads the same. */
#define REG(type, at, label, m, bits, at_reset, rd, wr)                                            \
    {                                                                                              \
        .offset = at, .name = label, .member = offsetof(struct type, m), .writable = bits,         \
        .initial = at_reset, .on_read = rd, .on_write = wr                                         \
    }
#define REG_FN(at, label, rd, wr)                                                                  \
    {                                                                                              \
        .offset = at, .name = label, .member = REG_NONE, .on_read = rd, .on_write = wr             \
    }
#define REG_CONST(at, label, value)                                                                \
    {                                                                                              \
        .offset = at, .name = label, .member = REG_NONE, .initial = value                          \
    }
/* n registers that the hardware has and the model has not: they read 0, and who touches them is
 * told of in the log as unimp. */
#define REG_UNIMP(at, label, n)                                                                    \
    {                                                                                              \
        .offset = at, .name = label, .member = REG_NONE, .on_read = device_unimp_read,             \
        .on_write = device_unimp_write, .count = n                                                 \
    }
#define REG_END                                                                                    \
    {                                                                                              \
        .name = NULL                                                                               \
    }
#define PROP_END                                                                                   \
    {                                                                                              \
        .name = NULL                                                                               \
    }

enum {
    DEVICE_THREAD_SAFE = 1,
    DEVICE_PLUGGABLE = 2 /* by -device */,
    DEVICE_INTERNAL = 4 /* not listed */,
    DEVICE_STAYS = 8 /* it neither comes nor goes while the machine runs */
};

struct device_class {
    const char *name;
    const char *desc;
    const char *alias; /* another accepted name, or NULL */
    enum bus_kind bus;
    size_t size;                /* of the device struct */
    const struct prop *props;   /* ends with .name NULL */
    const struct reg *regs;     /* ends with .name NULL */
    const struct field *fields; /* ends with .name NULL */
    uint64_t window_size; /* bytes of the main register window (system bus), 0: none by table */
    const struct mmio_ops
        *ops; /* of that window; NULL: device_mmio_ops. Their opaque is the device */
    bool (*create)(struct device *d, struct error *e);
    void (*reset)(struct device *d);
    void (*destroy)(struct device *d);
    uint8_t version; /* of the section that holds the state; 0 means 1 */
    /*
     * Saving and loading, with the vCPUs stopped: the passes of hw/state.h, each over all devices.
     * settle finishes what is under way, or parks it in the state, and returns when no thread will
     * touch the state or guest memory; twice is as good as once. check looks at fields that were
     * just loaded, before anything follows from them: false, with what is wrong. loaded redoes what
     * follows from them (lines, mappings) and leaves the device settled. resume lets it go on, also
     * with what loaded gave it. settle and resume are also the places where who owns threads or
     * kernel objects can let go of them and make them anew, around a fork.
     */
    void (*settle)(struct device *d);
    bool (*check)(struct device *d, struct error *e);
    void (*loaded)(struct device *d);
    void (*resume)(struct device *d);
    /* Of an interrupt controller: lines for `info pic`, or NULL. Any thread, without a lock. */
    void (*info)(struct device *d, struct strbuf *out);
    unsigned flags;
    const char *boot_node; /* what firmware calls the thing on it to boot from: "disk@0,0" */
    const void *kind;      /* class data of its bus: struct pci_class, struct virtio_class … */
};

struct device {
    const struct device_class *cls;
    char *id; /* -device id=, or NULL */
    struct machine *machine;
    struct bus *bus;       /* parent bus */
    struct os_mutex *lock; /* around its functions, unless DEVICE_THREAD_SAFE */
    struct clock *clock;
    struct dma dma;
    struct irq irq[8];              /* output lines, connected by the board or the bus */
    const struct mem_range *window; /* where device_map put it, or NULL */
    struct device *next;            /* list of the machine */
    bool created;
    bool released; /* the guest has let go of it: machine_release */
};

/* It may come to a machine that runs, and go from it, if its bus can do that. */
static inline bool device_can_leave(const struct device *d)
{
    return (d->cls->flags & (DEVICE_PLUGGABLE | DEVICE_STAYS)) == DEVICE_PLUGGABLE;
}

/*
 * Allocates the struct, sets the defaults of its properties, and takes clock, memory and lock from
 * m. The caller may set d->bus before device_create. Ends with device_free.
 */
struct device *device_new(const struct device_class *cls, struct machine *m, const char *id);
bool device_set(struct device *d, const char *prop, const char *value,
                struct error *e); /* error lists what is accepted */
/* For boards, of what they decide: false if -global says another value. */
bool device_set_fixed(struct device *d, const char *prop, const char *value, struct error *e);
/*
 * Attaches d to its bus, if it has one, calls the class's create and lists d in its machine. false:
 * only device_free is left to do. The state before the first device_reset (machine_reset does it)
 * is undefined.
 */
bool device_create(struct device *d, struct error *e);
/* With the device's lock held, or the machine stopped. */
void device_reset(struct device *d);
void device_free(struct device *d); /* destroy and detach (if created) and free; NULL is allowed */

/*
 * The ops of a register table: .opaque is the device. Unknown offsets read 0 and are logged as
 * guest errors. An access that is wider than a register reaches its neighbours too; a narrower read
 * gives its part of the register, a narrower write at its start writes it zero-extended.
 */
extern const struct mmio_ops device_mmio_ops;

/* Functions of REG_UNIMP. */
uint64_t device_unimp_read(struct device *d, const struct reg *r);
void device_unimp_write(struct device *d, const struct reg *r, uint64_t value);

/* Maps the device's main window at base in space, under the device's lock unless the class is
 * DEVICE_THREAD_SAFE. */
const struct mem_range *device_map(struct device *d, struct space *s, paddr base);

/* Property tables of anything else than a device (a machine's board): base is the struct, what
 * names it in errors ("machine 'virt'"). */
size_t props_number_bytes(enum prop_type type); /* 0: no number */
void props_init(const struct prop *props, void *base);
bool props_set(const struct prop *props, void *base, const char *what, const char *prop,
               const char *value, struct error *e);
/* What a property that is text says; NULL: nothing, or there is no such one. */
const char *props_text(const struct prop *props, const void *base, const char *name);
void props_free(const struct prop *props, void *base);        /* the strings that the struct owns */
char *props_help(const struct prop *props, const char *what); /* one line a property; allocated */
/* Appends a line "NAME = VALUE" for each property, as it was set or is by default. */
void props_describe(const struct prop *props, const void *base, int indent, struct strbuf *out);

/* false, with the first one in e, if the struct has a byte that no prop, reg or field lists;
 * padding is a member as well. */
bool device_check_class(const struct device_class *cls, struct error *e);

/* Text of `-device X,help` (allocated) and the class by name or alias, or NULL. */
char *device_help(const struct device_class *cls);
const struct device_class *device_class_find(const char *name);
/* Whether -global NAME.PROPERTY speaks of cls: its name or alias, or that of a family of classes,
 * as QEMU has it: "device", "pci-device", "virtio-device", "virtio-pci"; and "virtio-X-device" is
 * in virtio-X-pci. */
bool device_class_is(const struct device_class *cls, const char *name);
extern const struct device_class
    *const device_classes[]; /* sorted by name, ends with NULL; from hw/classes.h */

#endif
