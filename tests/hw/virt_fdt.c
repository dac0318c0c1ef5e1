/* SPDX-License-Identifier: MIT */
/*
 * The device tree of the virt board: against QEMU's, property by property, and its own contents.
 * QEMU is that of the cache ($DRAGOMAN_CACHE/qemu10); without it the comparisons are skipped.
 */
#include <libfdt.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/mem.h"
#include "hw/arm/virt.h"
#include "hw/numa.h"
#include "tests/test.h"

/* Nodes and properties that are QEMU's alone, or different, and why. */
static const struct {
    const char *path, *property;
} intended[] = {
    {"/platform-bus@c000000", NULL}, /* a bus for devices that users add; ours has none */
    {"/chosen", "rng-seed"},         /* random */
    {"/chosen", "kaslr-seed"},
};

/* ---- a machine of which only the tree is made */

struct bench {
    struct machine_class cls;
    struct machine m;
    struct virt v;
    void *tree;
    size_t bytes;
};

static void bench_init(struct bench *b, unsigned cpus, uint64_t ram_mib)
{
    *b = (struct bench){.cls = {.name = "virt", .default_cpu = "max"}};
    b->m.cls = &b->cls;
    b->m.board = &b->v;
    b->m.config = (struct machine_config){.ram_bytes = ram_mib << 20,
                                          .cpus = cpus,
                                          .max_cpus = cpus,
                                          .sockets = 1,
                                          .clusters = 1,
                                          .cores = cpus,
                                          .threads = 1};
    b->v = (struct virt){.gic = 3,
                         .has_its = true,
                         .highmem = true,
                         .highmem_ecam = true,
                         .highmem_mmio = true,
                         .highmem_redists = true,
                         .dtb_randomness = true,
                         .dtb_kaslr_seed = true};
}

static bool make_tree(struct bench *b)
{
    struct error e = {""};
    b->tree = virt_fdt_create(&b->m, &b->bytes, &e);
    CHECK_MSG(b->tree, "%s", e.text);
    return b->tree != NULL;
}

static void bench_end(struct bench *b)
{
    mem_free(b->tree);
}

/* ---- comparing */

static bool is_intended(const char *path, const char *property)
{
    for (size_t i = 0; i < array_len(intended); i++) {
        if (strcmp(intended[i].path, path) == 0 &&
            (!intended[i].property || strcmp(intended[i].property, property) == 0)) {
            return true;
        }
    }
    return false;
}

/* The path of the node with a phandle, or "". */
static void path_of(const void *tree, uint32_t phandle, char *path, int n)
{
    int node = fdt_node_offset_by_phandle(tree, phandle);
    if (node < 0 || fdt_get_path(tree, node, path, n) != 0) {
        path[0] = 0;
    }
}

/* Equal cells, or handles of nodes with the same path. */
static bool same_cell(const void *a, const void *b, uint32_t x, uint32_t y)
{
    char path_x[200], path_y[200];
    if (x == y) {
        return true;
    }
    path_of(a, x, path_x, sizeof(path_x));
    path_of(b, y, path_y, sizeof(path_y));
    return path_x[0] && strcmp(path_x, path_y) == 0;
}

static bool same_value(const void *a, const void *b, const uint8_t *x, const uint8_t *y, int n)
{
    if (memcmp(x, y, (size_t)n) == 0) {
        return true;
    }
    for (int i = 0; i + 4 <= n; i += 4) {
        if (!same_cell(a, b, load_be32(x + i), load_be32(y + i))) {
            return false;
        }
    }
    return n % 4 == 0;
}

/* All that a has and b lacks or has differently; with value: values are compared, too. */
static void compare(const void *a, const char *a_name, const void *b, const char *b_name,
                    bool value)
{
    for (int node = 0; node >= 0; node = fdt_next_node(a, node, NULL)) {
        char path[200];
        CHECK_EQ(fdt_get_path(a, node, path, sizeof(path)), 0);
        int other = fdt_path_offset(b, path);
        if (other < 0) {
            CHECK_MSG(is_intended(path, ""), "%s: in %s, not in %s", path, a_name, b_name);
            continue;
        }
        int p;
        fdt_for_each_property_offset(p, a, node)
        {
            const char *name;
            int n, m;
            const uint8_t *x = fdt_getprop_by_offset(a, p, &name, &n);
            const uint8_t *y = fdt_getprop(b, other, name, &m);
            if (strcmp(name, "phandle") == 0 || is_intended(path, name)) {
                continue;
            }
            CHECK_MSG(y, "%s %s: in %s, not in %s", path, name, a_name, b_name);
            CHECK_MSG(!y || !value || (n == m && same_value(a, b, x, y, n)), "%s %s: not the same",
                      path, name);
        }
    }
}

static char *qemu_path(void)
{
    const char *cache = getenv("DRAGOMAN_CACHE");
    char *path = mem_printf("%s/qemu10/bin/qemu-system-aarch64", cache ? cache : "build/cache");
    if (access(path, X_OK) != 0) {
        mem_free(path);
        return NULL;
    }
    return path;
}

static void *read_file(const char *path)
{
    static uint8_t bytes[2 << 20];
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(bytes, 1, sizeof(bytes), f) : 0;
    if (f) {
        fclose(f);
    }
    return n > 0 ? bytes : NULL;
}

/* What QEMU writes with these arguments: a buffer of its own, or NULL. */
static void *qemu_tree(const char *qemu, const char *machine, const char *options)
{
    char file[] = "/tmp/virt-fdt-XXXXXX";
    int fd = mkstemp(file);
    if (fd < 0) {
        return NULL;
    }
    close(fd);
    char *command = mem_printf("timeout 60 '%s' -M virt,%s,dumpdtb=%s -cpu max -nodefaults %s "
                               ">/dev/null 2>&1 </dev/null",
                               qemu, machine, file, options);
    void *tree = system(command) == 0 ? read_file(file) : NULL;
    unlink(file);
    mem_free(command);
    return tree;
}

static void compare_with_qemu(struct bench *b, const char *machine, const char *options)
{
    char *qemu = qemu_path();
    if (!qemu) {
        SKIP("QEMU 10 is not in the cache");
    }
    void *theirs = qemu_tree(qemu, machine, options);
    mem_free(qemu);
    REQUIRE(theirs);
    if (!make_tree(b)) {
        return;
    }
    compare(theirs, "QEMU's", b->tree, "ours", true);
    compare(b->tree, "ours", theirs, "QEMU's", false);
    bench_end(b);
}

TEST(tree_with_gicv3_is_qemus)
{
    struct bench b;
    bench_init(&b, 4, 1024);
    compare_with_qemu(&b, "gic-version=3", "-m 1G -smp 4");
}

TEST(tree_with_gicv2_is_qemus)
{
    struct bench b;
    bench_init(&b, 1, 128);
    b.v.gic = 2;
    b.v.has_its = false;
    compare_with_qemu(&b, "gic-version=2", "");
}

TEST(tree_with_gicv2_and_8_cpus_is_qemus)
{
    struct bench b;
    bench_init(&b, 8, 128);
    b.v.gic = 2;
    b.v.has_its = false;
    compare_with_qemu(&b, "gic-version=2", "-smp 8");
}

TEST(tree_without_its_is_qemus)
{
    struct bench b;
    bench_init(&b, 2, 256);
    b.v.has_its = false;
    compare_with_qemu(&b, "gic-version=3,its=off", "-m 256M -smp 2");
}

TEST(tree_without_high_memory_is_qemus)
{
    struct bench b;
    bench_init(&b, 40, 1024);
    b.v.highmem = false;
    compare_with_qemu(&b, "gic-version=3,highmem=off", "-m 1G -smp 40");
}

TEST(tree_with_two_redistributor_regions_is_qemus)
{
    struct bench b;
    bench_init(&b, 200, 512);
    compare_with_qemu(&b, "gic-version=3", "-m 512M -smp 200");
}

TEST(tree_with_threads_is_qemus)
{
    struct bench b;
    bench_init(&b, 8, 512);
    b.m.config.sockets = 2;
    b.m.config.cores = 2;
    b.m.config.threads = 2;
    compare_with_qemu(&b, "gic-version=3", "-m 512M -smp 8,sockets=2,cores=2,threads=2");
}

TEST(tree_of_clusters_is_qemus)
{
    struct bench b;
    bench_init(&b, 6, 512);
    b.m.config.max_cpus = 8;
    b.m.config.clusters = 2;
    b.m.config.cores = 2;
    b.m.config.threads = 2;
    compare_with_qemu(&b, "gic-version=3", "-m 512M -smp 6,maxcpus=8,clusters=2,threads=2");
}

TEST(tree_of_cpus_that_are_absent_is_qemus)
{
    struct bench b;
    bench_init(&b, 4, 512);
    b.m.config.max_cpus = b.m.config.cores = 200;
    compare_with_qemu(&b, "gic-version=3", "-m 512M -smp 4,maxcpus=200");
}

TEST(tree_of_numa_nodes_is_qemus)
{
    static struct numa n = {.count = 2, .has_distances = true};
    static uint16_t nodes[4] = {0, 0, 1, 1};
    struct bench b;
    bench_init(&b, 4, 512);
    n.cpu_node = nodes;
    for (unsigned i = 0; i < 2; i++) {
        n.node[i] = (struct numa_node){.present = true, .bytes = 256 << 20};
        n.distance[i][i] = NUMA_NEAR;
        n.distance[i][1 - i] = 25;
    }
    b.m.config.numa = &n;
    compare_with_qemu(&b, "gic-version=3",
                      "-m 512M -smp 4 -object memory-backend-ram,id=a,size=256M "
                      "-object memory-backend-ram,id=b,size=256M -numa node,cpus=0-1,memdev=a "
                      "-numa node,cpus=2-3,memdev=b -numa dist,src=0,dst=1,val=25");
}

TEST(tree_without_randomness_is_qemus)
{
    struct bench b;
    bench_init(&b, 1, 512);
    b.v.dtb_randomness = false;
    compare_with_qemu(&b, "gic-version=max,dtb-randomness=off", "-m 512M");
}

/* ---- on its own */

TEST(largest_machine_has_a_node_for_each_cpu)
{
    struct bench b;
    bench_init(&b, 512, 255 * 1024);
    if (!make_tree(&b)) {
        return;
    }
    CHECK_EQ(fdt_check_full(b.tree, b.bytes), 0);
    int n, node = fdt_path_offset(b.tree, "/cpus/cpu@511");
    const uint8_t *reg = fdt_getprop(b.tree, node, "reg", &n);
    REQUIRE(reg && n == 4);
    CHECK_EQ(load_be32(reg), 0x1f0f);
    reg = fdt_getprop(b.tree, fdt_path_offset(b.tree, "/memory@40000000"), "reg", &n);
    REQUIRE(reg && n == 16);
    CHECK_EQ(load_be64(reg) + load_be64(reg + 8), UINT64_C(256) << 30);
    bench_end(&b);
}

TEST(seeds_are_drawn_from_the_machines_generator)
{
    struct bench a, b;
    bench_init(&a, 1, 128);
    bench_init(&b, 1, 128);
    if (!make_tree(&a) || !make_tree(&b)) {
        return;
    }
    rng_seed(&a.m.rng, 7);
    rng_seed(&b.m.rng, 7);
    virt_fdt_seed(&a.m, a.tree);
    CHECK(memcmp(a.tree, b.tree, a.bytes) != 0);
    virt_fdt_seed(&b.m, b.tree);
    CHECK_MEM(a.tree, b.tree, a.bytes);
    virt_fdt_seed(&b.m, b.tree);
    CHECK(memcmp(a.tree, b.tree, a.bytes) != 0);
    bench_end(&a);
    bench_end(&b);
}

TEST(kernel_arguments_stand_in_chosen)
{
    struct bench b;
    bench_init(&b, 1, 512);
    b.m.config.append = "console=ttyAMA0";
    b.v.boot.initrd_start = 0x48000000;
    b.v.boot.initrd_end = 0x48123456;
    if (!make_tree(&b)) {
        return;
    }
    int node = fdt_path_offset(b.tree, "/chosen");
    CHECK_STR(fdt_getprop(b.tree, node, "bootargs", NULL), "console=ttyAMA0");
    CHECK_EQ(load_be64(fdt_getprop(b.tree, node, "linux,initrd-end", NULL)), 0x48123456);
    bench_end(&b);
}

static char *write_temporary(const void *bytes, size_t n)
{
    char *file = mem_strdup("/tmp/virt-fdt-XXXXXX");
    int fd = mkstemp(file);
    CHECK(fd >= 0 && write(fd, bytes, n) == (ssize_t)n);
    close(fd);
    return file;
}

TEST(users_tree_gets_memory_and_arguments)
{
    struct bench b;
    struct error e = {""};
    bench_init(&b, 1, 512);
    if (!make_tree(&b)) {
        return;
    }
    char *file = write_temporary(b.tree, b.bytes);
    bench_end(&b);
    bench_init(&b, 1, 256);
    b.m.config.append = "quiet";
    b.tree = virt_fdt_load(&b.m, file, &b.bytes, &e);
    REQUIRE(b.tree);
    CHECK_EQ(fdt_check_full(b.tree, b.bytes), 0);
    const uint8_t *reg = fdt_getprop(b.tree, fdt_path_offset(b.tree, "/memory@40000000"), "reg",
                                     NULL);
    REQUIRE(reg);
    CHECK_EQ(load_be64(reg + 8), UINT64_C(256) << 20);
    CHECK_STR(fdt_getprop(b.tree, fdt_path_offset(b.tree, "/chosen"), "bootargs", NULL), "quiet");
    unlink(file);
    mem_free(file);
    bench_end(&b);
}

TEST(file_that_is_no_tree_is_refused)
{
    struct bench b;
    bench_init(&b, 1, 256);
    if (!make_tree(&b)) {
        return;
    }
    for (size_t n = 0; n < b.bytes; n += n < 100 ? 7 : 999) {
        struct error e = {""};
        size_t bytes;
        char *file = write_temporary(b.tree, n);
        CHECK(!virt_fdt_load(&b.m, file, &bytes, &e));
        CHECK(strstr(e.text, "not a usable device tree"));
        unlink(file);
        mem_free(file);
    }
    struct error e = {""};
    size_t bytes;
    store_be32((uint8_t *)b.tree + 20, 15); /* a version whose names libfdt would seek at NULL */
    char *old = write_temporary(b.tree, b.bytes);
    CHECK(!virt_fdt_load(&b.m, old, &bytes, &e));
    CHECK(strstr(e.text, "FDT_ERR_BADVERSION"));
    unlink(old);
    mem_free(old);
    CHECK(!virt_fdt_load(&b.m, "/nonexistent.dtb", &bytes, &e));
    CHECK_STR(e.text, "-dtb /nonexistent.dtb: No such file or directory");
    bench_end(&b);
}
