/* SPDX-License-Identifier: MIT */
/*
 * An access that generated code cannot do inline goes to the run-time once. Asking for refills of
 * the inline TLB, and trying again, would go on until its table is full.
 */
#include "tests/ir/engines.h"

static void accesses_refill_once(const char *text)
{
    struct ir_builder b;
    struct error e = {""};
    static struct rig_state s;

    ir_builder_init(&b, &rig_guest);
    ir_begin(&b, RIG_PC, 0);
    REQUIRE(ir_parse(&b, text, &e));
    for (unsigned n = 1; n < ENGINES; n++) {
        const struct engine *engine = &engines()[n];
        if (!engine->rig) {
            continue;
        }
        rig_clear(&s);
        s.x[0] = RIG_BASE;
        rig_run(engine->rig, &b, &s); /* the page is in the TLB's second level */
        const uint64_t before = rig_refills(engine->rig);
        for (unsigned round = 0; round < 10; round++) {
            s.x[0] = RIG_BASE;
            rig_run(engine->rig, &b, &s);
        }
        CHECK_MSG(rig_refills(engine->rig) - before <= 20, "%s: %llu refills", engine->name,
                  (unsigned long long)(rig_refills(engine->rig) - before));
        CHECK(!s.raised);
    }
    ir_builder_free(&b);
}

TEST(swapped_stores_and_vectors)
{
    accesses_refill_once("insn 0x1000\n"
                         "a = get.i64 x0\n"
                         "v = load.i64x2 [a] m128.swap\n"
                         "store [a + 16] m64.swap, a\n"
                         "store [a + 32] m128.swap, v\n"
                         "br 0x2000\n");
}

TEST(narrow_lanes)
{
    accesses_refill_once("insn 0x1000\n"
                         "a = get.i64 x0\n"
                         "v = load.f16 [a] m16\n"
                         "store [a + 2] m16, v\n"
                         "br 0x2000\n");
}

TEST(accesses_that_cross_pages)
{
    accesses_refill_once("insn 0x1000\n"
                         "a = get.i64 x0\n"
                         "v = load.i64 [a + 4092] m64\n"
                         "w = load.i64 [a + 4088] m64\n"
                         "store [a + 4090] m64, v\n"
                         "store [a + 4086] m32, w\n"
                         "br 0x2000\n");
}
