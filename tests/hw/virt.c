/* SPDX-License-Identifier: MIT */
/* The virt board, with vCPUs that run nothing. */
#include <libfdt.h>
#include <unistd.h>

#include "base/bits.h"
#include "hw/arm/virt.h"
#include "hw/intc/gic.h"
#include "tests/hw/fake_arm.h"
#include "tests/support/kernels.h"
#include "tests/support/machine.h"
#include "tests/test.h"

#define RAM UINT64_C(0x40000000)
#define UART UINT64_C(0x09000000)
#define DIST UINT64_C(0x08000000)
#define REDIST UINT64_C(0x080a0000)

static struct machine *board(const char *gic, unsigned cpus)
{
    struct machine *m = fake_virt_new();
    struct error e = {""};
    fake_virt_cpus(m, cpus);
    CHECK(machine_set(m, "gic-version", gic, &e));
    CHECK_MSG(fake_virt_finish(m, &e), "%s", e.text);
    return m;
}

static uint64_t icc(struct machine *m, int cpu, uint32_t encoding, const uint64_t *value)
{
    const struct sysreg_bank *b = m->vcpus[cpu]->sysregs;
    for (unsigned i = 0; i < b->count; i++) {
        if (b->rows[i].encoding == encoding && value) {
            b->rows[i].write(b->opaque, cpu, encoding, *value);
            return 0;
        }
        if (b->rows[i].encoding == encoding) {
            return b->rows[i].read(b->opaque, cpu, encoding);
        }
    }
    CHECK(false);
    return 0;
}

#define PMR SYSREG_A64(3, 0, 4, 6, 0)
#define IAR1 SYSREG_A64(3, 0, 12, 12, 0)
#define IGRPEN1 SYSREG_A64(3, 0, 12, 12, 7)

/* Enables one interrupt of a GICv3 as group 1. */
static void enable(struct machine *m, int cpu, unsigned intid)
{
    const uint64_t mask = 0xf0, on = 1;
    uint64_t base = intid < 32 ? REDIST + 0x10000 + (uint64_t)cpu * GICV3_REDIST_SIZE
                               : DIST + 4 * (uint64_t)(intid / 32);
    test_store32(m, DIST, 2);
    test_store32(m, base + 0x80, UINT32_MAX);
    test_store32(m, base + 0x100, 1u << (intid % 32));
    icc(m, cpu, PMR, &mask);
    icc(m, cpu, IGRPEN1, &on);
}

TEST(every_part_answers_where_the_map_has_it)
{
    for (int gic = 2; gic <= 3; gic++) {
        struct machine *m = board(gic == 2 ? "2" : "3", 1);
        CHECK_EQ(test_load32(m, UART + 0xfe0), 0x11);
        CHECK_EQ(test_load32(m, 0x09010fe0), 0x31);
        CHECK_EQ(test_load32(m, 0x09030fe0), 0x61);
        CHECK_EQ(test_load(m, 0x09020010, 8), bswap64(UINT64_C(0x51454d5520434647)));
        CHECK_EQ(test_load32(m, 0x0a000000), 0x74726976);
        CHECK_EQ(test_load32(m, 0x0a003e00), 0x74726976);
        CHECK_EQ(test_load32(m, UINT64_C(0x4010000000)), 0x00081b36);
        CHECK_EQ(test_load32(m, 0), 0);
        uint64_t v;
        CHECK_EQ(space_load(m->memory, 0x08010000, 4, &v), gic == 2);
        CHECK_EQ(space_load(m->memory, 0x08020008, 4, &v), gic == 2);
        CHECK_EQ(space_load(m->memory, 0x08080008, 8, &v), gic == 3);
        CHECK_EQ(space_load(m->memory, REDIST + 8, 8, &v), gic == 3);
        CHECK(!space_load(m->memory, RAM + m->config.ram_bytes, 4, &v));
        CHECK_EQ(m->vcpus[0]->sysregs != NULL, gic == 3);
        fake_virt_free(m);
    }
}

TEST(device_interrupts_reach_the_vcpu)
{
    struct machine *m = board("3", 2);
    enable(m, 0, 33);
    test_store32(m, UART + 0x38, 0x20); /* transmit interrupt */
    test_store32(m, UART, 'x');
    CHECK_EQ(fake_arm(m, 0)->line[ARM_LINE_IRQ], 1);
    CHECK_EQ(icc(m, 0, IAR1, NULL), 33);
    CHECK_EQ(fake_arm(m, 0)->line[ARM_LINE_IRQ], 0);
    fake_virt_free(m);
}

TEST(timer_and_pmu_interrupts_are_private)
{
    struct machine *m = board("3", 2);
    struct fake_arm *f = fake_arm(m, 1);
    enable(m, 1, 27);
    irq_set(&f->timer[ARM_TIMER_VIRT], 1);
    CHECK_EQ(icc(m, 1, IAR1, NULL), 27);
    irq_set(&f->timer[ARM_TIMER_PHYS], 1);
    irq_set(&f->pmu, 1);
    CHECK_EQ(test_load32(m, REDIST + 0x30200), 1u << 27 | 1u << 30 | 1u << 23);
    CHECK_EQ(test_load32(m, REDIST + 0x10200), 0);
    fake_virt_free(m);
}

TEST(banked_gicv2_registers_follow_the_vcpu_that_asks)
{
    struct machine *m = board("2", 3);
    for (unsigned i = 0; i < 3; i++) {
        fake_current = m->vcpus[i];
        CHECK_EQ(test_load(m, DIST + 0x800, 1), 1u << i);
    }
    fake_current = NULL;
    CHECK_EQ(test_load(m, DIST + 0x800, 1), 1);
    fake_virt_free(m);
}

TEST(power_button_is_gpio_pin_3)
{
    struct machine *m = board("3", 1);
    enable(m, 0, 32 + 7);
    test_store32(m, 0x0903040c, 8); /* IEV */
    test_store32(m, 0x09030410, 8); /* IE */
    machine_power_button(m);
    CHECK_EQ(test_load32(m, 0x09030000 + (8 << 2)), 8);
    CHECK_EQ(icc(m, 0, IAR1, NULL), 39);
    fake_virt_free(m);
}

TEST(vcpus_have_their_affinity_and_wait_for_psci)
{
    struct machine *m = board("3", 20);
    CHECK_EQ(m->vcpus[15]->firmware_id, 15);
    CHECK_EQ(m->vcpus[16]->firmware_id, 0x100);
    CHECK_EQ(fake_arm(m, 15)->cluster_cpus, 16);
    CHECK_EQ(fake_arm(m, 16)->cluster_cpus, m->vcpu_count - 16);
    CHECK(!m->vcpus[0]->powered_off && m->vcpus[1]->powered_off && m->vcpus[19]->powered_off);
    CHECK_EQ(test_load(m, REDIST + 16 * GICV3_REDIST_SIZE + 8, 8) >> 32, 0x100);
    CHECK(fake_arm(m, 0)->seed != fake_arm(m, 1)->seed);
    fake_virt_free(m);
}

TEST(most_vcpus_have_their_redistributors_in_two_regions)
{
    struct machine *m = board("default", 512);
    uint64_t low = test_load(m, REDIST + 122 * GICV3_REDIST_SIZE + 8, 8);
    uint64_t high = test_load(m, (UINT64_C(256) << 30) + 388 * GICV3_REDIST_SIZE + 8, 8);
    CHECK(bit(low, 4) && bit(high, 4));
    CHECK_EQ(high >> 32, 0x1f0f);
    CHECK_EQ(bits64(high, 23, 8), 511);
    fake_virt_free(m);
}

/* ---- what is refused */

static void refuses(unsigned cpus, uint64_t ram, const char *prop, const char *value,
                    const char *part)
{
    struct machine *m = fake_virt_new();
    struct error e = {""};
    fake_virt_cpus(m, cpus);
    m->config.ram_bytes = ram;
    bool good = (!prop || machine_set(m, prop, value, &e)) && machine_build(m, &e);
    CHECK_MSG(!good && strstr(e.text, part), "\"%s\" does not say \"%s\"", e.text, part);
    fake_virt_free(m);
}

TEST(what_the_board_lacks_is_refused)
{
    const uint64_t mib = 1 << 20;
    refuses(1, 128 * mib, "secure", "on", "only secure=off is possible");
    refuses(1, 128 * mib, "virtualization", "on", "only virtualization=off is possible");
    refuses(1, 128 * mib, "mte", "on", "only mte=off is possible");
    refuses(1, 128 * mib, "iommu", "smmuv3", "only iommu=none is possible");
    refuses(1, 128 * mib, "gic-version", "host", "use 2, 3 or max");
    refuses(1, 128 * mib, "gic-version", "4", "use 2, 3 or max");
    refuses(1, 128 * mib, "gic-version", "7", "default, 2, 3, 4, max, host");
    refuses(1, 128 * mib, "hihgmem", "off", "did you mean 'highmem'?");
    refuses(9, 128 * mib, "gic-version", "2", "at most 8 CPUs, not 9");
    refuses(124, 128 * mib, "highmem-redists", "off", "at most 123 CPUs, not 124");
    refuses(513, 128 * mib, NULL, NULL, "at most 512 CPUs, not 513");
    refuses(0, 128 * mib, NULL, NULL, "-smp: from 1");
    refuses(1, 4096 * mib, "highmem", "off", "has room for 3 GiB");
    refuses(1, 1, NULL, NULL, "not a whole number of 4 KiB pages");
    refuses(1, UINT64_C(1) << 60, NULL, NULL, "do not fit into the host's");
}

TEST(unknown_cpu_model_leaves_nothing_behind)
{
    struct machine *m = fake_virt_new();
    struct error e;
    m->config.cpu = "none";
    CHECK(!machine_build(m, &e));
    CHECK_STR(e.text, "-cpu none: there is no such model");
    fake_virt_free(m);
}

/* ---- starting */

static void write_file(char *path, const void *bytes, size_t n)
{
    strcpy(path, "/tmp/virt-test-XXXXXX");
    int fd = mkstemp(path);
    CHECK(fd >= 0 && write(fd, bytes, n) == (ssize_t)n);
    close(fd);
}

static const uint8_t *image(void)
{
    static uint8_t bytes[4096];
    store_le64(bytes + 16, 1 << 20);
    memcpy(bytes + 56, "ARM\x64", 4);
    return bytes;
}

TEST(kernel_starts_with_the_tree_in_x0)
{
    struct machine *m = fake_virt_new();
    struct error e = {""};
    char path[32];
    write_file(path, image(), 4096);
    m->config.kernel = path;
    m->config.append = "quiet";
    REQUIRE(fake_virt_finish(m, &e));
    CHECK_EQ(fake_arm(m, 0)->pc, RAM + 0x200000);
    CHECK_EQ(fake_arm(m, 0)->x0, RAM + 0x4000000);
    const void *tree = space_host(m->memory, fake_arm(m, 0)->x0, 4096, false);
    REQUIRE(tree && fdt_check_header(tree) == 0);
    const char *args = fdt_getprop(tree, fdt_path_offset(tree, "/chosen"), "bootargs", NULL);
    CHECK_STR(args, "quiet");
    unlink(path);
    fake_virt_free(m);
}

TEST(reset_puts_everything_back_but_the_seeds)
{
    struct machine *m = fake_virt_new();
    struct error e = {""};
    char path[32];
    write_file(path, image(), 4096);
    m->config.kernel = path;
    REQUIRE(fake_virt_finish(m, &e));
    uint8_t *tree = space_host(m->memory, fake_arm(m, 0)->x0, 4096, true);
    int chosen = fdt_path_offset(tree, "/chosen");
    uint64_t seed = load_be64(fdt_getprop(tree, chosen, "kaslr-seed", NULL));
    CHECK(seed != 0);
    test_store32(m, RAM + 0x200000 + 56, 0);
    memset(tree, 0, 4096);
    m->vcpus[0]->powered_off = true;
    machine_reset(m);
    CHECK_EQ(test_load32(m, RAM + 0x200000 + 56), 0x644d5241);
    CHECK_EQ(fdt_check_header(tree), 0);
    CHECK(load_be64(fdt_getprop(tree, chosen, "kaslr-seed", NULL)) != seed);
    CHECK(!m->vcpus[0]->powered_off);
    CHECK_EQ(fake_arm(m, 0)->resets, 2);
    unlink(path);
    fake_virt_free(m);
}

TEST(firmware_starts_at_0_and_is_given_the_kernel)
{
    struct machine *m = fake_virt_new();
    struct error e = {""};
    char bios[32], kernel[32];
    write_file(bios, "firmware", 8);
    write_file(kernel, "any format", 10);
    m->config.bios = bios;
    m->config.kernel = kernel;
    m->config.append = "x";
    REQUIRE(fake_virt_finish(m, &e));
    CHECK_EQ(fake_arm(m, 0)->pc, 0);
    CHECK_EQ(test_load32(m, 0), 0x6d726966); /* "firm" */
    CHECK_EQ(fdt_check_header(space_host(m->memory, RAM, 4096, false)), 0);
    test_store(m, 0x09020008, 2, bswap16(0x11));
    CHECK_EQ(test_load32(m, 0x09020000), 0x20796e61); /* "any " */
    test_store(m, 0x09020008, 2, bswap16(0x14));
    CHECK_EQ(test_load32(m, 0x09020000), 2);
    unlink(bios);
    unlink(kernel);
    fake_virt_free(m);
}

TEST(firmware_is_given_what_gzip_has_packed_and_an_empty_command_line)
{
    struct machine *m = fake_virt_new();
    struct error e = {""};
    char bios[32], kernel[32];
    uint8_t packed[100];
    write_file(bios, "firmware", 8);
    write_file(kernel, packed, pack_gzip("unpacked", 8, packed, sizeof(packed)));
    m->config.bios = bios;
    m->config.kernel = kernel;
    REQUIRE(fake_virt_finish(m, &e));
    test_store(m, 0x09020008, 2, bswap16(0x08));
    CHECK_EQ(test_load32(m, 0x09020000), 8);
    test_store(m, 0x09020008, 2, bswap16(0x11));
    CHECK_EQ(test_load32(m, 0x09020000), 0x61706e75); /* "unpa" */
    test_store(m, 0x09020008, 2, bswap16(0x14));
    CHECK_EQ(test_load32(m, 0x09020000), 1);
    unlink(bios);
    unlink(kernel);
    fake_virt_free(m);

    m = fake_virt_new();
    write_file(bios, "firmware", 8);
    write_file(kernel, packed, 12); /* cut short */
    m->config.bios = bios;
    m->config.kernel = kernel;
    CHECK(!fake_virt_finish(m, &e));
    CHECK(strstr(e.text, "gzip data is truncated"));
    unlink(bios);
    unlink(kernel);
    fake_virt_free(m);
}

TEST(globals_do_not_change_what_the_board_decides)
{
    struct machine *m = fake_virt_new();
    struct error e = {""};
    bool known;
    fake_virt_cpus(m, 2);
    const struct machine_global g = {.driver = "arm_gic", .property = "num-cpu", .value = "5"};
    CHECK(machine_add_global(m, &g, &known, &e) && known);
    CHECK(!machine_build(m, &e));
    CHECK_STR(e.text, "-global arm_gic.num-cpu=5: the machine 'virt' sets it itself, to 2");
    fake_virt_free(m);
}

TEST(globals_of_families_reach_their_devices)
{
    struct machine *m = fake_virt_new();
    struct error e = {""};
    bool known;
    const struct machine_global rows[] = {
        {.driver = "virtio-pci", .property = "vectors", .value = "7"},
        {.driver = "virtio-rng-device", .property = "period", .value = "99"},
        {.driver = "device", .property = "event_idx", .value = "off"}};
    for (size_t i = 0; i < array_len(rows); i++) {
        CHECK_MSG(machine_add_global(m, &rows[i], &known, &e) && known, "%s", e.text);
    }
    CHECK(!machine_add_global(m, &(struct machine_global){"pci-device", "nothing", "1", NULL},
                              &known, &e) &&
          known);
    CHECK(!machine_add_global(m, &(struct machine_global){"no-device", "nothing", "1", NULL},
                              &known, &e) &&
          !known);
    struct strbuf s = {0};
    struct device *d = device_new(device_class_find("virtio-rng-pci"), m, NULL);
    props_describe(d->cls->props, d, 0, &s);
    CHECK(strstr(strbuf_text(&s), "vectors = 7"));
    CHECK(strstr(strbuf_text(&s), "period = 99"));
    CHECK(strstr(strbuf_text(&s), "event_idx = false") ||
          strstr(strbuf_text(&s), "event_idx = off"));
    device_free(d);
    strbuf_free(&s);
    fake_virt_free(m);
}

TEST(loader_says_where_a_vcpu_begins)
{
    struct machine *m = fake_virt_new();
    struct error e = {""};
    fake_virt_cpus(m, 2);
    REQUIRE(machine_build(m, &e));
    struct device *d = device_new(&loader_class, m, NULL);
    CHECK(device_set(d, "addr", "0x40001000", &e) && device_set(d, "cpu-num", "0", &e));
    CHECK(device_create(d, &e));
    REQUIRE(machine_finish(m, &e));
    machine_reset(m);
    CHECK_EQ(fake_arm(m, 0)->pc, 0x40001000);
    struct device *other = device_new(&loader_class, m, NULL);
    CHECK(device_set(other, "cpu-num", "2", &e) && !device_create(other, &e));
    CHECK_STR(e.text, "loader: cpu-num=2: the machine has 2 vCPUs, counted from 0");
    device_free(other);
    fake_virt_free(m);
}

TEST(same_seed_gives_the_same_memory)
{
    struct machine *a = board("3", 2), *b = board("3", 2);
    CHECK_MEM(a->ram, b->ram, 1 << 20);
    CHECK_EQ(fake_arm(a, 1)->seed, fake_arm(b, 1)->seed);
    fake_virt_free(a);
    fake_virt_free(b);
}

TEST(tree_is_dumped_to_a_file_that_can_be_written)
{
    struct machine *m = fake_virt_new();
    struct error e = {""};
    m->config.dump_dtb = "/nonexistent/tree.dtb";
    CHECK(!fake_virt_finish(m, &e));
    CHECK_STR(e.text, "dumpdtb=/nonexistent/tree.dtb: No such file or directory");
    fake_virt_free(m);

    char path[32];
    write_file(path, "", 0);
    m = fake_virt_new();
    m->config.dump_dtb = path;
    CHECK(fake_virt_finish(m, &e));
    FILE *f = fopen(path, "rb");
    uint8_t magic[4] = {0};
    CHECK(f && fread(magic, 1, 4, f) == 4);
    CHECK_EQ(load_be32(magic), 0xd00dfeed);
    fclose(f);
    unlink(path);
    fake_virt_free(m);
}
