/* SPDX-License-Identifier: MIT */
/*
 * Life of an accelerator, and what users ask of one, whichever it is. What it cannot do it says in
 * words, with its name.
 */
#include "accel/accel.h"

#include <string.h>

#include "accel/counted.h"
#include "base/atomic.h"
#include "base/mem.h"

/* ---- which there are */

const struct accel_ops *accel_find(const char *name, size_t n)
{
    const struct accel_ops *const *a = accel_list;

    while (*a && (strlen((*a)->name) != n || memcmp((*a)->name, name, n) != 0)) {
        a++;
    }
    return *a;
}

void accel_describe_all(struct strbuf *out)
{
    for (unsigned i = 0; accel_list[i]; i++) {
        strbuf_printf(out, "  %-5s %s\n", accel_list[i]->name, accel_list[i]->description);
    }
}

void accel_names(struct strbuf *out)
{
    for (unsigned i = 0; accel_list[i]; i++) {
        strbuf_printf(out, "%s%s", i ? ", " : "", accel_list[i]->name);
    }
}

/* ---- what it can */

/* For each bit what -accel's users call it. */
static const struct {
    unsigned can;
    const char *what;
} abilities[] = {
    {ACCEL_CAN_COUNT, "count instructions"},
    {ACCEL_CAN_BREAK, "stop at breakpoints"},
    {ACCEL_CAN_WATCH, "stop at watchpoints"},
    {ACCEL_CAN_TRANSLATE, "tell of translated code"},
    {ACCEL_CAN_STEP, "step"},
    {ACCEL_CAN_INTERRUPT, "have an interrupt controller"},
};

bool accel_can(const struct accel *a, unsigned can, struct error *e)
{
    const unsigned lacks = can & ~a->ops->can;

    for (unsigned i = 0; i < sizeof(abilities) / sizeof(*abilities); i++) {
        if (lacks & abilities[i].can) {
            return error_set(e, "the accelerator %s cannot %s", a->ops->name, abilities[i].what);
        }
    }
    return true;
}

static unsigned wanted(const struct accel_config *c)
{
    const bool translated = c->interpreter || c->perf_map || c->jit_dump || c->stats;

    return (c->counted ? (unsigned)ACCEL_CAN_COUNT : 0) |
           (translated ? (unsigned)ACCEL_CAN_TRANSLATE : 0);
}

/* ---- life */

static void create_vcpu(struct accel *a, struct vcpu *v)
{
    struct accel_vcpu *t = mem_alloc(a->ops->vcpu_bytes);

    t->v = v;
    t->accel = a;
    os_mutex_init(&t->lock);
    os_cond_init(&t->wake);
    os_cond_init(&t->job_done);
    t->out = true;
    v->accel = t;
}

static void destroy_vcpu(struct vcpu *v)
{
    struct accel_vcpu *t = v->accel;

    os_mutex_destroy(&t->lock);
    os_cond_destroy(&t->wake);
    os_cond_destroy(&t->job_done);
    mem_free(t);
    v->accel = NULL;
}

static struct accel *create(const struct accel_config *c, struct vcpu **vcpus, unsigned count)
{
    const struct accel_ops *ops = c->ops ? c->ops : accel_list[0];
    struct accel *a = mem_alloc(ops->bytes);

    a->ops = ops;
    a->config = *c;
    a->config.single_thread |= c->counted;
    a->vcpus = vcpus;
    a->count = count;
    os_mutex_init(&a->lock);
    os_cond_init(&a->changed);
    os_mutex_init(&a->sync_lock);
    os_mutex_init(&a->world);
    os_mutex_init(&a->irq_lock);
    os_cond_init(&a->answered);
    a->host_cpus = os_cpu_count();
    a->settled = true;
    for (unsigned i = 0; i < count; i++) {
        create_vcpu(a, vcpus[i]);
    }
    return a;
}

/* What is made for a vCPU is made for its class. */
static bool of_one_class(const struct accel *a, struct error *e)
{
    for (unsigned i = 1; i < a->count; i++) {
        if (a->vcpus[i]->cls != a->vcpus[0]->cls) {
            return error_set(e, "vCPUs of the kinds '%s' and '%s' need an accelerator each",
                             a->vcpus[0]->cls->name, a->vcpus[i]->cls->name);
        }
    }
    return true;
}

struct accel *accel_create(const struct accel_config *c, struct vcpu **vcpus, unsigned count,
                           accel_exited_fn exited, void *opaque, struct error *e)
{
    struct accel *a = create(c, vcpus, count);

    a->exited = exited;
    a->opaque = opaque;
    if (!of_one_class(a, e) || !accel_can(a, wanted(c), e) || !a->ops->create(a, e)) {
        accel_destroy(a);
        return NULL;
    }
    if (c->counted) {
        counted_attach(a);
    }
    accel_irqs_create(a);
    accel_spaces_create(a);
    if (!accel_start_threads(a, e)) {
        accel_destroy(a);
        return NULL;
    }
    return a;
}

void accel_destroy(struct accel *a)
{
    accel_stop(a);
    accel_end_threads(a);
    accel_spaces_destroy(a);
    accel_irqs_destroy(a);
    a->ops->destroy(a);
    for (unsigned i = 0; i < a->count; i++) {
        destroy_vcpu(a->vcpus[i]);
    }
    os_mutex_destroy(&a->lock);
    os_cond_destroy(&a->changed);
    os_mutex_destroy(&a->sync_lock);
    os_mutex_destroy(&a->world);
    os_mutex_destroy(&a->irq_lock);
    os_cond_destroy(&a->answered);
    mem_free(a);
}

/* ---- forgetting */

static void forget_yields(struct accel_vcpu *t)
{
    t->burst_ns = t->spins_since_ns = 0;
    t->v->hot.yields_left = 0;
}

void accel_forget_vcpu(struct vcpu *v)
{
    struct accel_vcpu *t = v->accel;

    if (!t) {
        return;
    }
    forget_yields(t);
    if (t->accel->ops->forget_vcpu) {
        t->accel->ops->forget_vcpu(v);
    }
}

void accel_forget(struct accel *a)
{
    for (unsigned i = 0; i < a->count; i++) {
        accel_forget_vcpu(a->vcpus[i]);
    }
    atomic_set(&a->slice_of, (struct vcpu *)NULL);
    if (a->config.counted) {
        counted_forget(a);
    }
    if (a->ops->forget) {
        a->ops->forget(a);
    }
}

void accel_state_loaded(struct accel *a)
{
    for (unsigned i = 0; i < a->count; i++) {
        forget_yields(a->vcpus[i]->accel);
    }
    if (a->ops->state_loaded) {
        a->ops->state_loaded(a);
    }
}

/* ---- debugging */

bool accel_breakpoint(struct accel *a, uint64_t pc, bool insert)
{
    return a->ops->breakpoint && a->ops->breakpoint(a, pc, insert);
}

bool accel_watchpoint(struct accel *a, uint64_t va, uint64_t bytes, enum watch_kind k, bool insert)
{
    return a->ops->watchpoint && a->ops->watchpoint(a, va, bytes, k, insert);
}

bool accel_watch_hit(const struct vcpu *v, struct accel_watch *hit)
{
    const struct accel_ops *ops = v->accel->accel->ops;

    return ops->watch_hit && ops->watch_hit(v, hit);
}

void accel_step_over(struct vcpu *v)
{
    const struct accel_ops *ops = v->accel->accel->ops;

    if (ops->step_over) {
        ops->step_over(v);
    }
}

void accel_step(struct accel *a, struct vcpu *v)
{
    v->accel->step = true;
    v->holds_interrupts = v->accel->step_masked;
    accel_start(a);
}

void accel_freeze(struct vcpu *v, bool frozen)
{
    v->accel->frozen = frozen;
}

void accel_step_masked(struct vcpu *v, bool masked)
{
    v->accel->step_masked = masked;
}

/* ---- figures */

uint64_t accel_instructions(const struct accel *a)
{
    return a->config.counted ? counted_instructions(a) : 0;
}

void accel_info_jit(struct accel *a, struct strbuf *out)
{
    struct error e;

    if (accel_can(a, ACCEL_CAN_TRANSLATE, &e)) {
        a->ops->info_jit(a, out);
    } else {
        strbuf_printf(out, "%s\n", e.text);
    }
}

bool accel_measure(struct accel *a, bool on, struct error *e)
{
    return accel_can(a, ACCEL_CAN_TRANSLATE, e) && a->ops->measure(a, on, e);
}

void accel_log_changed(struct accel *a)
{
    if (a->ops->log_changed) {
        a->ops->log_changed(a);
    }
}
