/* SPDX-License-Identifier: MIT */
/*
 * No property is taken and ignored: -global sets each property of each class, and each of the
 * board's, to each of its values, and the machine that comes of it differs in more than the
 * property itself, or is refused. What a property changes only once the machine runs has a test of
 * its own, which is named here. A few are taken though they change nothing; the manual page lists
 * them.
 */
#include <fcntl.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/log.h"
#include "hw/arm/virt.h"
#include "tests/hw/fake_arm.h"
#include "tests/support/given.h"
#include "tests/test.h"

/* ---- what has no effect that a machine at rest shows */

static const struct {
    const char *class_start, *prop, *file, *test; /* the test that sees it */
} while_running[] = {
    {"virtio-blk", "serial", "tests/hw/virtio_blk.c", "TEST(id_is_the_serial_cut_to_twenty)"},
    {"virtio-blk", "werror", "tests/block/errors.c",
     "TEST(a_write_without_room_waits_for_a_retry)"},
    {"pvpanic", "events", "tests/hw/pvpanic.c", "TEST(events_that_it_does_not_take_do_nothing)"},
    {"virtio-rng", "period", "tests/hw/virtio_rng.c", "TEST(limit_holds_until_the_period_ends)"},
    {"virtserialport", "name", "tests/hw/virtio_console.c",
     "TEST(ports_greet_and_carry_bytes_both_ways)"},
    {"virtio-blk", "rerror", "tests/block/errors.c",
     "TEST(the_device_stands_above_the_drive_and_passive_queues_report)"},
    {"edu", "dma_mask", "tests/hw/edu.c", "TEST(dma_reaches_what_its_mask_says)"},
    {"nvme", "serial", "tests/hw/nvme.c", "TEST(identify_tells_of_controller_and_namespaces)"},
    {"nvme", "mdts", "tests/hw/nvme.c", "TEST(what_cannot_be_has_a_status)"},
    {"nvme", "mqes", "tests/hw/nvme.c", "TEST(registers_tell_what_the_controller_can)"},
    {"nvme", "aerl", "tests/hw/nvme.c", "TEST(events_are_told_to_who_asks)"},
    {"nvme", "nsid", "tests/hw/nvme.c", "TEST(identify_tells_of_controller_and_namespaces)"},
    {"nvme", "bootindex", "tests/hw/nvme.c", "TEST(firmware_knows_namespaces_by_their_paths)"},
    {"scsi-", "bootindex", "tests/hw/virtio_scsi.c", "TEST(firmware_knows_a_unit_by_its_path)"},
    {"scsi-", "scsi-id", "tests/hw/virtio_scsi.c", "TEST(places_are_given_and_checked)"},
    {"scsi-", "lun", "tests/hw/virtio_scsi.c", "TEST(units_and_ids_that_are_not_there)"},
    {"scsi-", "rerror", "tests/block/errors.c",
     "TEST(the_device_stands_above_the_drive_and_passive_queues_report)"},
    {"scsi-", "werror", "tests/block/errors.c", "TEST(a_write_without_room_waits_for_a_retry)"},
    {"floppy", "bootindex", "tests/hw/fdc.c", "TEST(places_and_ports_that_cannot_be_are_refused)"},
    {"isa-fdc", "irq", "tests/hw/fdc.c", "TEST(places_and_ports_that_cannot_be_are_refused)"},
    {"isa-fdc", "check_media_rate", "tests/hw/fdc.c",
     "TEST(sectors_that_are_not_there_and_rates_that_are_wrong)"},
    {"isa-fdc", "fallback", "tests/hw/fdc.c",
     "TEST(another_medium_is_told_of_and_has_its_own_format)"},
    {"ide-", "serial", "tests/hw/ide.c", "TEST(names_geometry_and_blocks_are_as_they_were_given)"},
    {"ide-", "model", "tests/hw/ide.c", "TEST(names_geometry_and_blocks_are_as_they_were_given)"},
    {"ide-", "ver", "tests/hw/ide.c", "TEST(names_geometry_and_blocks_are_as_they_were_given)"},
    {"ide-", "cyls", "tests/hw/ide.c", "TEST(names_geometry_and_blocks_are_as_they_were_given)"},
    {"ide-", "heads", "tests/hw/ide.c", "TEST(names_geometry_and_blocks_are_as_they_were_given)"},
    {"ide-", "secs", "tests/hw/ide.c", "TEST(names_geometry_and_blocks_are_as_they_were_given)"},
    {"ide-", "physical_block_size", "tests/hw/ide.c",
     "TEST(names_geometry_and_blocks_are_as_they_were_given)"},
    {"ide-", "rotation_rate", "tests/hw/ide.c",
     "TEST(names_geometry_and_blocks_are_as_they_were_given)"},
    {"ide-", "wwn", "tests/hw/ide.c", "TEST(identify_tells_of_names_sizes_and_what_there_is)"},
    {"ide-", "bootindex", "tests/hw/ide.c", "TEST(firmware_knows_drives_by_their_paths)"},
    {"ide-", "rerror", "tests/block/errors.c",
     "TEST(the_device_stands_above_the_drive_and_passive_queues_report)"},
    {"ide-", "werror", "tests/block/errors.c", "TEST(a_write_without_room_waits_for_a_retry)"},
    {"virtio-", "bootindex", "tests/cli/firmware.sh", "bootindex_orders_devices"},
    {"machine", "max-ram-below-4g", "tests/hw/pc_board.c", "TEST(memory_below_4_gib_can_be_less)"},
    {"cfi.pflash01", "secure", "tests/hw/pflash.c", "TEST(a_secure_flash_obeys_who_is)"},
    {"cfi.pflash01", "width", "tests/hw/pflash.c", "TEST(a_bank_of_one_chip_takes_bytes)"},
    {"machine", "x-oem-id", "tests/cli/firmware.sh", "x-oem-id=OURS"},
    {"machine", "x-oem-table-id", "tests/cli/firmware.sh", "x-oem-table-id=VIRT"},
    {"machine", "auto-kernel-cmdline", "tests/hw/microvm.c",
     "TEST(a_kernel_without_acpi_is_told_of_virtio_devices)"},
    {"isa-debugcon", "readback", "tests/hw/isa_debug.c",
     "TEST(the_console_is_at_the_port_that_was_said_and_shows_another_byte)"},
    {"isa-serial", "irq", "tests/hw/serial16550.c",
     "TEST(ports_and_lines_that_cannot_be_are_refused)"},
    {"VGA", "vgamem_mb", "tests/hw/vga.c", "TEST(memory_is_as_large_as_asked_for)"},
    {"secondary-vga", "vgamem_mb", "tests/hw/vga.c", "TEST(memory_is_as_large_as_asked_for)"},
    {"isa-vga", "vgamem_mb", "tests/hw/vga.c", "TEST(memory_is_as_large_as_asked_for)"},
    {"ICH9-LPC", "multifunction", "tests/hw/ich9.c",
     "TEST(identity_and_reset_values_are_those_of_the_data_sheet)"},
    {"PIIX3", "multifunction", "tests/hw/piix.c",
     "TEST(identities_and_reset_values_are_those_of_the_data_sheets)"},
    {"e1000", "mitigation", "tests/hw/e1000.c", "TEST(without_mitigation_itr_keeps_nothing_apart)"},
    {"hpet", "timers", "tests/hw/hpet.c", "TEST(there_may_be_more_timers)"},
    {"isa-parallel", "irq", "tests/hw/parallel.c",
     "TEST(a_strobe_prints_a_byte_and_is_acknowledged)"},
    {"virtconsole", "name", "tests/hw/virtio_console.c",
     "TEST(ports_greet_and_carry_bytes_both_ways)"},
};

/* Taken for the sake of command lines; each stands in the manual page. */
static const char *const exceptions[] = {"ioeventfd",  "iothread",     "request-merging", "rombar",
                                         "share-rw",   "tx",           "compact-highmem", "chassis",
                                         "chassis_nr", "x-option-roms"};

static bool is_exception(const char *prop)
{
    for (size_t i = 0; i < array_len(exceptions); i++) {
        if (strcmp(exceptions[i], prop) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- the machine */

/* A setting of one property; cls NULL: of the board. */
struct setting {
    const struct device_class *cls;
    const char *prop, *value;
};

/* Boards on which some properties of theirs say something, and others do not. */
static const struct form {
    const struct machine_class *board;
    const char *gic;
    unsigned cpus;
} forms[] = {{&virt_machine_class, "2", 3},     {&virt_machine_class, "3", 3},
             {&virt_machine_class, "3", 200},   {&virt_machine_class, NULL, 3},
             {&microvm_machine_class, NULL, 3}, {&pc_machine_class, NULL, 3},
             {&q35_machine_class, NULL, 3}};

static const struct prop *board_props; /* those that are being tried */

/* Functions of chips are on the boards that have the chip, and nowhere else. */
static bool is_chip_of_pc(const struct device_class *cls)
{
    static const struct device_class *const chips[] = {&ich9_lpc_class, &piix3_class,
                                                       &piix4_pm_class, &ich9_smbus_class};
    bool found = false;
    for (size_t i = 0; i < array_len(chips); i++) {
        found |= chips[i] == cls;
    }
    return found;
}

/* A board with that setting and with a device of the class, if it has none; NULL: refused. */
static struct machine *build(const struct form *f, const struct setting *s,
                             const struct device_class *cls, struct error *e)
{
    struct machine *m = fake_machine_new(f->board);
    bool known, good = true;
    fake_virt_cpus(m, f->cpus);
    m->config.ram_bytes = 4 << 20;
    /* Some contents: firmware is told of more. */
    m->config.bios = f->board == &virt_machine_class ? __FILE__
                     : f->board->usual_bios          ? given_firmware()
                                                     : NULL;
    m->power = &fake_power;
    m->backends = given_backends;
    if (s) {
        const struct machine_global g = {
            .driver = cls ? cls->name : NULL, .property = s->prop, .value = s->value};
        good = cls ? machine_add_global(m, &g, &known, e) : machine_set(m, s->prop, s->value, e);
    }
    if (f->gic && !(s && !cls && strcmp(s->prop, "gic-version") == 0)) {
        good = good && machine_set(m, "gic-version", f->gic, e);
    }
    good = good && machine_build(m, e);
    bool there = !cls;
    for (const struct device *d = m->devices; d && good; d = d->next) {
        there |= d->cls == cls;
    }
    if (good && !there && cls->bus == BUS_VIRTIO_SERIAL) {
        good = given_plug(m, device_class_find("virtio-serial-device"), NULL, NULL, e);
    }
    if (good && !there && cls->bus == BUS_NVME) {
        good = given_plug(m, device_class_find("nvme"), NULL, NULL, e);
    }
    if (good && !there && cls->bus == BUS_FLOPPY) {
        good = given_plug(m, device_class_find("isa-fdc"), NULL, NULL, e);
    }
    if (good && !there && cls->bus == BUS_IDE) {
        good = given_plug(m, device_class_find("ich9-ahci"), NULL, NULL, e);
    }
    if (good && !there && cls->bus == BUS_SCSI) {
        good = given_plug(m, device_class_find("virtio-scsi-device"), NULL, NULL, e);
    }
    if (good && cls == &virtio_mmio_class) { /* what it is shows with a device */
        good = given_plug(m, device_class_find("virtio-rng-device"), NULL, NULL, e);
    }
    const bool elsewhere = !there && is_chip_of_pc(cls);
    good = good && (there || elsewhere || given_plug(m, cls, s ? s->prop : NULL, NULL, e)) &&
           machine_finish(m, e);
    if (!good) {
        fake_virt_free(m);
        return NULL;
    }
    machine_reset(m);
    return m;
}

/* ---- the difference */

static bool is_property(const struct device_class *cls, size_t at)
{
    for (const struct prop *p = cls->props; p && p->name; p++) {
        const size_t n = p->type == PROP_BOOL          ? 1
                         : p->type == PROP_MAC         ? 6
                         : p->type == PROP_ENUM        ? sizeof(int)
                         : props_number_bytes(p->type) ? props_number_bytes(p->type)
                                                       : sizeof(char *);
        if (at >= p->offset && at < p->offset + n) {
            return true;
        }
    }
    return false;
}

/* Where our own things lie is by chance; whether there is one is not. */
static uint64_t without_pointers(uint64_t word)
{
    return word >> 40 >= 0x50 && word >> 40 < 0x80 ? 1 : word;
}

/* The structs differ where two of the same kind do not. */
static bool struct_differs(const struct device *a, const struct device *same,
                           const struct device *b)
{
    for (size_t i = sizeof(struct device); i + 8 <= a->cls->size; i += 8) {
        const uint64_t x = without_pointers(load_le64((const uint8_t *)a + i));
        const uint64_t y = without_pointers(load_le64((const uint8_t *)same + i));
        const uint64_t z = without_pointers(load_le64((const uint8_t *)b + i));
        for (unsigned k = 0; k < 8 && x == y && x != z; k++) {
            if ((x ^ z) >> (8 * k) & 0xff && !is_property(a->cls, i + k)) {
                return true;
            }
        }
    }
    return false;
}

static bool devices_differ(const struct machine *a, const struct machine *same,
                           const struct machine *b)
{
    const struct device *x = a->devices, *y = same->devices, *z = b->devices;
    for (; x && y && z; x = x->next, y = y->next, z = z->next) {
        if (x->cls != z->cls || struct_differs(x, y, z)) {
            return true;
        }
    }
    return x || z;
}

/* What lies in memory after reset: the device tree, and what loaders put there. */
static bool memory_differs(const struct machine *a, const struct machine *b)
{
    const struct placement *p = a->placements.first, *q = b->placements.first;
    for (; p && q; p = p->next, q = q->next) {
        if (p->base != q->base || p->size != q->size ||
            (p->bytes && (!q->bytes || memcmp(p->bytes, q->bytes, p->size) != 0))) {
            return true;
        }
    }
    return p || q || !a->starts != !b->starts;
}

static bool space_differs(struct space *a, struct space *b)
{
    struct mem_view v = {0}, w = {0};
    bool more = true;
    for (paddr at = 0; more && at < UINT64_C(0x8000000000); at = v.base + v.size) {
        more = space_find_next(a, at, &v);
        if (more != space_find_next(b, at, &w) || v.base != w.base || v.size != w.size) {
            return true;
        }
    }
    return false;
}

/* Windows of memory and ports. */
static bool map_differs(const struct machine *a, const struct machine *b)
{
    struct space *ports = a->vcpus[0]->spaces[1], *others = b->vcpus[0]->spaces[1];
    return space_differs(a->memory, b->memory) || (ports && space_differs(ports, others));
}

/* ---- values */

static const char *const numbers[] = {"0",  "1",   "2",   "3",    "9",     "16",
                                      "64", "128", "512", "4096", "65535", "0x48000000"};
static const char *const texts[] = {"text", "half", "timer"};
static const char *const switches[] = {"on", "off"};
static const char *const addresses[] = {"9", "9.1"};
static const char *const macs[] = {"02:00:00:00:00:07"};

static const char *const *values_of(const struct prop *p, size_t *n)
{
    switch (p->type) {
    case PROP_BOOL:
        *n = array_len(switches);
        return switches;
    case PROP_ENUM:
        for (*n = 0; p->choices[*n]; ++*n) {
        }
        return p->choices;
    case PROP_MAC:
        *n = array_len(macs);
        return macs;
    case PROP_PCI_ADDR:
        *n = array_len(addresses);
        return addresses;
    case PROP_STRING:
    case PROP_DRIVE:
    case PROP_NETDEV:
    case PROP_CHARDEV:
    case PROP_OBJECT:
        *n = array_len(texts);
        return texts;
    default:
        *n = array_len(numbers);
        return numbers;
    }
}

static bool is_default(const struct prop *p, const char *value)
{
    if (props_number_bytes(p->type) && !(p->initial && *p->initial >= '0' && *p->initial <= '9')) {
        const uint64_t number = strtoull(value, NULL, 0); /* none is 0, a word is all ones */
        return number == (p->initial ? mask64(8 * (unsigned)props_number_bytes(p->type)) : 0);
    }
    return p->initial &&
           (strcmp(p->initial, value) == 0 ||
            (props_number_bytes(p->type) && *p->initial >= '0' && *p->initial <= '9' &&
             strtoull(p->initial, NULL, 0) == strtoull(value, NULL, 0)));
}

static bool has_test(const struct device_class *cls, const char *prop)
{
    const char *name = cls ? cls->name : "machine";
    for (size_t i = 0; i < array_len(while_running); i++) {
        const char *start = while_running[i].class_start;
        if (strcmp(while_running[i].prop, prop) == 0 && strncmp(name, start, strlen(start)) == 0) {
            return true;
        }
    }
    return false;
}

/* The default is a word that stands for one of the values, whichever fits. */
static bool chooses_by_itself(const struct prop *p)
{
    static const char *const words[] = {"auto", "default"};
    for (size_t i = 0; p->initial && i < array_len(words); i++) {
        if (strcmp(p->initial, words[i]) == 0) {
            return true;
        }
    }
    return props_number_bytes(p->type) && p->initial && !(*p->initial >= '0' && *p->initial <= '9');
}

/* ---- the tests */

enum outcome {
    REFUSED,
    DIFFERS,
    SAME
};

static unsigned settings, refused;

static enum outcome try_value(const struct form *f, const struct device_class *cls,
                              const struct prop *p, const char *value)
{
    struct error e = {""};
    const struct setting s = {cls, p->name, value};
    struct machine *usual = build(f, NULL, cls, &e), *same = build(f, NULL, cls, &e);
    if (!usual || !same) { /* no board of this form has the class */
        CHECK(!usual && !same);
        return SAME;
    }
    struct machine *m = build(f, &s, cls, &e);
    const enum outcome outcome = !m ? REFUSED
                                 : memory_differs(usual, m) || map_differs(usual, m) ||
                                         devices_differ(usual, same, m)
                                     ? DIFFERS
                                     : SAME;
    CHECK_MSG(m || e.text[0], "%s.%s=%s is refused without a word", cls ? cls->name : "machine",
              p->name, value);
    fake_virt_free(usual);
    fake_virt_free(same);
    if (m) {
        fake_virt_free(m);
    }
    return outcome;
}

/* Of a device on all boards, of a board on itself. */
static enum outcome try_forms(const struct device_class *cls, const struct prop *p,
                              const char *value)
{
    enum outcome outcome = SAME;
    for (size_t i = 0; i < array_len(forms) && outcome == SAME; i++) {
        if (cls || forms[i].board->props == board_props) {
            outcome = try_value(&forms[i], cls, p, value);
        }
    }
    settings++;
    refused += outcome == REFUSED;
    return outcome;
}

static void try_prop(const struct device_class *cls, const struct prop *p)
{
    size_t n, same = 0, others = 0;
    const char *const *values = values_of(p, &n), *which = "";
    for (size_t i = 0; i < n; i++) {
        if (!is_default(p, values[i]) && !(p->type == PROP_BOOL && !p->initial && i == 1)) {
            const bool is_same = try_forms(cls, p, values[i]) == SAME;
            same += is_same;
            others += !is_same;
            which = is_same ? values[i] : which;
        }
    }
    const bool good = same == 0 || (chooses_by_itself(p) && same == 1 && others > 0);
    CHECK_MSG(good, "%s.%s=%s (and %zu more) changes nothing", cls ? cls->name : "machine", p->name,
              which, same - 1);
}

static void try_all(const struct device_class *cls, const struct prop *props)
{
    for (const struct prop *p = props; p && p->name; p++) {
        if (!is_exception(p->name) && !has_test(cls, p->name)) {
            try_prop(cls, p);
        }
    }
}

TEST(every_value_of_every_property_of_a_device_has_an_effect_or_is_refused)
{
    log_set_mask(0);
    given_begin();
    for (unsigned i = 0; device_classes[i]; i++) {
        try_all(device_classes[i], device_classes[i]->props);
    }
    CHECK(settings > 200 && refused > 10 && refused < settings);
    given_end();
}

TEST(every_value_of_every_property_of_the_board_has_an_effect_or_is_refused)
{
    static const struct machine_class *const boards[] = {&virt_machine_class,
                                                         &microvm_machine_class, &pc_machine_class};
    log_set_mask(0);
    given_begin();
    for (size_t i = 0; i < array_len(boards); i++) {
        board_props = boards[i]->props;
        try_all(NULL, board_props);
    }
    given_end();
}

static bool file_has(const char *path, const char *text)
{
    struct image_file f;
    struct error e;
    char *bytes = NULL;
    bool has = false;
    if (image_open(&f, "test", path, &e)) {
        bytes = (char *)image_read_all(&f, "test", 1 << 20, &e);
        has = bytes && memmem(bytes, f.size, text, strlen(text));
        image_close(&f);
    }
    mem_free(bytes);
    return has;
}

TEST(what_is_seen_while_running_has_a_test_and_what_is_not_stands_in_the_manual_page)
{
    if (!file_has("docs/user/dragoman.1", ".TH")) {
        SKIP("it does not run in the tree");
    }
    for (size_t i = 0; i < array_len(while_running); i++) {
        const char *path = while_running[i].file, *test = while_running[i].test;
        CHECK_MSG(file_has(path, test), "%s has no %s", path, test);
    }
    CHECK(array_len(exceptions) <= 10);
    for (size_t i = 0; i < array_len(exceptions); i++) {
        char text[64], *out = text;
        for (const char *p = exceptions[i]; *p; p++) {
            out += snprintf(out, 3, *p == '-' ? "\\-" : "%c", *p);
        }
        CHECK_MSG(file_has("docs/user/dragoman.1", text), "the manual page has no %s", text);
    }
}
