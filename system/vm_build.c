/* SPDX-License-Identifier: MIT */
/*
 * From the configuration to a machine: opens disks and networks, builds the board, adds the devices
 * that -nic, -device and -drive ask for, in QEMU's order, so that they get the slots that a guest's
 * configuration knows.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/os.h"
#include "cpu/cpu.h"
#include "system/options.h"
#include "system/say.h"
#include "system/vm.h"

/* ---- back ends */

static bool open_networks(struct vm *vm, struct error *e)
{
    for (struct network *n = vm->config->network_list; n; n = n->next) {
        n->netdev = netdev_open(n->kind, n->id, n->options, n->count, e);
        if (!n->netdev) {
            if (strncmp(n->where, "-nic", 4) == 0) {
                error_append(e, "; -nic itself takes model, mac, id");
            }
            error_prefix(e, "%s: ", n->where);
            return false;
        }
    }
    return true;
}

bool vm_open_backends(struct vm *vm, struct error *e)
{
    return vm_open_disks(vm, e) && open_networks(vm, e) && vm_open_objects(vm, e) &&
           vm_open_shares(vm, e) && vm_make_ram(vm, e);
}

void vm_close_backends(struct vm *vm)
{
    struct config *c = vm->config;
    vm_close_disks(vm);
    vm_close_objects(vm);
    vm_close_shares(vm);
    for (struct network *n = c->network_list; n; n = n->next) {
        vm_close_network(vm, n);
    }
}

void vm_describe_networks(struct vm *vm, struct strbuf *out)
{
    for (struct network *n = vm->config->network_list; n; n = n->next) {
        netdev_describe(n->netdev, out);
    }
}

/* ---- back ends as devices ask for them */

static struct netdev *use_netdev(void *opaque, const char *id, struct error *e)
{
    struct network *n = vm_find_network(opaque, id);
    if (!n || n->used) {
        error_set(e, n ? "the netdev '%s' has a device already" : "there is no -netdev with id=%s",
                  id);
        return NULL;
    }
    n->used = true;
    vm_note_taken(opaque, PROP_NETDEV, id);
    return n->netdev;
}

static struct stream *use_chardev(void *opaque, const char *id, struct error *e)
{
    struct vm *vm = opaque;
    struct stream *s = chardevs_use(vm->chardevs, id, e);
    if (s) {
        vm_note_taken(vm, PROP_CHARDEV, id);
    }
    return s;
}

static bool use_entropy(void *opaque, const char *id, const char **path, struct error *e)
{
    struct vm *vm = opaque;
    for (const struct object *o = vm->config->object_list; o; o = o->next) {
        if (strcmp(o->id, id) == 0 &&
            (o->kind == OBJECT_RNG_RANDOM || o->kind == OBJECT_RNG_BUILTIN)) {
            *path = o->kind == OBJECT_RNG_RANDOM ? o->filename : NULL;
            return true;
        }
    }
    return error_set(e, "there is no -object rng-random or rng-builtin with id=%s", id);
}

static const char *find_rom(void *opaque, const char *name)
{
    struct vm *vm = opaque;
    return options_find_rom(vm->config, name);
}

static struct stream *serial(void *opaque, unsigned index)
{
    struct vm *vm = opaque;
    return index < vm->serial_count ? vm->serials[index] : NULL;
}

/* ---- devices */

/* One device to make: what -device says, or what stands for -nic and -drive. */
struct request {
    const char *where;
    const char *driver, *id, *bus;
    const struct keyval *items;
    size_t count;
    bool hot; /* it comes to a machine that runs */
};

/* A property without a value is a switch that is on. */
static const char *value_of(const struct keyval *item)
{
    return item->value ? item->value : "on";
}

/* Each network card gets an address of its own, counted on from QEMU's first. */
static bool set_mac(struct vm *vm, struct device *d, const struct request *r, struct error *e)
{
    const struct prop *p = d->cls->props;
    while (p && p->name && p->type != PROP_MAC) {
        p++;
    }
    if (!p || !p->name) {
        return true;
    }
    unsigned n = vm->macs++;
    for (size_t i = 0; i < r->count; i++) {
        if (strcmp(r->items[i].key, p->name) == 0) {
            return true;
        }
    }
    char mac[18];
    snprintf(mac, sizeof(mac), "52:54:00:12:34:%02x", (0x56 + n) & 0xff);
    return device_set(d, p->name, mac, e);
}

/* Names the buses that the device could go on, the first of them if they are many. */
static bool no_such_bus(const struct machine *m, const struct device_class *cls, const char *name,
                        struct error *e)
{
    unsigned n = 0;
    error_set(e, "there is no bus '%s'", name);
    for (const struct bus *b = m->buses; b; b = b->next) {
        if (b->kind == cls->bus && n++ < 4) {
            error_append(e, "%s %s", n == 1 ? "; accepted:" : ",", b->name);
        }
    }
    if (n > 4) {
        error_append(e, " and %u more (info qtree of the monitor lists them)", n - 4);
    }
    return false;
}

static bool no_bus(const struct device_class *cls, struct error *e)
{
    error_set(e, "the machine has no bus for %s", cls->name);
    if (cls->bus == BUS_SCSI) {
        error_append(e, "; -device virtio-scsi-pci before it brings one");
    }
    return false;
}

static bool choose_bus(struct vm *vm, struct device *d, const struct request *r, struct error *e)
{
    struct machine *m = vm->machine;
    enum bus_kind kind = d->cls->bus;
    if (r->bus) {
        d->bus = machine_find_bus(m, r->bus);
        if (!d->bus) {
            return no_such_bus(m, d->cls, r->bus, e);
        }
        return d->bus->kind == kind ||
               error_set(e, "%s does not go on the bus '%s'", d->cls->name, r->bus);
    }
    if (kind != BUS_NONE && kind != BUS_SYSTEM) {
        d->bus = m->cls->default_bus ? m->cls->default_bus(m, kind) : NULL;
        unsigned full = 0;
        for (struct bus *b = m->buses; b && !d->bus; b = b->next) {
            const bool is_full = b->kind == kind && b->is_full && b->is_full(b);
            d->bus = b->kind == kind && !is_full ? b : NULL; /* one that another device brought */
            full += is_full;
        }
        if (!d->bus && full) {
            return error_set(e, "no free transport for %s: all %u have a device", d->cls->name,
                             full);
        }
        return d->bus || no_bus(d->cls, e);
    }
    return true;
}

/* Whether a device may come to its bus while the machine runs. */
static bool can_come(const struct device *d, struct error *e)
{
    if (!device_can_leave(d)) {
        return error_set(e, "%s cannot come to a machine that runs", d->cls->name);
    }
    return (d->bus && d->bus->plug) ||
           error_set(e, "bus '%s' does not support hot plug; a pcie-root-port has a bus that does",
                     d->bus ? d->bus->name : bus_kind_name(d->cls->bus));
}

static struct device *make_device(struct vm *vm, const struct request *r, struct error *e)
{
    const struct device_class *cls = device_class_find(r->driver);
    if (!cls) {
        error_set(e, "%s: there is no device '%s' (-device help lists all)", r->where, r->driver);
        return NULL;
    }
    if (r->id && machine_find_device(vm->machine, r->id)) {
        error_set(e, "%s: the id '%s' is taken", r->where, r->id);
        return NULL;
    }
    struct device *d = device_new(cls, vm->machine, r->id);
    bool ok = choose_bus(vm, d, r, e) && (!r->hot || can_come(d, e)) && set_mac(vm, d, r, e);
    for (size_t i = 0; i < r->count && ok; i++) {
        ok = device_set(d, r->items[i].key, value_of(&r->items[i]), e);
    }
    vm->making = d;
    ok = ok && device_create(d, e);
    vm->making = NULL;
    if (!ok) {
        error_prefix(e, "%s: ", r->where);
        device_free(d);
        vm_leave_backends(vm, d); /* which is only a name now */
        return NULL;
    }
    return d;
}

/* A -device that is a screen itself takes the place of the one that the machine has by default. */
static bool has_screen(const struct vm *vm)
{
    static const char *const screens[] = {"VGA", "isa-vga", NULL};
    return vm_has_device(vm, screens);
}

/* -vga, or what the machine has without it. */
static bool make_screen(struct vm *vm, struct error *e)
{
    const struct config *c = vm->config;
    const char *driver = c->vga ? "VGA" : vm->machine->cls->default_screen;
    if (!driver || (c->vga && strcmp(c->vga, "none") == 0) ||
        (!c->vga && (c->no_defaults || has_screen(vm)))) {
        return true;
    }
    const struct request r = {.where = c->vga ? "-vga std" : "the machine's screen",
                              .driver = driver};
    return make_device(vm, &r, e) != NULL;
}

/* The driver of a card: "virtio" is what boards have as their usual one, if that is one. */
static const char *card_driver(const struct vm *vm, const struct card *c)
{
    const char *usual = vm->machine->cls->default_net_device;
    if (c->model && strcmp(c->model, "virtio") == 0 && usual) {
        return strncmp(usual, "virtio-", 7) == 0 ? usual : "virtio-net-pci";
    }
    return c->model ? c->model : usual;
}

static bool make_cards(struct vm *vm, struct error *e)
{
    for (const struct card *c = vm->config->card_list; c; c = c->next) {
        struct keyval items[2] = {{"netdev", (char *)c->netdev}, {"mac", (char *)c->mac}};
        struct request r = {.where = c->where,
                            .driver = card_driver(vm, c),
                            .items = items,
                            .count = c->mac ? 2 : 1};
        if (!r.driver) {
            return error_set(e, "%s: the machine has no usual network card: model= is missing",
                             c->where);
        }
        if (!make_device(vm, &r, e)) {
            return false;
        }
    }
    return true;
}

struct device *vm_make_device(struct vm *vm, struct keyvals *k, const char *where, bool hot,
                              struct error *e)
{
    char *driver = keyvals_take(k, "driver"), *id = keyvals_take(k, "id"),
         *bus = keyvals_take(k, "bus");
    const struct request r = {.where = where,
                              .driver = driver ? driver : "",
                              .id = id,
                              .bus = bus,
                              .items = k->items,
                              .count = k->count,
                              .hot = hot};
    struct device *d = make_device(vm, &r, e);
    mem_free(driver);
    mem_free(id);
    mem_free(bus);
    return d;
}

static bool make_given(struct vm *vm, struct error *e)
{
    for (struct keyvals *k = vm->config->devices; k; k = k->next) {
        if (!vm_make_device(vm, k, k->where, false, e)) {
            return false;
        }
    }
    return true;
}

static bool make_disks(struct vm *vm, struct error *e)
{
    struct machine *m = vm->machine;
    bool pci = m->cls->default_bus && m->cls->default_bus(m, BUS_PCI);
    for (struct drive *d = vm->config->drive_list; d; d = d->next) {
        if (d->interface != DRIVE_VIRTIO) {
            continue;
        }
        struct keyval items[] = {{"drive", d->image.id}, {"serial", (char *)d->serial}};
        struct request r = {.where = d->where,
                            .driver = pci ? "virtio-blk-pci" : "virtio-blk-device",
                            .items = items,
                            .count = d->serial ? 2 : 1};
        if (!make_device(vm, &r, e)) {
            return false;
        }
    }
    return true;
}

/* QEMU gives a machine a network card on the user network unless told otherwise. */
static bool add_default_card(struct vm *vm, struct error *e)
{
    struct config *c = vm->config;
    if (c->no_defaults || c->no_network || c->card_list || c->network_list ||
        !c->machine_class->default_net_device) {
        return true;
    }
    struct keyvals *k = keyvals_parse("-nic", "user", "type", e);
    keyvals_append(&c->nics, k);
    struct network *n = mem_alloc(sizeof(*n));
    *n = (struct network){.where = k->where, .kind = "user", .id = "nic0"};
    c->network_list = n;
    struct card *card = mem_alloc(sizeof(*card));
    *card = (struct card){.where = k->where, .netdev = "nic0"};
    c->card_list = card;
    n->netdev = netdev_open(n->kind, n->id, NULL, 0, e);
    return n->netdev != NULL;
}

/* Back ends without a device: networks wait for one that comes later, flash banks cannot. */
static bool check_unused(struct vm *vm, struct error *e)
{
    for (struct network *n = vm->config->network_list; n; n = n->next) {
        if (!n->used) {
            say_warning("%s: no device uses it", n->where);
        }
    }
    for (struct drive *d = vm->config->drive_list; d; d = d->next) {
        if (!d->used && d->interface == DRIVE_PFLASH) {
            return error_set(e, "%s: the machine has no such flash bank", d->where);
        }
    }
    return true;
}

/* ---- the board */

static bool set_machine_properties(struct vm *vm, struct error *e)
{
    const struct keyvals *k = vm->config->machine_group;
    for (size_t i = 0; i < k->count; i++) {
        if (!machine_set(vm->machine, k->items[i].key, value_of(&k->items[i]), e)) {
            error_prefix(e, "%s: ", k->where);
            return false;
        }
    }
    return true;
}

static void seed_rng(struct vm *vm)
{
    struct machine_config *mc = &vm->config->machine;
    if (!mc->seed_given) {
        os_random(&mc->seed, sizeof(mc->seed));
    }
    rng_seed(&vm->machine->rng, mc->seed);
}

/* Whether a device takes what a group says; the device is thrown away again. */
static bool check_device(struct vm *vm, const struct keyvals *k, struct error *e)
{
    static const char *const general[] = {"driver", "id", "bus"};
    struct device *d = device_new(device_class_find(keyvals_get(k, "driver")), vm->machine, NULL);
    bool ok = true;
    for (size_t i = 0; i < k->count && ok; i++) {
        const char *key = k->items[i].key;
        bool is_general = false;
        for (size_t g = 0; g < sizeof(general) / sizeof(general[0]); g++) {
            is_general |= strcmp(general[g], key) == 0;
        }
        ok = is_general || device_set(d, key, value_of(&k->items[i]), e);
    }
    device_free(d);
    if (!ok) {
        error_prefix(e, "%s: ", k->where);
    }
    return ok;
}

/* MODEL-ARCH-cpu, as QEMU calls the class of a CPU model: the length of MODEL, or 0. */
static size_t cpu_model_length(const char *driver)
{
    static const char end[] = "-cpu";
    const size_t n = strlen(driver), bytes = sizeof(end) - 1;
    if (n <= bytes || strcmp(driver + n - bytes, end) != 0) {
        return 0;
    }
    size_t model = n - bytes;
    while (model > 0 && driver[model - 1] != '-') {
        model--;
    }
    return model ? model - 1 : 0;
}

/* A feature of the machine's CPU model, in front of those that -cpu gives. Of another model it
 * counts for nothing. */
static void add_cpu_global(struct vm *vm, const struct machine_global *g, size_t model_bytes)
{
    struct machine_config *mc = &vm->config->machine;
    const char *cpu = mc->cpu ? mc->cpu : vm->config->machine_class->default_cpu;
    const size_t n = strcspn(cpu, ",");
    if (n == model_bytes && strncmp(cpu, g->driver, n) == 0) {
        mc->cpu = config_own(
            vm->config, mem_printf("%.*s,%s=%s%s", (int)n, cpu, g->property, g->value, cpu + n));
    }
}

static bool add_globals(struct vm *vm, struct error *e)
{
    for (const struct keyvals *k = vm->config->globals; k; k = k->next) {
        const struct machine_global g = {.driver = keyvals_get(k, "driver"),
                                         .property = keyvals_get(k, "property"),
                                         .value = keyvals_get(k, "value")};
        const size_t model = cpu_model_length(g.driver);
        bool known;
        if (model) {
            add_cpu_global(vm, &g, model);
        } else if (!machine_add_global(vm->machine, &g, &known, e)) {
            if (known) {
                error_prefix(e, "%s: ", k->where);
                return false;
            }
            say_warning("global %s.%s has invalid class name", g.driver, g.property);
        }
    }
    return true;
}

bool vm_check_properties(struct vm *vm, struct error *e)
{
    vm->machine = machine_new(vm->config->machine_class);
    bool ok = set_machine_properties(vm, e) && add_globals(vm, e);
    for (const struct keyvals *k = vm->config->devices; k && ok; k = k->next) {
        ok = check_device(vm, k, e);
    }
    return ok;
}

/* Of the CPU model: all vCPUs have the same. */
static void tell_missing(const struct machine *m)
{
    const struct vcpu *v = m->vcpu_count ? m->vcpus[0] : NULL;
    char *text = v && v->cls->missing ? v->cls->missing(v) : NULL, *rest = text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        if (*line) {
            say_warning("%s", line);
        }
    }
    mem_free(text);
}

bool vm_build(struct vm *vm, struct error *e)
{
    struct machine *m = vm->machine;
    if (!add_default_card(vm, e)) {
        return false;
    }
    seed_rng(vm);
    m->config = vm->config->machine;
    m->clock = vm->clock;
    m->loop = vm->loop;
    m->power = &vm->power;
    m->backends = (struct machine_backends){.drive = vm_use_disk,
                                            .netdev = use_netdev,
                                            .chardev = use_chardev,
                                            .serial = serial,
                                            .pflash = vm_use_pflash,
                                            .entropy = use_entropy,
                                            .iothread = vm_use_iothread,
                                            .fsdev = vm_use_share,
                                            .rom = find_rom,
                                            .opaque = vm};
    m->release = vm_release_device;
    m->release_opaque = vm;
    if (!machine_build(m, e) || !vm_open_semihosting(vm, e) || !make_screen(vm, e) ||
        !vm_make_drives(vm, e) || !make_cards(vm, e) || !make_given(vm, e) || !make_disks(vm, e) ||
        !machine_finish(m, e)) {
        return false;
    }
    tell_missing(m);
    return check_unused(vm, e);
}
