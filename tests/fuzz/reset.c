/* SPDX-License-Identifier: MIT */
/* tests/run: timeout 300 */
/*
 * A machine that is reset at some moment and given another program leaves what a fresh one leaves
 * (tests/support/churn.h): its vCPU knows no code, translation, monitor or flush of before. So does
 * a vCPU that was switched off and is switched on again, with the caches maintained as firmware
 * does.
 */
#include "base/os.h"
#include "base/rng.h"
#include "tests/support/churn.h"
#include "tests/support/oracle.h"
#include "tests/test.h"

#define RESETS 60u
#define INSNS_MAX UINT64_C(5000000)

static void exited(void *opaque, struct vcpu *v, enum accel_exit why)
{
    (void)opaque, (void)v, (void)why;
}

/* Of the program of that seed, on a fresh machine. */
static void expected(uint64_t seed, struct churn_result *r)
{
    struct error e;
    struct churn *c = churn_create(&e);
    struct oracle o;

    REQUIRE(c);
    churn_load(c, seed, false);
    oracle_init(&o, churn_board(c)->vcpus[0]);
    while (!churn_board(c)->ended && o.insns < INSNS_MAX && oracle_run(&o, 100000) != ORACLE_OFF) {
    }
    CHECK(churn_board(c)->ended);
    oracle_free(&o);
    churn_result(c, r);
    churn_free(c);
}

/* Runs until the program has ended; some programs are stopped before, at no moment in particular.
 */
static bool run(struct accel *a, struct test_board *b, int64_t most_ns)
{
    accel_start(a);
    const bool ended = test_board_wait(b, most_ns);
    accel_stop(a);
    return ended;
}

enum restart {
    MACHINE,
    VCPU
};

static void restart(struct accel *a, struct churn *c, enum restart how, uint64_t seed)
{
    struct vcpu *v = churn_board(c)->vcpus[0];

    if (how == MACHINE) {
        accel_forget(a);
        churn_load(c, seed, false);
    } else {
        accel_forget_vcpu(v);
        churn_load(c, seed, false);
        tcg_flush_code_all(v);
    }
}

static void reset_often(const struct accel_config *config, enum restart how)
{
    struct error e = {""};
    struct accel_config own = *config;
    struct churn *c = churn_create(&e);
    struct rng r;

    REQUIRE(c);
    rng_seed(&r, test_seed());
    own.cache_bytes = 8u << 20;
    own.time = config->counted ? counted_create(config) : NULL;
    struct accel *a = accel_create(&own, churn_board(c)->vcpus, 1, exited, NULL, &e);
    REQUIRE(a);
    for (unsigned n = 0; n < RESETS * test_scale(); n++) {
        const bool cut = rng_below(&r, 3) > 0;
        const uint64_t seed = test_seed() + n;
        struct churn_result want, got;
        char why[200] = "";
        restart(a, c, how, seed);
        const bool ended = run(a, churn_board(c),
                               cut ? (int64_t)rng_below(&r, 4000000) : INT64_C(60000000000));
        if (!cut) {
            expected(seed, &want);
            churn_result(c, &got);
            CHECK_MSG(ended && !churn_differs(&got, &want, why, sizeof(why)),
                      "program 0x%" PRIx64 " after a reset: %s", seed,
                      ended ? why : "does not end");
        }
    }
    accel_destroy(a);
    counted_destroy(own.time);
    churn_free(c);
}

TEST(host_code_forgets_at_reset)
{
    reset_often(&(struct accel_config){0}, MACHINE);
}

TEST(movable_code_forgets_at_reset)
{
    reset_often(&(struct accel_config){.movable = ACCEL_MOVABLE_ALWAYS}, MACHINE);
}

TEST(the_interpreter_forgets_at_reset)
{
    reset_often(&(struct accel_config){.interpreter = true}, MACHINE);
}

TEST(counted_code_forgets_at_reset)
{
    reset_often(&(struct accel_config){.counted = true, .shift = 3}, MACHINE);
}

TEST(a_vcpu_that_is_switched_on_knows_nothing)
{
    reset_often(&(struct accel_config){0}, VCPU);
}

TEST(a_vcpu_of_the_interpreter_that_is_switched_on_knows_nothing)
{
    reset_often(&(struct accel_config){.interpreter = true}, VCPU);
}
