/* SPDX-License-Identifier: MIT */
/*
 * Random blocks: written, printed, read back and folded must verify, and leave the state that the
 * interpreter leaves as written, also as host code of each level. A block that fails is printed.
 */
#include "tests/ir/random.h"
#include "base/error.h"
#include "tests/ir/engines.h"

static struct ir_builder plain, again, folded;

static void setup(void)
{
    if (!plain.insns) {
        ir_builder_init(&plain, &rig_guest);
        ir_builder_init(&again, &rig_guest);
        ir_builder_init(&folded, &rig_guest);
    }
}

static bool read_back(struct ir_builder *b, const char *text, bool fold)
{
    struct error e;

    ir_begin(b, RIG_PC, 0);
    b->no_fold = !fold;
    const bool ok = ir_parse(b, text, &e) && ir_verify(b, &e);
    CHECK_MSG(ok, "%s, in %s", e.text, text);
    return ok;
}

/* What both must leave: not the parity and half carry, which some producers do not define. */
#define CERTAIN_FLAGS (IR_FLAG_N | IR_FLAG_Z | IR_FLAG_C | IR_FLAG_V)

static void compare(const struct engine *e, const struct ir_builder *b, uint64_t seed,
                    const struct rig_state *start, const struct rig_state *want)
{
    static struct rig_state got;
    char why[200];

    got = *start;
    rig_run(e->rig, b, &got);
    if (rig_differs(&got, want, CERTAIN_FLAGS, why, sizeof(why))) {
        test_fail(__FILE__, __LINE__, "the block of seed 0x%" PRIx64 " by %s: %s", seed, e->name,
                  why);
        engine_tell(e, b);
    }
}

static void try_block(const struct engine *e, uint64_t seed, unsigned length)
{
    static struct rig_state start, want;
    struct strbuf text = {0};
    struct error error;
    struct rng rng;

    rng_seed(&rng, seed);
    random_block(&plain, &rng, length);
    rig_clear(&start);
    random_state(&rng, &start);
    ir_print(&plain, &text);
    CHECK_MSG(ir_verify(&plain, &error), "%s, in %s", error.text, text.text);
    if (read_back(&again, text.text, false) && read_back(&folded, text.text, true)) {
        CHECK_MSG(memcmp(plain.insns + 1, again.insns + 1,
                         (plain.count - 1) * sizeof(plain.insns[0])) == 0,
                  "seed 0x%" PRIx64 " reads back otherwise", seed);
        want = start;
        rig_run(engines()[0].rig, &plain, &want);
        compare(e, &folded, seed, &start, &want);
        if (e->level != 0) {
            compare(e, &plain, seed, &start, &want);
        }
    }
    strbuf_free(&text);
}

static void try_blocks(const struct engine *e, unsigned count)
{
    struct rng seeds;

    setup();
    rng_seed(&seeds, test_seed());
    for (unsigned i = 0; i < count * test_scale() && test_state.failures == 0; i++) {
        const uint64_t seed = rng_u64(&seeds);
        try_block(e, seed, 3 + (unsigned)(seed % 60));
    }
}

TEST(random_blocks_are_the_same_folded)
{
    try_blocks(&engines()[0], 4000);
}

#define TEST_LEVEL(n)                                                                              \
    TEST(random_blocks_are_the_same_as_host_code_of_v##n)                                          \
    {                                                                                              \
        if (!engines()[n - 1].rig) {                                                               \
            SKIP("%s", engines()[n - 1].why);                                                      \
        }                                                                                          \
        try_blocks(&engines()[n - 1], 3000);                                                       \
    }
TEST_LEVEL(2)
TEST_LEVEL(3)
TEST_LEVEL(4)
