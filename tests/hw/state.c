/* SPDX-License-Identifier: MIT */
/*
 * The state of every class of device: what one machine saves another one has after loading,
 * whatever was done to the first one's registers.
 */
#include "hw/state.h"

#include "base/bits.h"
#include "base/log.h"
#include "tests/hw/fake_arm.h"
#include "tests/support/given.h"
#include "tests/test.h"

enum {
    WINDOWS_MAX = 256,
    CLASSES_MAX = 128
};

/* "CLASS,property=value": a device of each class that a board has not by itself. */
static const char *const extras[] = {
    "virtio-blk-device",
    "virtio-net-device",
    "virtio-rng-device,max-bytes=100",

    "virtio-serial-device",
    "virtconsole",
    "virtserialport",
    "virtio-blk-pci",
    "virtio-net-pci,mq=on",
    "virtio-rng-pci,packed=on",

    "edu",
    "virtio-9p-pci",
    "virtio-9p-device",
    "pci-testdev",
    "nvme",
    "nvme-ns,nsid=9",
    "virtio-scsi-pci",
    "scsi-hd",
    "scsi-cd",
    "virtio-scsi-device",

    "ich9-ahci",
    "ide-hd",
    "ide-cd",
    "piix3-ide",
    "piix4-ide",

    "virtio-serial-pci",
    "pcie-root-port",
    "guest-loader",
    "pvpanic-pci",
    "vmcoreinfo",
    "pcie-pci-bridge",
    "pci-bridge",
    "i6300esb",
    "loader",
    "ramfb",
};

static const char *const microvm_extras[] = {
    "isa-debugcon", "isa-debug-exit", "virtio-blk-device", "isa-fdc", "floppy,drive=d",
};
static const char *const pc_extras[] = {
    "virtio-blk-pci", "smbus-eeprom,address=80", "isa-parallel", "e1000",
    "secondary-vga",  "bochs-display",           "isa-fdc",
};

static void plug(struct machine *m, const char *text)
{
    char name[40];
    struct error e = {""};
    const char *more = strchr(text, ',');
    snprintf(name, sizeof(name), "%.*s", (int)strcspn(text, ","), text);
    const struct device_class *cls = device_class_find(name);
    REQUIRE(cls);
    CHECK_MSG(given_plug(m, cls, NULL, more ? more + 1 : NULL, &e), "%s: %s", name, e.text);
}

static void plug_all(struct machine *m, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        plug(m, list[i]);
    }
}

/* A PC of that name, or virt with a GIC of that version. */
static struct machine *board(const char *which)
{
    const struct machine_class *pc = machine_class_find("x86_64", which);
    struct machine *m = pc ? fake_machine_new(pc) : fake_virt_new();
    struct error e = {""};
    fake_virt_cpus(m, 3);
    m->config.ram_bytes = 4 << 20;
    if (!pc) {
        m->config.bios = __FILE__; /* with firmware virt has an event device */
    } else if (pc->usual_bios) {
        m->config.bios = given_firmware();
    }
    m->backends = given_backends;
    m->power = &fake_power;
    CHECK(pc || machine_set(m, "gic-version", which, &e));
    CHECK_MSG(machine_build(m, &e), "%s", e.text);
    if (pc == &microvm_machine_class) {
        plug_all(m, microvm_extras, array_len(microvm_extras));
    } else if (pc) {
        plug_all(m, pc_extras, array_len(pc_extras));
        plug(m, pc == &pc_machine_class ? "isa-vga" : "VGA"); /* one each */
    } else {
        plug_all(m, extras, array_len(extras));
        plug(m, which[0] == '2' ? "virtio-balloon-pci" : "virtio-balloon-device"); /* one each */
    }
    if (pc && pc->usual_bios) {
        plug(m, "vmgenid"); /* of whose event chipsets tell */
        plug(m, "pvpanic");
    }
    CHECK_MSG(machine_finish(m, &e), "%s", e.text);
    machine_reset(m);
    return m;
}

/* The register windows of memory, or of another space. */
static unsigned find_windows(struct space *s, struct mem_view *views, unsigned n)
{
    struct mem_view v;
    for (paddr a = 0; n < WINDOWS_MAX && space_find_next(s, a, &v); a = v.base + v.size) {
        if (v.range->kind != RANGE_RAM) {
            views[n++] = v;
        }
    }
    return n;
}

static void hammer(struct machine *m, struct rng *g)
{
    struct mem_view views[WINDOWS_MAX];
    const unsigned first = find_windows(m->memory, views, 0);
    struct space *others = m->vcpus[0]->spaces[1];
    const unsigned n = others ? find_windows(others, views, first) : first;
    for (unsigned i = 0; i < 60000; i++) {
        const unsigned which = (unsigned)rng_below(g, n);
        const struct mem_view *v = &views[which];
        struct space *s = which < first ? m->memory : others;
        const unsigned size = 1u << rng_below(g, 4);
        const uint64_t near = rng_below(g, 2) ? 0x200 : 0x10000;
        const paddr at = v->base + align_down(rng_below(g, near < v->size ? near : v->size), size);
        const struct requester by = {.id = (uint32_t)rng_below(g, m->vcpu_count)};
        uint64_t value = rng_below(g, 2) ? rng_below(g, 256) : rng_u64(g);
        fake_current = m->vcpus[by.id];
        if (rng_below(g, 3)) {
            space_store_by(s, &by, at, size, value);
        } else {
            space_load_by(s, &by, at, size, &value);
        }
        if (i % 1000 == 0) {
            clock_manual_advance(m->clock, 1000000);
        }
    }
    fake_current = NULL;
}

/* Loads a's state into b and compares what b then has. */
static void carry_over(struct machine *a, struct machine *b)
{
    struct error e = {""};
    machine_settle(a);
    machine_settle(b);
    clock_manual_set(b->clock, clock_now_ns(a->clock));
    for (struct device *d = a->devices, *t = b->devices; d; d = d->next, t = t->next) {
        struct strbuf s = {0};
        device_write(d, &s);
        CHECK(device_read(t, s.text, s.len, device_version(d), false, &e));
        CHECK_MSG(device_read(t, s.text, s.len, device_version(d), true, &e), "%s: %s",
                  d->cls->name, e.text);
        strbuf_free(&s);
    }
    CHECK_MSG(machine_check(b, &e), "%s", e.text);
    machine_loaded(b);
    for (struct device *d = a->devices, *t = b->devices; d; d = d->next, t = t->next) {
        struct strbuf s = {0}, u = {0};
        char *path = device_path(d), *same = device_path(t);
        CHECK_STR(path, same);
        device_write(d, &s);
        device_write(t, &u);
        CHECK_MSG(s.len == u.len && memcmp(strbuf_text(&s), strbuf_text(&u), s.len) == 0, "%s (%s)",
                  path, d->cls->name);
        strbuf_free(&s);
        strbuf_free(&u);
        mem_free(path);
        mem_free(same);
    }
    for (unsigned i = 0; i < a->vcpu_count; i++) {
        CHECK_EQ(fake_arm(a, i)->line[0], fake_arm(b, i)->line[0]);
        CHECK_EQ(fake_arm(a, i)->line[1], fake_arm(b, i)->line[1]);
    }
    machine_resume(a);
    machine_resume(b);
}

static void run(const char *gic, bool *seen)
{
    struct rng g;
    struct machine *a = board(gic), *b = board(gic);
    rng_seed(&g, test_seed());
    carry_over(a, b);
    for (unsigned i = 0; i < 3 * test_scale(); i++) {
        hammer(a, &g);
        hammer(b, &g);
        carry_over(a, b);
    }
    for (const struct device *d = a->devices; d; d = d->next) {
        for (unsigned i = 0; device_classes[i]; i++) {
            seen[i] |= device_classes[i] == d->cls;
        }
    }
    fake_virt_free(a);
    fake_virt_free(b);
}

TEST(every_class_has_the_same_state_after_loading_into_another_machine)
{
    bool seen[CLASSES_MAX] = {false};
    log_set_mask(0);
    given_begin();
    run("2", seen);
    run("3", seen);
    run("microvm", seen);
    run("pc", seen);
    run("q35", seen);
    for (unsigned i = 0; device_classes[i]; i++) {
        CHECK_MSG(seen[i], "no %s was tested", device_classes[i]->name);
    }
    given_end();
}
