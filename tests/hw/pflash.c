/* SPDX-License-Identifier: MIT */
/* Parallel NOR flash with Intel's command set. */
#include "hw/block/pflash_cfi01.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/mem.h"
#include "block/block.h"
#include "tests/support/machine.h"
#include "tests/test.h"

#define FLASH_BYTES 0x100000 /* 4 blocks of 256 KiB */
#define BLOCK_BYTES 0x40000

struct bench {
    struct machine *m;
    struct device *flash;
    char file[32];
    struct block *block;
};

static struct device *new_flash(struct bench *b)
{
    struct error e;
    struct device *d = device_new(&pflash_cfi01_class, b->m, NULL);
    CHECK(device_set(d, "num-blocks", "4", &e) && device_set(d, "name", "flash", &e));
    return d;
}

static void write_file(struct bench *b, size_t n)
{
    uint8_t *bytes = mem_alloc(n);
    for (size_t i = 0; i < n; i += 4) {
        store_le32(bytes + i, (uint32_t)i | 0x80000000);
    }
    strcpy(b->file, "/tmp/flash-test-XXXXXX");
    int fd = mkstemp(b->file);
    CHECK(fd >= 0 && write(fd, bytes, n) == (ssize_t)n);
    close(fd);
    mem_free(bytes);
}

/* Flash whose words hold their offsets, with bit 31 set. */
static void begin(struct bench *b)
{
    struct error e;
    *b = (struct bench){.m = test_machine_new(4096)};
    write_file(b, FLASH_BYTES);
    b->flash = new_flash(b);
    pflash_set_file(b->flash, b->file);
    CHECK(device_create(b->flash, &e));
    device_reset(b->flash);
    pflash_map(b->flash, b->m->memory, 0);
}

static void end(struct bench *b)
{
    test_machine_free(b->m);
    block_close(b->block);
    unlink(b->file);
}

static uint32_t get(struct bench *b, paddr a)
{
    return test_load32(b->m, a);
}

static void put(struct bench *b, paddr a, uint32_t value)
{
    test_store32(b->m, a, value);
}

/* A command to both chips. */
static void command(struct bench *b, paddr a, uint8_t c)
{
    put(b, a, (uint32_t)c << 16 | c);
}

static uint32_t status(struct bench *b)
{
    command(b, 0, 0x70);
    uint32_t s = get(b, 0);
    CHECK_EQ(s >> 16, s & 0xffff);
    return s & 0xffff;
}

TEST(array_reads_like_memory)
{
    struct bench b;
    begin(&b);
    CHECK_EQ(get(&b, 0x1234), 0x80001234);
    CHECK_EQ(test_load(b.m, 0xffff8, 8), UINT64_C(0x800ffffc800ffff8));
    CHECK(space_host(b.m->memory, 0x40, 4, false));
    CHECK(!space_host(b.m->memory, 0x40, 4, true));
    command(&b, 0, 0x70);
    CHECK(!space_host(b.m->memory, 0x40, 4, false)); /* it is a device now */
    command(&b, 0, 0xff);
    CHECK_EQ(get(&b, 0x1234), 0x80001234);
    end(&b);
}

TEST(programming_clears_bits_only_and_erasing_sets_a_block)
{
    struct bench b;
    begin(&b);
    put(&b, 0x100, 0x00400040);
    put(&b, 0x100, 0x8000ff00);
    CHECK_EQ(status(&b), 0x80);
    command(&b, 0, 0xff);
    CHECK_EQ(get(&b, 0x100), 0x80000100);
    command(&b, BLOCK_BYTES + 0x500, 0x20);
    command(&b, BLOCK_BYTES + 0x500, 0xd0);
    CHECK_EQ(status(&b), 0x80);
    command(&b, 0, 0xff);
    CHECK_EQ(get(&b, BLOCK_BYTES - 4), 0x8003fffc);
    CHECK_EQ(get(&b, BLOCK_BYTES), UINT32_MAX);
    CHECK_EQ(get(&b, 2 * BLOCK_BYTES - 4), UINT32_MAX);
    CHECK_EQ(get(&b, 2 * BLOCK_BYTES), 0x80080000);
    test_store(b.m, BLOCK_BYTES, 2, 0x10);
    test_store(b.m, BLOCK_BYTES + 2, 2, 0x1234); /* half a word */
    command(&b, 0, 0xff);
    CHECK_EQ(get(&b, BLOCK_BYTES), 0x1234ffff);
    end(&b);
}

TEST(erase_without_confirmation_is_a_sequence_error)
{
    struct bench b;
    begin(&b);
    command(&b, 0, 0x20);
    command(&b, 0, 0xff);
    CHECK_EQ(status(&b), 0xb0);
    command(&b, 0, 0x50);
    CHECK_EQ(status(&b), 0x80);
    command(&b, 0, 0xff);
    CHECK_EQ(get(&b, 0), 0x80000000);
    end(&b);
}

TEST(write_buffer_programs_what_was_given)
{
    struct bench b;
    begin(&b);
    command(&b, 0, 0x20);
    command(&b, 0, 0xd0);
    command(&b, 0x800, 0xe8);
    CHECK_EQ(get(&b, 0x800), 0x00800080);
    command(&b, 0x800, 3); /* four words */
    for (uint32_t i = 0; i < 4; i++) {
        put(&b, 0x804 + 4 * i, 0x1000 + i);
    }
    command(&b, 0x800, 0xd0);
    CHECK_EQ(status(&b), 0x80);
    command(&b, 0, 0xff);
    CHECK_EQ(get(&b, 0x800), UINT32_MAX);
    CHECK_EQ(get(&b, 0x804), 0x1000);
    CHECK_EQ(get(&b, 0x810), 0x1003);
    CHECK_EQ(get(&b, 0x814), UINT32_MAX);
    end(&b);
}

TEST(write_buffer_that_is_too_long_or_left_is_an_error)
{
    struct bench b;
    begin(&b);
    command(&b, 0, 0xe8);
    put(&b, 0, 512); /* 513 words */
    CHECK_EQ(status(&b), 0xb0);
    command(&b, 0, 0x50);
    command(&b, 0, 0xe8);
    put(&b, 0, 1);
    put(&b, 0, 0);
    put(&b, 0x800, 0);
    CHECK_EQ(status(&b), 0xb0);
    command(&b, 0, 0xff);
    CHECK_EQ(get(&b, 0), 0x80000000);
    end(&b);
}

TEST(query_and_identity_describe_the_chips)
{
    struct bench b;
    begin(&b);
    command(&b, 0x55 * 4, 0x98);
    CHECK_EQ(get(&b, 0x10 * 4), 'Q' << 16 | 'Q');
    CHECK_EQ(get(&b, 0x11 * 4), 'R' << 16 | 'R');
    CHECK_EQ(get(&b, 0x12 * 4) & 0xff, 'Y');
    CHECK_EQ(get(&b, 0x13 * 4) & 0xff, 1);
    CHECK_EQ(get(&b, 0x27 * 4) & 0xff, 19); /* 512 KiB each */
    CHECK_EQ(get(&b, 0x2a * 4) & 0xff, 10); /* 1 KiB of buffer each */
    CHECK_EQ(get(&b, 0x2d * 4) & 0xff, 3);  /* 4 blocks */
    CHECK_EQ(get(&b, 0x30 * 4) & 0xff, 2);  /* of 128 KiB each */
    CHECK_EQ(get(&b, 0x31 * 4) & 0xff, 'P');
    CHECK_EQ(get(&b, 0x200 * 4), 0);
    command(&b, 0, 0x90);
    CHECK_EQ(get(&b, 0), 0x00890089);
    CHECK_EQ(get(&b, 4), 0x00180018);
    CHECK_EQ(test_load(b.m, 2, 2), 0x89);
    end(&b);
}

/* As on PCs; the size is no power of two. */
TEST(a_bank_of_one_chip_takes_bytes)
{
    struct bench b = {.m = test_machine_new(4096)};
    struct error e = {""};
    b.flash = device_new(&pflash_cfi01_class, b.m, NULL);
    CHECK(device_set(b.flash, "num-blocks", "5", &e) &&
          device_set(b.flash, "sector-length", "4096", &e) &&
          device_set(b.flash, "width", "1", &e));
    CHECK_MSG(device_create(b.flash, &e), "%s", e.text);
    device_reset(b.flash);
    pflash_map(b.flash, b.m->memory, 0);
    test_store(b.m, 0x1003, 1, 0x20);
    test_store(b.m, 0x1003, 1, 0xd0);
    CHECK_EQ(test_load(b.m, 0x1003, 1), 0x80); /* every byte has the status */
    test_store(b.m, 0x1003, 1, 0x98);
    CHECK_EQ(test_load(b.m, 0x10, 1), 'Q');
    CHECK_EQ(test_load(b.m, 0x11, 1), 'R');
    CHECK_EQ(test_load(b.m, 0x27, 1), 15); /* the next power of two */
    CHECK_EQ(test_load(b.m, 0x28, 1), 0);  /* 8 bits wide */
    CHECK_EQ(test_load(b.m, 0x2d, 1), 4);  /* blocks, less one */
    CHECK_EQ(test_load(b.m, 0x2f, 1), 16); /* of 256 bytes each */
    test_store(b.m, 0x1003, 1, 0xff);
    CHECK_EQ(test_load32(b.m, 0x1000), UINT32_MAX);
    CHECK_EQ(test_load32(b.m, 0x2000), 0);
    test_store(b.m, 0x1003, 1, 0xe8); /* two bytes by the buffer */
    test_store(b.m, 0x1003, 1, 1);
    test_store(b.m, 0x1003, 1, 0x5a);
    test_store(b.m, 0x1004, 1, 0xa5);
    test_store(b.m, 0x1003, 1, 0xd0);
    test_store(b.m, 0x1003, 1, 0xff);
    CHECK_EQ(test_load32(b.m, 0x1000), 0x5affffff);
    CHECK_EQ(test_load(b.m, 0x1004, 1), 0xa5);
    test_machine_free(b.m);
}

static struct device *new_pc_flash(struct machine *m, const char *secure)
{
    struct error e = {""};
    struct device *d = device_new(&pflash_cfi01_class, m, NULL);
    CHECK(device_set(d, "num-blocks", "5", &e) && device_set(d, "sector-length", "4096", &e) &&
          device_set(d, "width", "1", &e) && device_set(d, "secure", secure, &e));
    CHECK_MSG(device_create(d, &e), "%s", e.text);
    device_reset(d);
    return d;
}

/* Firmware of PCs tells flash from ROM by that. */
TEST(a_status_that_was_cleared_is_zero_until_something_is_done)
{
    struct machine *m = test_machine_new(4096);
    pflash_map(new_pc_flash(m, "off"), m->memory, 0);
    test_store(m, 0x1001, 1, 0x50);
    test_store(m, 0x1001, 1, 0x70);
    CHECK_EQ(test_load(m, 0x1001, 1), 0);
    test_store(m, 0x1001, 1, 0x10);
    CHECK_EQ(test_load(m, 0x1001, 1), 0x80);
    test_store(m, 0x1001, 1, 0x00);
    CHECK_EQ(test_load(m, 0x1001, 1), 0x80);
    test_machine_free(m);
}

TEST(a_secure_flash_obeys_who_is)
{
    struct machine *m = test_machine_new(4096);
    const struct requester secure = {.secure = true};
    uint64_t value = 0;
    pflash_map(new_pc_flash(m, "on"), m->memory, 0);
    test_store(m, 0, 1, 0x20); /* which others cannot */
    test_store(m, 0, 1, 0xd0);
    CHECK_EQ(test_load(m, 0, 1), 0);
    CHECK(space_store_by(m->memory, &secure, 0, 1, 0x20));
    CHECK(space_store_by(m->memory, &secure, 0, 1, 0xd0));
    CHECK(space_load_by(m->memory, &secure, 0, 1, &value));
    CHECK_EQ(value, 0x80);
    CHECK_EQ(test_load(m, 0, 1), 0xff); /* others see the array all the time */
    test_store(m, 0, 1, 0xff);
    CHECK(space_load_by(m->memory, &secure, 0, 1, &value));
    CHECK_EQ(value, 0x80);
    test_machine_free(m);
}

TEST(what_no_flash_can_be_is_refused)
{
    static const char *const pairs[][2] = {
        {"num-blocks", "0"}, {"sector-length", "3000"}, {"sector-length", "1K"}, {"width", "2"}};
    for (size_t i = 0; i < array_len(pairs); i++) {
        struct machine *m = test_machine_new(4096);
        struct device *d = device_new(&pflash_cfi01_class, m, NULL);
        struct error e = {""};
        CHECK(device_set(d, pairs[i][0], pairs[i][1], &e));
        CHECK(!device_create(d, &e));
        CHECK_MSG(strstr(e.text, pairs[i][0]), "%s", e.text);
        device_free(d);
        test_machine_free(m);
    }
}

TEST(lock_commands_are_taken_and_change_nothing)
{
    struct bench b;
    begin(&b);
    command(&b, 0, 0x60);
    command(&b, 0, 0x01);
    CHECK_EQ(status(&b), 0x80);
    command(&b, 0, 0x60);
    command(&b, 0, 0x77);
    CHECK_EQ(status(&b), 0xb0);
    command(&b, 0, 0x77); /* no command */
    CHECK_EQ(get(&b, 0), 0x80000000);
    end(&b);
}

TEST(image_larger_than_the_flash_is_refused_and_a_smaller_one_padded)
{
    struct bench b = {.m = test_machine_new(4096)};
    struct error e;
    write_file(&b, FLASH_BYTES + 4);
    struct device *d = new_flash(&b);
    pflash_set_file(d, b.file);
    CHECK(!device_create(d, &e));
    CHECK(strstr(e.text, "1048580 bytes are more than the flash's 1048576"));
    device_free(d);
    unlink(b.file);
    write_file(&b, 100000);
    b.flash = new_flash(&b);
    pflash_set_file(b.flash, b.file);
    CHECK(device_create(b.flash, &e));
    pflash_map(b.flash, b.m->memory, 0);
    CHECK_EQ(get(&b, 99996), 99996 | 0x80000000);
    CHECK_EQ(get(&b, 100000), 0);
    end(&b);
}

static bool open_block(struct bench *b, bool read_only, struct error *e)
{
    struct block_options o = {.file = b->file, .format = mem_strdup("raw"), .read_only = read_only};
    b->block = block_open(NULL, &o, e);
    mem_free(o.format);
    return b->block != NULL;
}

TEST(drive_must_have_the_size_of_the_flash)
{
    struct bench b = {.m = test_machine_new(4096)};
    struct error e;
    write_file(&b, FLASH_BYTES / 2);
    REQUIRE(open_block(&b, false, &e));
    struct device *d = new_flash(&b);
    pflash_set_block(d, b.block);
    CHECK(!device_create(d, &e));
    CHECK(strstr(e.text, "the flash has 1048576 bytes, its image 524288"));
    device_free(d);
    end(&b);
}

TEST(read_only_drive_refuses_to_program_and_erase)
{
    struct bench b = {.m = test_machine_new(4096)};
    struct error e;
    write_file(&b, FLASH_BYTES);
    REQUIRE(open_block(&b, true, &e));
    b.flash = new_flash(&b);
    pflash_set_block(b.flash, b.block);
    REQUIRE(device_create(b.flash, &e));
    device_reset(b.flash);
    pflash_map(b.flash, b.m->memory, 0);
    put(&b, 0x100, 0x00400040);
    put(&b, 0x100, 0);
    CHECK_EQ(status(&b), 0x92);
    command(&b, 0, 0x50);
    command(&b, 0, 0x20);
    command(&b, 0, 0xd0);
    CHECK_EQ(status(&b), 0xa2);
    command(&b, 0, 0xff);
    CHECK_EQ(get(&b, 0x100), 0x80000100);
    end(&b);
}

/* A flash whose contents are the file's. */
static void begin_on_disk(struct bench *b)
{
    struct error e;
    *b = (struct bench){.m = test_machine_new(4096)};
    write_file(b, FLASH_BYTES);
    REQUIRE(open_block(b, false, &e));
    b->flash = new_flash(b);
    pflash_set_block(b->flash, b->block);
    REQUIRE(device_create(b->flash, &e));
    device_reset(b->flash);
    pflash_map(b->flash, b->m->memory, 0);
}

static uint32_t in_file(const struct bench *b, off_t at)
{
    uint32_t word = 0;
    const int fd = open(b->file, O_RDONLY);
    CHECK(fd >= 0 && pread(fd, &word, 4, at) == 4);
    close(fd);
    return load_le32(&word);
}

TEST(each_program_and_erase_is_in_the_image_at_once)
{
    struct bench b;
    begin_on_disk(&b);
    put(&b, 0x100, 0x00400040);
    put(&b, 0x100, 0x8000ff00);
    CHECK_EQ(in_file(&b, 0x100), 0x80000100);
    command(&b, BLOCK_BYTES + 0x500, 0x20);
    command(&b, BLOCK_BYTES + 0x500, 0xd0);
    CHECK_EQ(in_file(&b, BLOCK_BYTES - 4), 0x8003fffc);
    CHECK_EQ(in_file(&b, BLOCK_BYTES), UINT32_MAX);
    CHECK_EQ(in_file(&b, 2 * BLOCK_BYTES - 4), UINT32_MAX);
    CHECK_EQ(in_file(&b, 2 * BLOCK_BYTES), 0x80080000);
    command(&b, BLOCK_BYTES, 0xe8);
    command(&b, BLOCK_BYTES, 1); /* two words */
    put(&b, BLOCK_BYTES + 8, 0x1234);
    put(&b, BLOCK_BYTES + 12, 0x5678);
    CHECK_EQ(in_file(&b, BLOCK_BYTES + 8), UINT32_MAX);
    command(&b, BLOCK_BYTES, 0xd0);
    CHECK_EQ(in_file(&b, BLOCK_BYTES + 4), UINT32_MAX);
    CHECK_EQ(in_file(&b, BLOCK_BYTES + 8), 0x1234);
    CHECK_EQ(in_file(&b, BLOCK_BYTES + 12), 0x5678);
    end(&b);
}

TEST(state_that_is_loaded_is_in_the_image)
{
    struct bench b;
    begin_on_disk(&b);
    put(&b, 0x200, 0x00400040);
    put(&b, 0x200, 0);
    command(&b, 0, 0xff);
    /* Pages of a state are put back beside the device, which is told. */
    uint32_t *array = (uint32_t *)(uintptr_t)space_host(b.m->memory, 0, FLASH_BYTES, false);
    REQUIRE(array);
    array[0x200 / 4] = 0x80000200;
    array[0x40100 / 4] = 0;
    b.flash->cls->loaded(b.flash);
    CHECK_EQ(in_file(&b, 0x200), 0x80000200);
    CHECK_EQ(in_file(&b, 0x40100), 0);
    CHECK_EQ(in_file(&b, 0x40104), 0x80040104);
    end(&b);
}

/* What the image refuses is not in the array either, and the status says so. */
TEST(program_that_the_image_refuses_is_an_error_of_the_flash)
{
    struct bench b;
    begin_on_disk(&b);
    struct rlimit old, none;
    CHECK(getrlimit(RLIMIT_FSIZE, &old) == 0);
    none = (struct rlimit){0x100, old.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    CHECK(setrlimit(RLIMIT_FSIZE, &none) == 0);
    put(&b, 0x200, 0x00400040);
    put(&b, 0x200, 0);
    const uint32_t programmed = status(&b);
    command(&b, 0, 0x50);
    command(&b, 0, 0x20);
    command(&b, 0, 0xd0);
    const uint32_t erased = status(&b);
    CHECK(setrlimit(RLIMIT_FSIZE, &old) == 0);
    CHECK_EQ(programmed, 0x90);
    CHECK_EQ(erased, 0xa0);
    command(&b, 0, 0xff);
    CHECK_EQ(get(&b, 0x200), 0x80000200);
    CHECK_EQ(in_file(&b, 0x200), 0x80000200);
    end(&b);
}

TEST(state_survives_saving_and_loading)
{
    struct bench b;
    begin(&b);
    command(&b, 0x800, 0xe8);
    put(&b, 0x800, 1);
    put(&b, 0x800, 0);
    CHECK(test_round_trip(b.flash));
    CHECK_EQ(get(&b, 0), 0x00800080); /* status, not the array */
    put(&b, 0x804, 0);
    command(&b, 0x800, 0xd0);
    device_reset(b.flash);
    CHECK_EQ(get(&b, 0x800), 0);
    CHECK_EQ(get(&b, 0x804), 0);
    CHECK_EQ(get(&b, 0x808), 0x80000808);
    end(&b);
}

TEST(random_writes_do_no_harm)
{
    struct bench b;
    struct rng rng;
    begin(&b);
    rng_seed(&rng, test_seed());
    static const uint8_t commands[] = {0xff, 0x70, 0x90, 0x98, 0x50, 0x40,
                                       0x10, 0x20, 0x60, 0xe8, 0xd0};
    for (unsigned i = 0; i < 20000 * test_scale(); i++) {
        unsigned size = 1u << rng_below(&rng, 4);
        paddr a = align_down(rng_below(&rng, FLASH_BYTES), size);
        if (rng_below(&rng, 3)) {
            test_store(b.m, a, size, commands[rng_below(&rng, sizeof(commands))]);
        } else {
            test_store(b.m, a, size, rng_u64(&rng));
        }
        test_load(b.m, a, size);
    }
    CHECK(test_round_trip(b.flash));
    end(&b);
}
