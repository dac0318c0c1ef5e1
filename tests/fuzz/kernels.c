/* SPDX-License-Identifier: MIT */
/*
 * Hostile kernels and initial RAM disks: files of each form with changed and missing bytes, inside
 * and outside of their compression, are refused with one line, or lie in memory where the boot code
 * says.
 */
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/bits.h"
#include "hw/arm/boot.h"
#include "hw/elf.h"
#include "tests/support/kernels.h"
#include "tests/support/machine.h"
#include "tests/test.h"

#define RAM_BYTES (UINT64_C(16) << 20)
#define FILE_BYTES (4 * IMAGE_BYTES)

enum form {
    IMAGE,
    EFI,
    GZIP,
    ZSTD,
    ZBOOT,
    UIMAGE,
    ELF,
    RAW,
    FORMS
};

static uint64_t value_of(struct rng *g)
{
    static const uint64_t odd[] = {0,
                                   1,
                                   63,
                                   64,
                                   4096,
                                   0x40000000,
                                   0x41000000,
                                   0x40fff000,
                                   INT64_MAX,
                                   UINT64_MAX,
                                   UINT64_MAX - 4095};
    return rng_below(g, 2) ? odd[rng_below(g, array_len(odd))] : rng_u64(g) >> rng_below(g, 64);
}

/* Changes bytes, and words at places where headers have them; those in front more often. */
static void change(struct rng *g, uint8_t *bytes, size_t n)
{
    for (uint64_t changes = rng_below(g, 4); changes > 0 && n >= 8; changes--) {
        const size_t room = rng_below(g, 4) && n > 128 ? 128 : n;
        const size_t at = (size_t)rng_below(g, room - 7);
        if (rng_below(g, 3) == 0) {
            bytes[at] = (uint8_t)rng_u32(g);
        } else if (rng_below(g, 2)) {
            store_le32(bytes + align_down(at, 4), (uint32_t)value_of(g));
        } else {
            store_le64(bytes + align_down(at, 8), value_of(g));
        }
    }
}

/* The header's sum is right, whatever was changed; most often. */
static void mend_uimage(struct rng *g, uint8_t *file)
{
    if (rng_below(g, 8)) {
        store_be32(file + 4, 0);
        store_be32(file + 4, (uint32_t)crc32(0, file, 64));
    }
}

static size_t make(struct rng *g, enum form form, uint8_t *file)
{
    static uint8_t image[IMAGE_BYTES], packed[2 * IMAGE_BYTES];
    const struct elf_spec elf = {ELF_AARCH64, 0x40100000, 0x40100000, 0x40100000, 64, 4096};
    const bool zstd = rng_below(g, 2) != 0;
    size_t n = IMAGE_BYTES;

    if (form == ELF) {
        return make_elf(file, &elf);
    }
    if (form == RAW) {
        memset(file, 0x1f, IMAGE_BYTES);
        return IMAGE_BYTES;
    }
    if (rng_below(g, 2)) {
        make_efi(image, IMAGE_BYTES);
    } else {
        make_image(image, 0x80000, 1 << 20);
    }
    change(g, image, IMAGE_BYTES);
    if (form == GZIP || form == ZSTD || form == ZBOOT) {
        const bool by_zstd = form == ZSTD || (form == ZBOOT && zstd);
        n = by_zstd ? ZSTD_compress(packed, sizeof(packed), image, n, 1)
                    : pack_gzip(image, n, packed, sizeof(packed));
        change(g, packed, rng_below(g, 2) ? n : 0);
    }
    switch (form) {
    case ZBOOT:
        return make_zboot(file, zstd ? "zstd" : "gzip", packed, n);
    case UIMAGE:
        return make_uimage(file, 0, image, n);
    default:
        memcpy(file, form == GZIP || form == ZSTD ? packed : image, n);
        return n;
    }
}

static int open_file(char *path)
{
    strcpy(path, "/tmp/fuzz-kernel-XXXXXX");
    return mkstemp(path);
}

static void put(int fd, const uint8_t *bytes, size_t n)
{
    CHECK(ftruncate(fd, 0) == 0 && pwrite(fd, bytes, n, 0) == (ssize_t)n);
}

/* True if it would start. */
static bool load(const struct machine_config *config)
{
    struct machine *m = test_machine_new(RAM_BYTES);
    struct arm_boot b = {
        .ram_base = TEST_RAM_BASE, .ram_bytes = RAM_BYTES, .placements = &m->placements};
    struct error e = {""};
    const bool good = arm_boot_load(&b, config, &e) && arm_boot_place_dtb(&b, 65536, &e) &&
                      placements_check(b.placements, m->memory, &e) &&
                      placements_apply(b.placements, m->memory, &e);

    if (good) {
        const paddr end = TEST_RAM_BASE + RAM_BYTES;
        CHECK(b.has_kernel && b.kernel_low >= TEST_RAM_BASE && b.kernel_high <= end);
        CHECK(b.kernel_low < b.kernel_high);
        CHECK(b.initrd_start == b.initrd_end ||
              (b.initrd_start >= TEST_RAM_BASE && b.initrd_end <= end));
        CHECK(b.initrd_start >= b.kernel_high || b.initrd_end <= b.kernel_low);
        CHECK(b.contract != ARM_BOOT_LINUX || b.has_dtb);
        const paddr dtb_end = b.dtb + (b.has_dtb ? 65536 : 0);
        CHECK(b.dtb >= TEST_RAM_BASE && dtb_end <= end);
        CHECK(b.dtb >= b.kernel_high || dtb_end <= b.kernel_low);
        CHECK(b.dtb >= b.initrd_end || dtb_end <= b.initrd_start);
    } else {
        CHECK(e.text[0]);
        for (const char *p = e.text; *p; p++) {
            CHECK_MSG((uint8_t)*p >= 0x20 && *p != 0x7f, "the message is: %s", e.text);
        }
    }
    test_machine_free(m);
    return good;
}

TEST(changed_kernels_are_refused_or_fit)
{
    static uint8_t file[FILE_BYTES];
    char kernel[32], initrd[32];
    unsigned used[FORMS] = {0};
    struct rng g;
    const int fd = open_file(kernel), disk = open_file(initrd);

    rng_seed(&g, test_seed());
    for (unsigned i = 0; i < 1400 * test_scale() && !test_state.failures; i++) {
        const enum form form = i % FORMS;
        const struct machine_config config = {.kernel = kernel,
                                              .initrd = rng_below(&g, 2) ? initrd : NULL};
        size_t n = make(&g, form, file);
        change(&g, file, rng_below(&g, 2) ? n : 0);
        if (form == UIMAGE) {
            mend_uimage(&g, file);
        }
        put(fd, file, rng_below(&g, 8) ? n : (size_t)rng_below(&g, n));
        CHECK(ftruncate(disk, (off_t)rng_below(&g, rng_below(&g, 4) ? 1 << 16 : 2 * RAM_BYTES)) ==
              0);
        used[form] += load(&config);
    }
    for (unsigned i = 0; i < FORMS; i++) {
        CHECK_MSG(used[i] > 0, "of form %u none was usable", i);
    }
    close(fd);
    close(disk);
    unlink(kernel);
    unlink(initrd);
}
