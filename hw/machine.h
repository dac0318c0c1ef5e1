/* SPDX-License-Identifier: MIT */
/*
 * A machine: board class, its CPUs, memory, buses and devices, and the back ends that the command
 * line made for it. Boards and devices see this header; system/ builds one from the command line.
 */
#ifndef HW_MACHINE_H
#define HW_MACHINE_H

#include "base/loop.h"
#include "base/power.h"
#include "base/rng.h"
#include "base/stream.h"
#include "hw/device.h"
#include "hw/placement.h"

struct vcpu;
struct cpu_class;
struct block;           /* block/block.h: an open disk */
struct balloon;         /* hw/balloon.h: a memory balloon */
struct input;           /* hw/input.h: keyboards and mice */
struct numa;            /* hw/numa.h */
struct firmware_config; /* hw/firmware.h */
struct netdev;          /* net/net.h: a packet back end */
struct p9_share;        /* hw/p9/p9.h: a folder of the host */
struct screen;          /* base/surface.h */

/* The options of one machine as the command line gave them; strings are owned by the machine's
 * configuration. */
struct machine_config {
    uint64_t ram_bytes;
    uint8_t *ram_host; /* NULL: the machine makes its own; else it is whoever's who made it */
    bool ram_of_files; /* some of it at least: given back to the host it may not be zeros */
    unsigned cpus;     /* present at start */
    unsigned max_cpus; /* as many as the topology has; those beyond cpus are absent */
    unsigned sockets, clusters, cores, threads; /* clusters in a socket, and so on */
    const char *cpu; /* "-cpu" argument: model,feature=on|off… ; NULL: the machine's default */
    const char *kernel, *initrd, *append, *dtb, *bios;
    const char *usual_bios; /* where the firmware is that the class names; NULL: not installed */
    bool no_screen;         /* people look at the first serial line */
    const char *dump_dtb;   /* write the device tree here and exit */
    uint64_t seed;          /* of the machine's generator */
    bool seed_given;
    bool counted; /* time is counted in instructions: completions come at times that the host does
                     not decide */
    int64_t rtc_base_s; /* seconds since 1970 at start; from -rtc */
    const char *uuid, *name;
    const struct numa *numa;                /* NULL: all memory is one node */
    const struct firmware_config *firmware; /* NULL: nothing was said */
};

/* Back ends by id; each returns NULL and an error when there is no such id or it is in use. */
struct machine_backends {
    struct block *(*drive)(void *opaque, const char *id, struct error *e);
    struct netdev *(*netdev)(void *opaque, const char *id, struct error *e);
    struct stream *(*chardev)(void *opaque, const char *id, struct error *e);
    struct stream *(*serial)(void *opaque, unsigned index); /* NULL: none wanted */
    struct block *(*pflash)(void *opaque, unsigned index);  /* NULL: none given */
    /* The file behind an -object rng-random; *path is NULL for an rng-builtin. */
    bool (*entropy)(void *opaque, const char *id, const char **path, struct error *e);
    /* The folder of an -fsdev; NULL: there is none. */
    struct p9_share *(*fsdev)(void *opaque, const char *id, struct error *e);
    /* There is an -object iothread of that id, of which a device has the name. NULL: nobody looks.
     */
    bool (*iothread)(void *opaque, const char *id, struct error *e);
    /* Where the option ROM of that file name is; NULL: it is not installed. NULL: nobody looks. */
    const char *(*rom)(void *opaque, const char *name);
    void *opaque;
};

/* -global: every device of the driver is made with that value, unless its maker sets another. */
struct machine_global {
    const char *driver, *property, *value;
    struct machine_global *next;
};

/* vCPU cpu begins at pc. */
struct machine_start {
    unsigned cpu;
    uint64_t pc;
    struct machine_start *next;
};

/* Memory that devices show. */
struct machine_memory {
    uint8_t *host;
    size_t bytes;
    struct machine_memory *next;
};

/* A kernel or RAM disk in memory for a hypervisor's first guest: the device tree tells of it. */
struct machine_module {
    bool ramdisk;
    paddr addr;
    uint64_t bytes;
    const char *bootargs; /* NULL: none; outlives the machine's finish */
    struct machine_module *next;
};

struct machine {
    const struct machine_class *cls;
    struct machine_config config;
    void *board; /* the board's own struct (owned; freed by cls->destroy) */

    struct space *memory; /* system memory as CPUs and DMA see it */
    uint8_t *ram;         /* host memory of the guest's RAM (one block) */

    struct vcpu **vcpus;
    unsigned vcpu_count;

    struct clock *clock; /* virtual */
    struct loop *loop;
    struct power *power;
    struct rng rng; /* the only randomness that the guest may see; under lock once it runs */
    struct balloon *balloon; /* hw/balloon.h; NULL: none */
    struct input *input;     /* hw/input.h; NULL: none */
    struct machine_backends backends;
    /* Frees d soon, on the loop's thread; from any. NULL: nothing can be let go of. */
    void (*release)(void *opaque, struct device *d);
    void *release_opaque;

    /* What is put into memory at each reset, and vCPUs that then begin elsewhere than the board
     * says. */
    struct placements placements;
    struct machine_start *starts;
    struct machine_module *modules;
    const char *first_boot;         /* what firmware boots before all else, by its path; or NULL */
    struct machine_global *globals; /* in their order; checked */

    struct machine_memory *memories; /* list: machine_map_memory */
    struct screen *screens;          /* list, in order of creation */

    struct bus *buses;      /* list */
    struct device *devices; /* list, in order of creation */
    struct os_mutex *lock;  /* default device lock */
    bool settled;           /* devices keep still: see hw/state.h */
};

/* A machine option: -M name,prop=value. */
struct machine_class {
    const char *name;
    const char *const *also; /* other names of the same machine, oldest first, NULL at the end;
                                NULL: none */
    const char *desc;
    const char *arch;                           /* the name of a struct arch */
    bool is_default;                            /* what is meant where no machine is said */
    const struct cpu_class *const *cpu_classes; /* NULL-terminated */
    const char *default_cpu;
    uint64_t default_ram_bytes;
    unsigned max_cpus;
    size_t board_size; /* of the board's struct, whose members props[] set */
    const struct prop *props;
    /* Builds the machine: memory map, vCPUs (through cpu_class->create), devices, boot. m->config
     * is complete. */
    bool (*build)(struct machine *m, struct error *e);
    /* After -device devices exist: device tree, kernel; called once. */
    bool (*finish)(struct machine *m, struct error *e);
    void (*reset)(
        struct machine *m); /* after the devices' and vCPUs' reset: boot registers, images */
    void (*destroy)(struct machine *m); /* what the board has beside devices and vCPUs; also of a
                                           partly built one */
    void (*power_button)(struct machine *m); /* or NULL */
    /* The bus that -device without bus= goes to for this kind, or NULL. */
    struct bus *(*default_bus)(struct machine *m, enum bus_kind kind);
    const char *default_screen;     /* the device that shows things without -vga, or NULL */
    const char *default_net_device; /* model of -nic/-net without model=, e.g. "virtio-net-pci" */
    const char *default_disk_interface; /* what -drive without if= means: "virtio", "ide" */
    unsigned ide_units;      /* drives of an IDE bus as -drive counts them; 0: it has no such bus */
    bool has_floppy;         /* it has a floppy drive, though nobody asks for one */
    const char *usual_bios;  /* file name of the firmware that it has without -bios; or NULL */
    bool initrd_has_modules; /* -initrd may be several files with arguments: the board looks */
};

extern const struct machine_class *const machine_classes[]; /* ends with NULL; from hw/classes.h */
/* By its name or one of `also`. */
const struct machine_class *machine_class_find(const char *arch, const char *name);
/* NULL: one must be said. */
const struct machine_class *machine_class_default(const char *arch);

/*
 * Life, all on the loop's thread with the vCPUs not running: machine_new; properties (machine_set);
 * the caller fills config, clock, loop, power, rng and backends; machine_build; the caller makes
 * the -device devices; machine_finish; machine_reset, any number of times; machine_free.
 */
struct machine *machine_new(const struct machine_class *cls);
/* Sets a property of the board (-M name,prop=value); the error lists what is accepted. */
bool machine_set(struct machine *m, const char *prop, const char *value, struct error *e);
/* Checks RAM and CPUs against the host and the class, makes memory, RAM and lock, and has the class
 * build the board. */
bool machine_build(struct machine *m, struct error *e);
bool machine_finish(struct machine *m, struct error *e);
/* Devices in order of creation, vCPUs, placements, then the board. What goes wrong (a file that was
 * read at start is gone) is logged, and the machine panics. */
void machine_reset(struct machine *m);
/* Before devices are made. The texts outlive the machine. *known: there is such a driver. False:
 * none of that driver takes it. */
bool machine_add_global(struct machine *m, const struct machine_global *g, bool *known,
                        struct error *e);
/*
 * For boards: the next vCPU, of cls and the model that -cpu or the class names, on the machine's
 * memory, clock and power. The machine owns it. NULL: e says why.
 */
struct vcpu *machine_add_vcpu(struct machine *m, const struct cpu_class *cls, struct error *e);
/* From the next reset on vCPU cpu begins at pc. */
void machine_add_start(struct machine *m, unsigned cpu, uint64_t pc);
/* Before machine_finish. */
void machine_add_module(struct machine *m, const struct machine_module *module);
/* All of the machine, also a partly built one. Not the clock, loop and back ends, which are the
 * caller's. */
void machine_free(struct machine *m);
/* Zeroed memory for a device to show as RAM or ROM: it lives until the machine ends, also where the
 * device does not, since a space never forgets memory. NULL: there is none. */
uint8_t *machine_map_memory(struct machine *m, size_t bytes, struct error *e);
/* Lists a screen, which its device owns and removes before it dies. Loop thread. */
void machine_add_screen(struct machine *m, struct screen *s);
void machine_remove_screen(struct machine *m, struct screen *s);
/* The guest has let go of d, which dies soon. Any thread. */
void machine_release(struct device *d);
/* The device with this id, or NULL. */
struct device *machine_find_device(struct machine *m, const char *id);
/* Text of -M name,help; allocated. */
char *machine_help(const struct machine_class *cls);
/* Presses the machine's power button, if its board has one. */
void machine_power_button(struct machine *m);

/* Buses: devices meet only here. */
struct bus {
    enum bus_kind kind;
    char name[32]; /* "pcie.0", "virtio-mmio-bus.3" */
    struct machine *machine;
    struct device *parent; /* the bridge or controller, or NULL */
    void *impl;
    /* Gives d its place (address from its properties); false with an error when there is none. */
    bool (*attach)(struct bus *b, struct device *d, struct error *e);
    void (*detach)(struct bus *b, struct device *d);
    bool (*is_full)(const struct bus *b); /* takes one device, and has it; NULL: takes many */
    /* Lines of d's place on the bus for `info qtree`, indented so far; or NULL. */
    void (*describe)(const struct device *d, int indent, struct strbuf *out);
    /*
     * Hot plug; NULL: devices come and go only with the machine. plug shows the guest d, which was
     * made and reset; unplug asks it to let go of d, and where it has, machine_release is called.
     * Both with the vCPUs stopped.
     */
    void (*plug)(struct bus *b, struct device *d);
    bool (*unplug)(struct bus *b, struct device *d, struct error *e);
    /* All that is on it and behind it, as `info` of the bus's kind shows it, of a bus that is
     * behind no other of its kind; or NULL. Any thread. */
    void (*info)(const struct bus *b, struct strbuf *out);
    /* The place in a word, as far as the bus has several; or NULL. */
    void (*place)(const struct device *d, char *text, size_t size);
    /* Appends the path by which firmware knows d ("/pci@ffffffffffffffff/scsi@3"); or NULL. */
    void (*firmware_path)(const struct device *d, struct strbuf *out);
    struct bus *next;
};

/* Lists b, which its parent device owns and removes before it dies. */
void machine_add_bus(struct machine *m, struct bus *b);
/* The same on b->machine; if b has no name yet it gets the first of "KIND.0", "KIND.1"... that is
 * free. */
void machine_add_bus_of(struct bus *b, const char *kind);
void machine_remove_bus(struct machine *m, struct bus *b);
struct bus *machine_find_bus(struct machine *m, const char *name);
/* Called by device_create and device_free. */
void machine_add_device(struct machine *m, struct device *d);
void machine_remove_device(struct machine *m, struct device *d);
const char *bus_kind_name(enum bus_kind k);     /* "PCI" */
char *machine_describe_tree(struct machine *m); /* `info qtree`; allocated */

#endif
