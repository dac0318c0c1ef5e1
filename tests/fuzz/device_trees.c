/* SPDX-License-Identifier: MIT */
/* Hostile -dtb files: device trees with changed and missing bytes are refused or made usable. */
#include <libfdt.h>
#include <unistd.h>

#include "base/mem.h"
#include "hw/arm/virt.h"
#include "tests/test.h"

static uint8_t *board_tree(struct machine *m, size_t *n)
{
    struct error e;
    void *tree = virt_fdt_create(m, n, &e);
    CHECK(tree);
    return tree;
}

/* Writes bytes into the file, which is open as fd. */
static void put(int fd, const uint8_t *bytes, size_t n)
{
    CHECK(ftruncate(fd, 0) == 0 && pwrite(fd, bytes, n, 0) == (ssize_t)n);
}

static void change(struct rng *rng, uint8_t *bytes, size_t n)
{
    for (uint64_t changes = 1 + rng_below(rng, 6); changes > 0; changes--) {
        size_t at = (size_t)rng_below(rng, rng_below(rng, 3) ? n : 64); /* the header more often */
        bytes[at] = rng_below(rng, 2) ? (uint8_t)rng_below(rng, 10) : (uint8_t)rng_u32(rng);
    }
}

TEST(changed_trees_are_refused_or_usable)
{
    struct machine_class cls = {.name = "virt", .default_cpu = "max"};
    struct virt v = {
        .gic = 3, .has_its = true, .highmem = true, .dtb_randomness = true, .dtb_kaslr_seed = true};
    struct machine m = {.cls = &cls, .board = &v};
    m.config = (struct machine_config){.ram_bytes = 1 << 30,
                                       .cpus = 2,
                                       .max_cpus = 2,
                                       .sockets = 1,
                                       .clusters = 1,
                                       .cores = 2,
                                       .threads = 1,
                                       .append = "console=ttyAMA0"};
    v.boot.initrd_start = 0x48000000;
    v.boot.initrd_end = 0x49000000;

    size_t n, used = 0;
    uint8_t *good = board_tree(&m, &n);
    char path[] = "/tmp/fuzz-dtb-XXXXXX";
    int fd = mkstemp(path);
    struct rng rng;
    rng_seed(&rng, test_seed());
    for (unsigned i = 0; i < 1500 * test_scale(); i++) {
        uint8_t *bytes = mem_dup(good, n);
        struct error e = {""};
        size_t result_bytes;
        change(&rng, bytes, n);
        put(fd, bytes, rng_below(&rng, 8) ? n : (size_t)rng_below(&rng, n));
        void *tree = virt_fdt_load(&m, path, &result_bytes, &e);
        if (tree) {
            CHECK_EQ(fdt_check_full(tree, result_bytes), 0);
            CHECK(fdt_path_offset(tree, "/memory@40000000") >= 0);
            virt_fdt_seed(&m, tree);
            used++;
        } else {
            CHECK(strstr(e.text, "not a usable device tree"));
        }
        mem_free(tree);
        mem_free(bytes);
    }
    CHECK(used > 0);
    mem_free(good);
    close(fd);
    unlink(path);
}
