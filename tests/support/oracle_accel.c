/* SPDX-License-Identifier: MIT */
/* See oracle_accel.h. */
#include "tests/support/oracle_accel.h"

#include "base/fields.h"
#include "tests/support/oracle.h"

#define BREAKPOINTS 64u

struct oracle_accel {
    struct accel base;
    uint64_t breakpoints[BREAKPOINTS];
    unsigned breakpoint_count;
};

struct oracle_vcpu {
    struct accel_vcpu base;
    struct oracle oracle;
    int64_t left; /* counted: instructions that may be completed */
};

static struct oracle_accel *accel_of(struct accel *a)
{
    return (struct oracle_accel *)a;
}

static struct oracle_vcpu *vcpu_of(const struct vcpu *v)
{
    return (struct oracle_vcpu *)v->accel;
}

/* ---- life */

static bool create(struct accel *a, struct error *e)
{
    (void)e;
    for (unsigned i = 0; i < a->count; i++) {
        struct oracle *o = &vcpu_of(a->vcpus[i])->oracle;
        oracle_init(o, a->vcpus[i]);
        o->builder.parallel = a->count > 1 && !a->config.single_thread;
    }
    return true;
}

static void destroy(struct accel *a)
{
    for (unsigned i = 0; i < a->count; i++) {
        struct oracle *o = &vcpu_of(a->vcpus[i])->oracle;
        if (o->v) { /* else creation was refused before */
            oracle_free(o);
        }
    }
}

static void lose_turn(struct vcpu *v)
{
    v->hot.excl_addr = UINT64_MAX;
}

static void forget_vcpu(struct vcpu *v)
{
    v->hot.raised = 0;
    lose_turn(v);
}

/* ---- running */

static void kick(struct vcpu *v)
{
    atomic_store(&v->hot.exit_request, 1);
}

static void listen(struct vcpu *v)
{
    atomic_store(&v->hot.exit_request, 0);
}

/* It has nothing to take over. */
static void begin(struct vcpu *v)
{
    (void)v;
}

static unsigned find_breakpoint(const struct oracle_accel *a, uint64_t pc)
{
    unsigned i = 0;

    while (i < a->breakpoint_count && a->breakpoints[i] != pc) {
        i++;
    }
    return i;
}

static bool at_breakpoint(struct vcpu *v)
{
    const struct oracle_accel *a = accel_of(v->accel->accel);

    return find_breakpoint(a, v->cls->pc(v)) < a->breakpoint_count && !atomic_load(&v->halted);
}

/* One instruction. A step is made in spite of a kick. */
static enum oracle_reason advance(struct oracle_vcpu *t)
{
    const uint64_t before = t->oracle.insns;
    enum oracle_reason why = oracle_run(&t->oracle, 1);

    if (why == ORACLE_KICKED && t->base.step) {
        why = oracle_run(&t->oracle, 1);
    }
    t->left -= (int64_t)(t->oracle.insns - before);
    return why;
}

static enum accel_round run(struct vcpu *v)
{
    struct oracle_vcpu *t = vcpu_of(v);
    const bool counted = t->base.accel->config.counted;
    enum oracle_reason why = ORACLE_COUNT;

    work_enter_guest(v);
    while (why == ORACLE_COUNT && !at_breakpoint(v) && !(counted && t->left <= 0)) {
        why = advance(t);
        if (t->base.step) {
            break;
        }
    }
    work_leave_guest(v);
    return t->base.step || at_breakpoint(v) ? ACCEL_ROUND_DEBUG : ACCEL_ROUND_OVER;
}

/* ---- counting */

static void count_begin(struct vcpu *v, int64_t n)
{
    vcpu_of(v)->left = n;
}

static int64_t count_left(const struct vcpu *v)
{
    return vcpu_of(v)->left;
}

static int64_t count_shorten(struct vcpu *v, int64_t n)
{
    struct oracle_vcpu *t = vcpu_of(v);
    const int64_t taken = t->left - n;

    if (taken <= 0) {
        return 0;
    }
    t->left = n;
    return taken;
}

static const struct field turn_fields[] = {
    FIELD(vcpu, hot.excl_addr),
    FIELD(vcpu, hot.excl_value),
    FIELD_END,
};

/* ---- breakpoints */

static bool breakpoint(struct accel *base, uint64_t pc, bool insert)
{
    struct oracle_accel *a = accel_of(base);
    const unsigned i = find_breakpoint(a, pc);

    if (insert) {
        if (a->breakpoint_count == BREAKPOINTS) {
            return false;
        }
        a->breakpoints[a->breakpoint_count++] = pc;
        return true;
    }
    if (i == a->breakpoint_count) {
        return false;
    }
    a->breakpoints[i] = a->breakpoints[--a->breakpoint_count];
    return true;
}

const struct accel_ops oracle_accel = {
    .name = "oracle",
    .description = "interprets each instruction anew, and keeps nothing",
    .can = ACCEL_CAN_COUNT | ACCEL_CAN_BREAK | ACCEL_CAN_STEP,
    .bytes = sizeof(struct oracle_accel),
    .vcpu_bytes = sizeof(struct oracle_vcpu),
    .create = create,
    .destroy = destroy,
    .begin = begin,
    .run = run,
    .kick = kick,
    .listen = listen,
    .attend = kick,
    .lose_turn = lose_turn,
    .forget_vcpu = forget_vcpu,
    .count_begin = count_begin,
    .count_left = count_left,
    .count_shorten = count_shorten,
    .turn_fields = turn_fields,
    .breakpoint = breakpoint,
};
