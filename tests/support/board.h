/* SPDX-License-Identifier: MIT */
/*
 * A board in process, with RAM, vCPUs and firmware calls and nothing else: bare-metal programs run
 * on it by each engine of the accelerator, and end by PSCI or semihosting.
 */
#ifndef TESTS_SUPPORT_BOARD_H
#define TESTS_SUPPORT_BOARD_H

#include "accel/accel.h"
#include "base/os.h"
#include "cpu/cpu.h"

struct test_board {
    struct power power; /* first */
    union {
        struct space *memory;
        struct space *spaces[VCPU_SPACES]; /* those that the class lists, empty */
    };
    struct clock *clock;
    uint8_t *ram;
    paddr ram_base;
    uint64_t ram_bytes;
    struct vcpu **vcpus;
    unsigned count;
    struct os_mutex lock; /* of what follows */
    struct os_cond changed;
    bool ended; /* the guest switched off, or asked for its end */
    int status; /* of semihosting's exit */
};

/*
 * Makes a board with count vCPUs of cls, model as -cpu takes it. NULL: e says why. The RAM is zero
 * and reset is done; all vCPUs but the first are powered off.
 */
struct test_board *test_board_new(const struct cpu_class *cls, const char *model, unsigned count,
                                  paddr ram_base, uint64_t ram_bytes, struct error *e);
void test_board_free(struct test_board *b);

/*
 * Starts the first vCPU at entry and runs until the guest ends, at most for so many seconds. false:
 * it did not end, or the accelerator could not be made (e).
 */
bool test_board_run(struct test_board *b, const struct accel_config *config, uint64_t entry,
                    unsigned seconds, struct error *e);
/* The same from where the vCPUs stand. A clock that is counted, if the caller has none, is made. */
bool test_board_go(struct test_board *b, const struct accel_config *config, unsigned seconds,
                   struct error *e);
/*
 * From where it stands the first vCPU runs by the engine that keeps nothing until the guest ends,
 * at most for so many instructions. false: it did not end.
 */
bool test_board_go_oracle(struct test_board *b, uint64_t insns);

/* A write to the 4 bytes at a of the space, of memory or I/O ports, ends the guest of one vCPU. */
void test_board_add_end(struct test_board *b, struct space *s, paddr a);

/* All vCPUs stand at entry, each with its number as the argument. */
void test_board_boot_all(struct test_board *b, uint64_t entry);

/* Into RAM at a, little-endian. */
void test_board_put(struct test_board *b, paddr a, uint64_t value);
/* The same for words of code, and what comes behind them: doublewords. */
void test_board_put_code(struct test_board *b, paddr a, const uint32_t *code, size_t words);
void test_board_put_all(struct test_board *b, paddr a, const uint64_t *values, size_t count);

/* For accel_create: hears of nothing. */
void test_board_exited(void *opaque, struct vcpu *v, enum accel_exit why);

/* While an accelerator runs the vCPUs: waits until the guest has ended, but not longer. */
bool test_board_wait(struct test_board *b, int64_t most_ns);

#endif
