/* SPDX-License-Identifier: MIT */
/*
 * translate FILE [KIB]: what translation costs. Translates the A64 code of FILE (an uncompressed
 * kernel image, or anything with code from OFFSET on) block after block, without running it, and
 * prints ns, blocks and bytes for a guest instruction. An instruction counter (callgrind) sees what
 * a noisy host hides.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accel/blocks.h"
#include "accel/context.h"
#include "accel/tcg.h"
#include "base/bits.h"
#include "base/mem.h"
#include "cpu/arm.h"
#include "cpu/arm/cpu.h"
#include "tests/support/board.h"

#define BASE UINT64_C(0x40000000)
#define OFFSET 0x10000u /* of the first code in an arm64 image */
#define RAM_BYTES (UINT64_C(128) << 20)

static void exited(void *opaque, struct vcpu *v, enum accel_exit why)
{
    (void)opaque;
    (void)v;
    (void)why;
}

static uint64_t load(const char *path, uint8_t *ram)
{
    FILE *f = fopen(path, "rb");
    const uint64_t n = f ? fread(ram, 1, RAM_BYTES, f) : 0;

    if (!f || n <= OFFSET) {
        fprintf(stderr, "translate: %s: cannot be read, or shorter than %u bytes\n", path, OFFSET);
        exit(2);
    }
    fclose(f);
    return n;
}

/* As after boot: EL1, caches and MMU on, memory where it is; the table is the last page. */
static void set_mode(struct vcpu *v, uint8_t *ram)
{
    struct arm_cpu *cpu = arm_cpu(v);
    const uint64_t table = RAM_BYTES - 4096;

    store_le64(ram + table + 8 * (BASE >> 30), BASE | 0x701); /* 1 GiB, accessed, shareable */
    cpu->ttbr0[1] = BASE + table;
    cpu->tcr[1] = UINT64_C(0x200803519); /* 39 bits, 4 KiB, TTBR1 not walked */
    cpu->mair[1] = 0xff;
    cpu->sctlr[1] |= UINT64_C(1) << 12 | UINT64_C(1) << 2 | 1;
    arm_update_mode(cpu);
    arm_mode_changed(cpu);
}

/* false: the cache is full. */
static bool translate_all(struct vcpu *v, uint64_t end)
{
    for (uint64_t pc = BASE + OFFSET; pc < end;) {
        context_select(v, pc);
        const struct block *b = block_find(v, pc);
        if (!b) {
            return false;
        }
        pc += b->bytes;
    }
    return true;
}

int main(int argc, char **argv)
{
    struct error e;
    const struct accel_config config = {.cache_bytes = 256u << 20};
    struct test_board *b = test_board_new(&arm_cpu_class, "max", 1, BASE, RAM_BYTES, &e);
    struct accel *base = b ? accel_create(&config, b->vcpus, 1, exited, NULL, &e) : NULL;
    struct tcg *a = base ? tcg_of_accel(base) : NULL;

    if (argc < 2 || !a) {
        fprintf(stderr, "usage: translate FILE [KIB] (%s)\n", a ? "FILE: code" : e.text);
        return 2;
    }
    const uint64_t size = load(argv[1], b->ram);
    const uint64_t most = OFFSET + ((argc > 2 ? strtoull(argv[2], NULL, 0) : 2048) << 10);
    const uint64_t end = BASE + (size < most ? size : most);
    struct vcpu *v = b->vcpus[0];

    set_mode(v, b->ram);
    /* Once in memory that is touched for the first time, and once more. */
    for (unsigned round = 0; round < 2; round++) {
        const int64_t start = os_now_ns();
        const uint64_t insns = a->translated_insns, blocks = a->translated_blocks;
        if (!translate_all(v, end)) {
            fprintf(stderr, "translate: the cache is full\n");
            return 1;
        }
        const double ns = (double)(os_now_ns() - start), n = (double)(a->translated_insns - insns);
        printf("%s: %.0f guest instructions, %.2f a block: %.0f ns each, %.1f bytes of code\n",
               round ? "again" : "first", n, n / (double)(a->translated_blocks - blocks), ns / n,
               (double)host_cache_used(a->host) / n);
        os_mutex_lock(&a->translate);
        block_flush_all(a);
        os_mutex_unlock(&a->translate);
    }
    accel_destroy(base);
    test_board_free(b);
    return 0;
}
