/* SPDX-License-Identifier: MIT */
/* Kernels and initial RAM disks: formats, places, refusals. */
#include "hw/arm/boot.h"

#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/bits.h"
#include "base/mem.h"
#include "hw/elf.h"
#include "tests/support/kernels.h"
#include "tests/support/machine.h"
#include "tests/test.h"

#define MIB (UINT64_C(1) << 20)
#define RAM_BYTES (64 * MIB)

/* A file that a test made, and what came of it. */
struct bench {
    struct machine *m;
    struct arm_boot boot;
    struct machine_config config;
    char kernel[32], initrd[32];
    struct error e;
};

static void begin(struct bench *b)
{
    *b = (struct bench){.m = test_machine_new(RAM_BYTES)};
    b->boot = (struct arm_boot){
        .ram_base = TEST_RAM_BASE, .ram_bytes = RAM_BYTES, .placements = &b->m->placements};
}

static void end(struct bench *b)
{
    test_machine_free(b->m);
    unlink(b->kernel);
    unlink(b->initrd);
}

static void write_file(char *path, const void *bytes, size_t n)
{
    strcpy(path, "/tmp/boot-test-XXXXXX");
    int fd = mkstemp(path);
    CHECK(fd >= 0 && write(fd, bytes, n) == (ssize_t)n);
    close(fd);
}

static bool load_kernel(struct bench *b, const void *bytes, size_t n)
{
    write_file(b->kernel, bytes, n);
    b->config.kernel = b->kernel;
    return arm_boot_load(&b->boot, &b->config, &b->e) &&
           placements_check(b->boot.placements, b->m->memory, &b->e) &&
           placements_apply(b->boot.placements, b->m->memory, &b->e);
}

/* A kernel of this form is refused, with this part in the message. */
static void refuses(const void *bytes, size_t n, const char *part)
{
    struct bench b;
    begin(&b);
    CHECK_MSG(!load_kernel(&b, bytes, n), "accepted; not refused with \"%s\"", part);
    CHECK_MSG(strstr(b.e.text, part), "\"%s\" does not say \"%s\"", b.e.text, part);
    end(&b);
}

static void is_loaded_at(struct bench *b, paddr a)
{
    CHECK(b->boot.has_kernel);
    CHECK_EQ(b->boot.entry, a);
    CHECK_EQ(test_load32(b->m, a + 56), 0x644d5241);
    CHECK_EQ(test_load32(b->m, a + IMAGE_BYTES - 4), IMAGE_BYTES - 4);
}

/* ---- Image */

TEST(image_goes_2_mib_into_ram_with_its_text_offset)
{
    uint8_t image[IMAGE_BYTES];
    struct bench b;
    begin(&b);
    make_image(image, 0, MIB);
    CHECK(load_kernel(&b, image, sizeof(image)));
    is_loaded_at(&b, TEST_RAM_BASE + 2 * MIB);
    CHECK_EQ(b.boot.kernel_high, TEST_RAM_BASE + 3 * MIB);
    end(&b);

    begin(&b);
    make_image(image, 0x80000, MIB);
    CHECK(load_kernel(&b, image, sizeof(image)));
    is_loaded_at(&b, TEST_RAM_BASE + 0x80000);
    end(&b);
}

TEST(image_without_size_goes_to_the_old_place)
{
    uint8_t image[IMAGE_BYTES];
    struct bench b;
    begin(&b);
    make_image(image, 12345, 0);
    CHECK(load_kernel(&b, image, sizeof(image)));
    is_loaded_at(&b, TEST_RAM_BASE + 0x80000);
    end(&b);
}

TEST(image_is_read_from_its_file_again_at_each_reset)
{
    uint8_t image[IMAGE_BYTES];
    struct bench b;
    begin(&b);
    make_image(image, 0, MIB);
    CHECK(load_kernel(&b, image, sizeof(image)));
    test_store32(b.m, b.boot.entry + 56, 0);
    unlink(b.kernel); /* it is open */
    CHECK(placements_apply(b.boot.placements, b.m->memory, &b.e));
    is_loaded_at(&b, TEST_RAM_BASE + 2 * MIB);
    end(&b);
}

TEST(image_that_does_not_fit_is_refused)
{
    uint8_t image[IMAGE_BYTES];
    make_image(image, 0, RAM_BYTES);
    refuses(image, sizeof(image), "does not fit into 64 MiB of memory (-m)");
    make_image(image, UINT64_MAX - 4096, MIB);
    refuses(image, sizeof(image), "does not fit");
    make_image(image, 0, UINT64_MAX);
    refuses(image, sizeof(image), "does not fit");
}

TEST(big_endian_image_is_loaded_as_others_are)
{
    uint8_t image[IMAGE_BYTES];
    struct bench b;
    begin(&b);
    make_image(image, 0, MIB);
    image[24] |= 1;
    CHECK(load_kernel(&b, image, sizeof(image)));
    is_loaded_at(&b, TEST_RAM_BASE + 2 * MIB);
    end(&b);
}

TEST(image_whose_sections_are_not_all_there_is_truncated)
{
    uint8_t image[IMAGE_BYTES];
    struct bench b;
    make_efi(image, IMAGE_BYTES);
    begin(&b);
    CHECK(load_kernel(&b, image, sizeof(image)));
    end(&b);
    refuses(image, sizeof(image) - 1, "the kernel is truncated");
    refuses(image, 4096, "the kernel is truncated");
}

/* ---- compressed */

TEST(gzip_and_zstd_kernels_are_unpacked)
{
    uint8_t image[IMAGE_BYTES], packed[2 * IMAGE_BYTES];
    struct bench b;
    make_image(image, 0, MIB);

    size_t n = pack_gzip(image, sizeof(image), packed, sizeof(packed));
    begin(&b);
    CHECK(load_kernel(&b, packed, n));
    is_loaded_at(&b, TEST_RAM_BASE + 2 * MIB);
    end(&b);
    refuses(packed, n - 9, "gzip data is truncated");
    packed[n / 2] ^= 0x55;
    refuses(packed, n, "gzip data is damaged");

    n = ZSTD_compress(packed, sizeof(packed), image, sizeof(image), 3);
    begin(&b);
    CHECK(load_kernel(&b, packed, n));
    is_loaded_at(&b, TEST_RAM_BASE + 2 * MIB);
    end(&b);
    refuses(packed, n - 5, "zstd data is truncated");
    memset(packed + 20, 0xff, 20);
    refuses(packed, n, "zstd data is damaged");
}

TEST(bomb_stops_at_the_size_of_memory)
{
    size_t n = RAM_BYTES + 4096;
    uint8_t *zeros = mem_alloc(n), *packed = mem_alloc(n / 100);
    refuses(packed, pack_gzip(zeros, n, packed, n / 100), "larger than the 64 MiB");
    mem_free(zeros);
    mem_free(packed);
}

TEST(efi_zboot_kernels_are_unpacked)
{
    uint8_t image[IMAGE_BYTES], packed[2 * IMAGE_BYTES], zboot[4096 + 2 * IMAGE_BYTES];
    struct bench b;
    make_image(image, 0, MIB);
    size_t n = pack_gzip(image, sizeof(image), packed, sizeof(packed));
    size_t whole = make_zboot(zboot, "gzip", packed, n);
    begin(&b);
    CHECK(load_kernel(&b, zboot, whole));
    is_loaded_at(&b, TEST_RAM_BASE + 2 * MIB);
    end(&b);
    refuses(zboot, whole - 1, "EFI zboot image is truncated");
    refuses(zboot, 20, "EFI zboot image is truncated");

    n = ZSTD_compress(packed, sizeof(packed), image, sizeof(image), 3);
    whole = make_zboot(zboot, "zstd", packed, n);
    begin(&b);
    CHECK(load_kernel(&b, zboot, whole));
    is_loaded_at(&b, TEST_RAM_BASE + 2 * MIB);
    end(&b);
    make_zboot(zboot, "lzma", packed, n);
    refuses(zboot, whole, "compressed by lzma; gzip and zstd can be read");
}

/* ---- uImage */

TEST(uimage_goes_where_its_header_says)
{
    uint8_t data[256], packed[512], file[1024];
    struct bench b;
    memset(data, 0x5a, sizeof(data));
    begin(&b);
    CHECK(load_kernel(&b, file, make_uimage(file, 0, data, sizeof(data))));
    CHECK_EQ(b.boot.entry, 0x40400040);
    CHECK_EQ(test_load32(b.m, 0x404000fc), 0x5a5a5a5a);
    end(&b);

    size_t n = pack_gzip(data, sizeof(data), packed, sizeof(packed));
    begin(&b);
    CHECK(load_kernel(&b, file, make_uimage(file, 1, packed, n)));
    CHECK_EQ(test_load32(b.m, 0x404000fc), 0x5a5a5a5a);
    end(&b);
}

/* QEMU takes both: some build systems have one name for all of Arm. */
TEST(uimage_may_be_for_32_bit_arm_and_for_no_linux)
{
    uint8_t data[256] = {1}, file[1024];
    struct bench b;
    const size_t n = make_uimage(file, 0, data, sizeof(data));
    file[28] = 17; /* firmware */
    file[29] = 2;
    store_be32(file + 4, 0);
    store_be32(file + 4, (uint32_t)crc32(0, file, 64));
    begin(&b);
    CHECK(load_kernel(&b, file, n));
    CHECK_EQ(b.boot.contract, ARM_BOOT_BARE);
    CHECK(arm_boot_place_dtb(&b.boot, 1000, &b.e));
    CHECK(!b.boot.has_dtb);
    end(&b);
}

TEST(damaged_uimages_are_refused)
{
    uint8_t data[256] = {1}, file[1024];
    size_t n = make_uimage(file, 0, data, sizeof(data));
    refuses(file, n - 1, "the uImage is truncated");
    refuses(file, 40, "the uImage is truncated");
    file[100]++;
    refuses(file, n, "the uImage's data is damaged");
    file[10]++;
    refuses(file, n, "the uImage's header is damaged");
    make_uimage(file, 4, data, sizeof(data));
    refuses(file, n, "uImage compression 4; none and gzip can be read");
    make_uimage(file, 0, data, sizeof(data));
    file[29] = 8; /* MIPS */
    store_be32(file + 4, 0);
    store_be32(file + 4, (uint32_t)crc32(0, file, 64));
    refuses(file, n, "a uImage, but no AArch64 kernel");
}

/* ---- ELF */

TEST(elf_segments_go_to_their_physical_addresses_with_cleared_bss)
{
    uint8_t file[256];
    struct bench b;
    begin(&b);
    dma_store64(&(struct dma){b.m->memory}, 0x40100040, UINT64_MAX);
    struct elf_spec s = {ELF_AARCH64, 0xffff000000100010, 0xffff000000100000, 0x40100000, 64, 4096};
    CHECK(load_kernel(&b, file, make_elf(file, &s)));
    CHECK_EQ(b.boot.entry, 0x40100010);
    CHECK_EQ(test_load32(b.m, 0x4010003c), 0x33333333);
    CHECK_EQ(test_load(b.m, 0x40100040, 8), 0);
    CHECK_EQ(b.boot.kernel_high, 0x40101000);
    end(&b);
}

TEST(impossible_elf_files_are_refused)
{
    uint8_t file[256];
    struct elf_spec s = {ELF_AARCH64, 0x40100000, 0x40100000, 0x40100000, 64, 64};
    size_t n = make_elf(file, &s);
    refuses(file, n - 1, "the ELF file is truncated");
    refuses(file, 100, "the ELF file is truncated");
    refuses(file, 30, "the ELF file is truncated");
    s.file_bytes = UINT64_MAX;
    make_elf(file, &s);
    refuses(file, n, "the ELF file is truncated");
    s.file_bytes = 64;
    s.memory_bytes = UINT64_MAX;
    make_elf(file, &s);
    refuses(file, n, "impossible size");
    s.memory_bytes = 0;
    s.file_bytes = 0;
    make_elf(file, &s);
    refuses(file, n, "nothing to load");
    s = (struct elf_spec){ELF_X86_64, 0, 0, 0x40100000, 64, 64};
    make_elf(file, &s);
    refuses(file, n, "an ELF file for x86-64, not for AArch64");
    s = (struct elf_spec){ELF_AARCH64, 0, 0, 0x1000, 64, 64};
    make_elf(file, &s);
    refuses(file, n, "there is no memory at 0x1000");
    s.paddr = TEST_RAM_BASE + RAM_BYTES - 32;
    make_elf(file, &s);
    refuses(file, n, "behind the end of memory");
}

/* ---- what is no kernel */

TEST(foreign_files_are_named)
{
    uint8_t file[1024] = {0};
    refuses(file, 0, "empty");
    memcpy(file + 0x202, "HdrS", 4);
    refuses(file, 1024, "an x86 Linux kernel");
    memset(file, 0, sizeof(file));
    store_le32(file + 0x24, 0x016f2818);
    refuses(file, 1024, "a 32-bit Arm Linux kernel");
    memset(file, 0, sizeof(file));
    memcpy(file + 0x38, "RSC\x05", 4);
    refuses(file, 1024, "a RISC-V Linux kernel");
    memcpy(file, "070701", 6);
    memset(file + 0x38, 0, 4);
    refuses(file, 1024, "a cpio archive");
    store_be32(file, 0xd00dfeed);
    refuses(file, 1024, "a device tree");
    refuses(":00000001FF\n", 12, "an Intel HEX file");
}

/* ---- raw */

TEST(what_is_of_no_known_format_is_loaded_raw)
{
    static const uint8_t code[] = {0x1f, 0x20, 0x03, 0xd5, 0x5a}; /* NOP and a byte */
    uint8_t packed[64];
    struct bench b;
    begin(&b);
    CHECK(load_kernel(&b, code, sizeof(code)));
    CHECK_EQ(b.boot.entry, TEST_RAM_BASE + 0x80000);
    CHECK_EQ(b.boot.contract, ARM_BOOT_LINUX);
    CHECK_EQ(b.boot.kernel_high, b.boot.entry + sizeof(code));
    CHECK_EQ(test_load(b.m, b.boot.entry, 8), 0x5ad503201f);
    end(&b);

    begin(&b);
    CHECK(load_kernel(&b, packed, pack_gzip(code, sizeof(code), packed, sizeof(packed))));
    CHECK_EQ(test_load(b.m, TEST_RAM_BASE + 0x80000, 8), 0x5ad503201f);
    end(&b);
}

TEST(raw_kernel_that_does_not_fit_is_refused)
{
    uint8_t *large = mem_alloc(RAM_BYTES);
    large[0] = 1;
    refuses(large, RAM_BYTES - 0x7ffff, "does not fit into 64 MiB of memory (-m)");
    mem_free(large);
}

TEST(missing_and_irregular_files_are_told)
{
    struct bench b;
    begin(&b);
    b.config.kernel = "/nonexistent/kernel";
    CHECK(!arm_boot_load(&b.boot, &b.config, &b.e));
    CHECK_STR(b.e.text, "-kernel /nonexistent/kernel: No such file or directory");
    b.config.kernel = "/dev/zero";
    CHECK(!arm_boot_load(&b.boot, &b.config, &b.e));
    CHECK_STR(b.e.text, "-kernel /dev/zero: not a regular file");
    b.config.kernel = NULL;
    b.config.initrd = "/dev/null";
    CHECK(!arm_boot_load(&b.boot, &b.config, &b.e));
    CHECK_STR(b.e.text, "-initrd: needs -kernel");
    end(&b);
}

/* ---- initial RAM disk and device tree */

TEST(initrd_goes_half_way_into_ram_and_the_tree_behind_it)
{
    uint8_t image[IMAGE_BYTES];
    struct bench b;
    begin(&b);
    make_image(image, 0, MIB);
    write_file(b.initrd, "070701 initrd", 13);
    b.config.initrd = b.initrd;
    REQUIRE(load_kernel(&b, image, sizeof(image)));
    CHECK_EQ(b.boot.initrd_start, TEST_RAM_BASE + 32 * MIB);
    CHECK_EQ(b.boot.initrd_end, TEST_RAM_BASE + 32 * MIB + 13);
    CHECK_EQ(test_load(b.m, b.boot.initrd_start + 7, 4), 0x74696e69); /* "init" */
    CHECK(arm_boot_place_dtb(&b.boot, 1000, &b.e));
    CHECK_EQ(b.boot.dtb, TEST_RAM_BASE + 34 * MIB);
    CHECK(!arm_boot_place_dtb(&b.boot, 30 * MIB + 1, &b.e));
    CHECK(strstr(b.e.text, "does not fit into 64 MiB of memory (-m)"));
    end(&b);
}

TEST(initrd_goes_behind_a_large_kernel_or_is_refused)
{
    uint8_t image[IMAGE_BYTES];
    struct bench b;
    begin(&b);
    make_image(image, 0, 40 * MIB + 5);
    write_file(b.initrd, "x", 1);
    b.config.initrd = b.initrd;
    CHECK(load_kernel(&b, image, sizeof(image)));
    CHECK_EQ(b.boot.initrd_start, TEST_RAM_BASE + 42 * MIB + 4096);
    end(&b);

    begin(&b);
    uint8_t *large = mem_alloc(33 * MIB);
    make_image(image, 0, MIB);
    write_file(b.initrd, large, 33 * MIB);
    mem_free(large);
    b.config.initrd = b.initrd;
    CHECK(!load_kernel(&b, image, sizeof(image)));
    CHECK(strstr(b.e.text, "its 33 MiB at 0x42000000 do not fit into 64 MiB of memory (-m)"));
    end(&b);
}

TEST(initrd_loses_the_header_of_its_uimage)
{
    uint8_t image[IMAGE_BYTES], data[256], file[1024];
    struct bench b;
    make_image(image, 0, MIB);
    memset(data, 0x5a, sizeof(data));
    const size_t n = make_uimage(file, 1, data, sizeof(data)); /* compressed, says the header */
    begin(&b);
    write_file(b.initrd, file, n);
    b.config.initrd = b.initrd;
    CHECK(!load_kernel(&b, image, sizeof(image)));
    CHECK(strstr(b.e.text, "a uImage, but no RAM disk (type 2)"));
    end(&b);

    file[30] = 3;
    store_be32(file + 4, 0);
    store_be32(file + 4, (uint32_t)crc32(0, file, 64));
    begin(&b);
    write_file(b.initrd, file, n);
    b.config.initrd = b.initrd;
    CHECK(load_kernel(&b, image, sizeof(image)));
    CHECK_EQ(b.boot.initrd_end - b.boot.initrd_start, 256);
    CHECK_EQ(test_load32(b.m, b.boot.initrd_start), 0x5a5a5a5a);
    end(&b);
}

/* The address of an ELF file's tree, 0: none. */
static paddr tree_of_elf(paddr at, size_t tree_bytes)
{
    uint8_t file[256];
    struct bench b;
    begin(&b);
    struct elf_spec s = {ELF_AARCH64, at, at, at, 64, 4096};
    CHECK(load_kernel(&b, file, make_elf(file, &s)));
    CHECK_EQ(b.boot.contract, ARM_BOOT_ELF);
    CHECK(arm_boot_place_dtb(&b.boot, tree_bytes, &b.e));
    const paddr tree = b.boot.has_dtb ? b.boot.dtb : 0;
    end(&b);
    return tree;
}

TEST(tree_of_an_elf_file_is_at_the_start_of_ram_or_nowhere)
{
    CHECK_EQ(tree_of_elf(TEST_RAM_BASE + MIB, MIB), TEST_RAM_BASE);
    CHECK_EQ(tree_of_elf(TEST_RAM_BASE + MIB, MIB + 1), 0);
    CHECK_EQ(tree_of_elf(TEST_RAM_BASE, 4096), 0);
    CHECK_EQ(tree_of_elf(TEST_RAM_BASE + 16 * MIB, MIB), TEST_RAM_BASE);
}

TEST(without_kernel_the_tree_is_at_the_start_of_ram)
{
    struct bench b;
    begin(&b);
    CHECK(arm_boot_load(&b.boot, &b.config, &b.e));
    CHECK(!b.boot.has_kernel);
    CHECK(arm_boot_place_dtb(&b.boot, 1000, &b.e));
    CHECK_EQ(b.boot.dtb, TEST_RAM_BASE);
    end(&b);
}

TEST(placements_must_not_overlap)
{
    struct placements l = {0};
    struct error e;
    struct placement p = {
        .what = "first", .base = 0x1000, .size = 0x100, .bytes = mem_alloc(0x100)};
    CHECK(placements_add(&l, &p, &e));
    p = (struct placement){
        .what = "second", .base = 0x1100, .size = 0x100, .bytes = mem_alloc(0x100)};
    CHECK(placements_add(&l, &p, &e));
    p = (struct placement){
        .what = "third", .base = 0xf80, .size = 0x40, .zeros = 0x41, .bytes = mem_alloc(0x40)};
    CHECK(!placements_add(&l, &p, &e));
    CHECK_STR(e.text, "third at 0xf80 to 0x1000 overlaps first at 0x1000");
    p = (struct placement){.what = "fourth", .base = 0x11ff, .size = 1, .bytes = mem_alloc(1)};
    CHECK(!placements_add(&l, &p, &e));
    p = (struct placement){.what = "fifth", .base = 0x1200, .size = 1, .bytes = mem_alloc(1)};
    CHECK(placements_add(&l, &p, &e));
    placements_free(&l);
}

TEST(mangled_kernels_are_refused_or_loaded_but_never_crash)
{
    uint8_t image[IMAGE_BYTES], packed[2 * IMAGE_BYTES], file[4096 + 2 * IMAGE_BYTES];
    struct rng rng;
    rng_seed(&rng, test_seed());
    make_efi(image, IMAGE_BYTES);
    struct elf_spec s = {ELF_AARCH64, 0x40100000, 0x40100000, 0x40100000, 64, 64};
    for (unsigned i = 0; i < 600 * test_scale(); i++) {
        size_t n;
        switch (i % 5) {
        case 0:
            n = make_elf(file, &s);
            break;
        case 1:
            n = make_uimage(file, 0, image, sizeof(image));
            break;
        case 2:
            n = pack_gzip(image, sizeof(image), file, sizeof(file));
            break;
        case 3:
            n = ZSTD_compress(packed, sizeof(packed), image, sizeof(image), 1);
            n = make_zboot(file, "zstd", packed, n);
            break;
        default:
            n = sizeof(image);
            memcpy(file, image, n);
        }
        for (uint64_t changes = 1 + rng_below(&rng, 4); changes > 0; changes--) {
            size_t at = (size_t)rng_below(&rng, rng_below(&rng, 2) ? n : n < 128 ? n : 128);
            file[at] = rng_below(&rng, 2) ? (uint8_t)rng_u32(&rng) : 0xff;
        }
        struct bench b;
        begin(&b);
        if (!load_kernel(&b, file, rng_below(&rng, 4) ? n : (size_t)rng_below(&rng, n))) {
            CHECK(b.e.text[0] && !strchr(b.e.text, '\n'));
        }
        end(&b);
    }
}
