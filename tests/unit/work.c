/* SPDX-License-Identifier: MIT */
/*
 * Work for a vCPU's thread (accel/work.h), posted by several threads while guests run, sleep, are
 * off, are stopped and go on: each job is done once, in the order of its poster, by the right
 * thread, outside guest code and with the registers at hand; errands likewise, but that many may
 * become one.
 */
#include "tests/test.h"

#include "base/atomic.h"
#include "base/bits.h"
#include "base/rng.h"
#include "cpu/arm.h"
#include "cpu/arm/cpu.h"
#include "tests/support/board.h"
#include "tests/support/oracle_accel.h"

#define BASE UINT64_C(0x40000000)
#define RAM_BYTES (UINT64_C(1) << 20)
#define VCPUS 4u
#define POSTERS 3u
#define POSTS 400u

enum {
    LOOP = 0,
    SLEEP = 8
};

static struct {
    struct test_board *board;
    struct accel *accel;
    struct accel_config config;
    /* Of each vCPU's thread, without a lock: */
    uint64_t jobs[VCPUS], last[VCPUS][POSTERS], errands[VCPUS];
    _Atomic unsigned wrong, ended;
    struct os_thread posters[POSTERS];
} t;

static void expect(bool good)
{
    if (!good) {
        atomic_fetch_add(&t.wrong, 1);
    }
}

/* args: who posted it, and its number. */
static void job(struct vcpu *v, const struct vcpu_work *w)
{
    const unsigned i = v->index;

    expect(vcpu_current() == v && !atomic_load(&v->accel->in_guest));
    expect(w->args[1] == t.last[i][w->args[0]] + 1);
    t.last[i][w->args[0]] = w->args[1];
    t.jobs[i]++;
    arm_cpu(v)->x[5]++; /* the guest does not touch it */
}

static void errand(struct vcpu *v, const struct vcpu_work *w)
{
    t.errands[v->index] += w->args[0];
}

/* In place of many: they are no longer counted. */
static void all_errands(struct vcpu *v, const struct vcpu_work *w)
{
    (void)w;
    t.errands[v->index] += 1000;
}

/* Of a vCPU, jobs that are waited for and that are not, errands, kicks. */
static void poster(void *opaque)
{
    const uint64_t self = (uintptr_t)opaque;
    uint64_t number[VCPUS] = {0};
    struct rng r;

    rng_seed(&r, test_seed() + self);
    for (unsigned n = 0; n < POSTS; n++) {
        const unsigned i = (unsigned)rng_below(&r, VCPUS);
        struct vcpu *v = t.board->vcpus[i];
        struct vcpu_work w = {.fn = job, .args = {self, number[i] + 1}};
        switch (rng_below(&r, 8)) {
        case 0:
            number[i]++;
            work_run_on(v, &w);
            break;
        case 1:
        case 2:
            number[i]++;
            expect(work_post_job(v, &w));
            break;
        case 3:
            vcpu_kick(v);
            break;
        default:
            w = (struct vcpu_work){.fn = errand, .all = all_errands, .args = {1}};
            work_wait(v, work_post_errand(v, &w), NULL);
        }
    }
    for (unsigned i = 0; i < VCPUS; i++) { /* behind all that were not waited for */
        work_run_on(t.board->vcpus[i],
                    &(struct vcpu_work){.fn = job, .args = {self, number[i] + 1}});
    }
    atomic_fetch_add(&t.ended, 1);
}

/* Two run, one sleeps, one is off. */
static void set_up(const struct accel_ops *ops, bool single)
{
    struct error e = {""};

    memset(&t, 0, sizeof(t));
    t.config = (struct accel_config){.ops = ops, .cache_bytes = 8u << 20, .single_thread = single};
    t.board = test_board_new(&arm_cpu_class, "max", VCPUS, BASE, RAM_BYTES, &e);
    assert(t.board);
    store_le32(t.board->ram + LOOP, 0x91000400);      /* add x0, x0, #1 */
    store_le32(t.board->ram + LOOP + 4, 0x17ffffff);  /* b LOOP */
    store_le32(t.board->ram + SLEEP, 0xd503207f);     /* wfi */
    store_le32(t.board->ram + SLEEP + 4, 0x17ffffff); /* b SLEEP */
    for (unsigned i = 0; i < VCPUS; i++) {
        struct vcpu *v = t.board->vcpus[i];
        v->cls->boot(v, BASE + (i < 2 ? LOOP : SLEEP), 0);
        atomic_store(&v->powered_off, i == 3);
    }
    t.accel = accel_create(&t.config, t.board->vcpus, VCPUS, test_board_exited, NULL, &e);
    assert(t.accel);
}

/* Stops and goes on until all posters have ended. */
static void steer(void)
{
    const int64_t give_up = os_now_ns() + INT64_C(60000000000);
    struct rng r;

    rng_seed(&r, test_seed());
    while (atomic_load(&t.ended) < POSTERS && os_now_ns() < give_up) {
        accel_start(t.accel);
        os_sleep_until_ns(os_now_ns() + (int64_t)rng_below(&r, 3000000));
        accel_stop(t.accel);
        os_sleep_until_ns(os_now_ns() + (int64_t)rng_below(&r, 500000));
    }
    CHECK_EQ(atomic_load(&t.ended), POSTERS);
}

static void race(const struct accel_ops *ops, bool single)
{
    struct error e;
    uint64_t jobs = 0;

    set_up(ops, single);
    for (uintptr_t i = 0; i < POSTERS; i++) {
        REQUIRE(os_thread_start(&t.posters[i], "poster", poster, (void *)i, &e));
    }
    steer();
    for (unsigned i = 0; i < POSTERS; i++) {
        os_thread_join(&t.posters[i]);
    }
    for (unsigned i = 0; i < VCPUS; i++) {
        CHECK_EQ(arm_cpu(t.board->vcpus[i])->x[5], t.jobs[i]);
        CHECK(!work_has_jobs(t.board->vcpus[i], false));
        jobs += t.jobs[i];
        work_do_errands(t.board->vcpus[i]); /* it stands */
        CHECK(t.errands[i] > 0);
    }
    CHECK(jobs > POSTERS * VCPUS);
    CHECK_EQ(atomic_load(&t.wrong), 0);
    accel_destroy(t.accel);
    test_board_free(t.board);
}

TEST(work_is_done_once_in_order_and_outside)
{
    race(NULL, false);
}

TEST(work_is_done_where_one_thread_runs_all)
{
    race(NULL, true);
}

TEST(work_is_the_same_with_another_accelerator)
{
    race(&oracle_accel, false);
    race(&oracle_accel, true);
}

/* Errands of a vCPU that does none become one. */
TEST(errands_without_end_become_one)
{
    const struct vcpu_work w = {.fn = errand, .all = all_errands, .args = {1}};

    set_up(NULL, false);
    work_do_errands(t.board->vcpus[0]); /* the accelerator's own */
    for (unsigned n = 0; n < WORK_ERRANDS; n++) {
        work_post_errand(t.board->vcpus[0], &w);
    }
    work_do_errands(t.board->vcpus[0]);
    CHECK_EQ(t.errands[0], WORK_ERRANDS);
    for (unsigned n = 0; n < 10 * WORK_ERRANDS; n++) {
        work_post_errand(t.board->vcpus[0], &w);
    }
    work_do_errands(t.board->vcpus[0]);
    CHECK_EQ(t.errands[0], WORK_ERRANDS + 1000);
    CHECK(!work_has_errands(t.board->vcpus[0]));
    accel_destroy(t.accel);
    test_board_free(t.board);
}

/* What was posted before a stop is done when that returns; what is posted behind it waits. */
TEST(stopped_machine_has_no_jobs_but_those_that_are_waited_for)
{
    struct vcpu_work w = {.fn = job, .args = {0, 1}};

    set_up(NULL, false);
    struct vcpu *v = t.board->vcpus[3];
    accel_start(t.accel);
    CHECK(work_post_job(v, &w));
    accel_stop(t.accel);
    CHECK_EQ(t.jobs[3], 1);
    w.args[1] = 2;
    CHECK(work_post_job(v, &w));
    os_sleep_until_ns(os_now_ns() + 2000000);
    CHECK_EQ(t.jobs[3], 1);
    struct vcpu_work other = {.fn = job, .args = {1, 1}};
    work_run_on(v, &other);
    CHECK_EQ(t.jobs[3], 3); /* with what was posted before */
    CHECK_EQ(t.last[3][0], 2);
    w.args[1] = 3;
    CHECK(work_post_job(v, &w));
    accel_start(t.accel);
    accel_stop(t.accel);
    CHECK_EQ(t.jobs[3], 4);
    CHECK_EQ(atomic_load(&t.wrong), 0);
    accel_destroy(t.accel);
    test_board_free(t.board);
}

/* Whoever asks first starts it. */
TEST(vcpu_is_started_once)
{
    set_up(NULL, false);
    struct vcpu *v = t.board->vcpus[3];
    CHECK_EQ(vcpu_power_state(v), 1);
    CHECK_EQ(vcpu_start(v, BASE + LOOP, 7), POWER_CPU_OK);
    CHECK_EQ(vcpu_power_state(v), 2);
    CHECK_EQ(vcpu_start(v, BASE + SLEEP, 8), POWER_CPU_STARTING);
    accel_start(t.accel);
    accel_stop(t.accel);
    CHECK_EQ(vcpu_power_state(v), 0);
    CHECK_EQ(vcpu_start(v, BASE + SLEEP, 8), POWER_CPU_ALREADY_ON);
    CHECK(arm_cpu(v)->x[0] >= 7 && arm_cpu(v)->pc < BASE + SLEEP);
    accel_destroy(t.accel);
    test_board_free(t.board);
}
