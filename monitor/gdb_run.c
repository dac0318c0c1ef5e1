/* SPDX-License-Identifier: MIT */
/*
 * gdb's stub: running. GDB manual, "Packets" (c, s, C, S), "vCont packet".
 *
 * A step runs one instruction of one vCPU. vCont says which others run for as long as that takes:
 * those that no action names stand still ("set scheduler-locking on" of gdb).
 */
#include <string.h>

#include "monitor/gdb_internal.h"

static void run(struct gdb *g)
{
    struct error e;
    g->waiting = true;
    if (g->calls) {
        gdb_send_call(g);
        return;
    }
    if (!g->context.control->cont(g->context.control, &e)) {
        g->waiting = false;
        gdb_stop_reply(g, RUN_SHUTDOWN);
    }
}

/* Who steps through a program does not want to meet the timer's interrupt at each instruction. */
static void step(struct gdb *g, struct vcpu *v)
{
    struct control *c = g->context.control;
    g->waiting = true;
    g->stepped = v;
    g->has_stepped = false;
    g->guest->step_masked(v, g->sstep & GDB_SSTEP_NOIRQ);
    c->step_without_time = g->sstep & GDB_SSTEP_NOTIMER;
    if (g->calls) {
        gdb_send_call(g);
        return;
    }
    c->step(c, v);
}

/* A step of a range goes on while the PC is inside and nothing else stopped it. */
bool gdb_steps_on(struct gdb *g, enum run_state state)
{
    struct vcpu *v = g->in_range;
    struct accel_watch hit;
    g->in_range = NULL;
    if (!v || state != RUN_DEBUG || g->context.control->debug_vcpu != v ||
        g->guest->watch_hit(v, &hit)) {
        return false;
    }
    uint64_t pc = v->cls->pc(v);
    if (pc < g->range_start || pc >= g->range_end || gdb_breakpoint_at(g, pc)) {
        return false;
    }
    g->in_range = v;
    step(g, v);
    return true;
}

void gdb_go_on(struct gdb *g)
{
    struct error e;
    if (g->stepped) {
        step(g, g->stepped);
    } else {
        g->context.control->cont(g->context.control, &e);
    }
}

void gdb_thaw_all(struct gdb *g)
{
    for (unsigned i = 0; i < g->context.machine->vcpu_count; i++) {
        g->guest->freeze(g->context.machine->vcpus[i], false);
    }
    g->frozen = false;
}

/* c and s, with an address to go on at; C and S have a signal in front, which means nothing to a
 * machine. */
void gdb_resume(struct gdb *g, const char *args, bool stepping)
{
    struct vcpu *v = g->running ? g->running : g->general;
    uint64_t pc;
    if (gdb_number(&args, &pc)) {
        v->cls->set_pc(v, pc);
    }
    g->stepped = NULL;
    g->has_stepped = false;
    if (stepping) {
        step(g, v);
    } else {
        run(g);
    }
}

void gdb_resume_with_signal(struct gdb *g, const char *args, bool stepping)
{
    uint64_t sig;
    if (!gdb_number(&args, &sig)) {
        gdb_error(g, GDB_EINVAL);
        return;
    }
    gdb_resume(g, *args == ';' ? args + 1 : "", stepping);
}

/* One action of vCont at *args, which moves to the next: what to do, and with whom. */
struct action {
    char what;           /* c, s, r, t */
    uint64_t start, end; /* r */
    struct vcpu *v;      /* NULL: all that no earlier action names */
};

/* What an action cannot be: one of another protocol, to which nothing is the answer, or one about a
 * thread that there is not. */
enum parsed {
    PARSED,
    NOT_KNOWN,
    NO_THREAD
};

static enum parsed parse_action(struct gdb *g, const char **args, struct action *a)
{
    uint64_t sig;
    const char *p = *args;
    *a = (struct action){.what = *p++};
    if (a->what == 'C' || a->what == 'S') {
        a->what |= 0x20;
        if (!gdb_number(&p, &sig)) {
            return NOT_KNOWN;
        }
    } else if (a->what == 'r') {
        if (!gdb_number(&p, &a->start) || *p++ != ',' || !gdb_number(&p, &a->end)) {
            return NOT_KNOWN;
        }
    } else if (!a->what || !strchr("cst", a->what)) {
        return NOT_KNOWN;
    }
    if (*p == ':') {
        p++;
        if (!gdb_thread(g, &p, &a->v)) {
            return NO_THREAD;
        }
    }
    *args = p;
    return *p == '\0' || *p == ';' ? PARSED : NOT_KNOWN;
}

/* The actions of vCont one after the other: the first that makes a vCPU step, if any. */
static enum parsed find_stepper(struct gdb *g, const char *args, struct action *stepper)
{
    *stepper = (struct action){0};
    while (*args == ';') {
        struct action a;
        args++;
        const enum parsed how = parse_action(g, &args, &a);
        if (how != PARSED) {
            return how;
        }
        if ((a.what == 's' || a.what == 'r') && !stepper->what) {
            *stepper = a;
        }
    }
    return *args ? NOT_KNOWN : PARSED;
}

/* The actions, which can be read, leave v where it is: the first that concerns it counts. */
static bool stands_still(struct gdb *g, const char *args, const struct vcpu *v)
{
    while (*args == ';') {
        struct action a;
        args++;
        parse_action(g, &args, &a);
        if (!a.v || a.v == v) {
            return a.what == 't';
        }
    }
    return true;
}

/* False: not one vCPU would run. */
static bool freeze_as_told(struct gdb *g, const char *args)
{
    const struct machine *m = g->context.machine;
    unsigned frozen = 0;
    for (unsigned i = 0; i < m->vcpu_count; i++) {
        const bool still = stands_still(g, args, m->vcpus[i]);
        g->guest->freeze(m->vcpus[i], still);
        frozen += still;
    }
    g->frozen = frozen > 0;
    if (frozen == m->vcpu_count) {
        gdb_thaw_all(g);
    }
    return frozen < m->vcpu_count;
}

/* vCont;ACTION[:THREAD]...: if any vCPU is to step, that one does and then all stop. */
void gdb_resume_threads(struct gdb *g, const char *args)
{
    struct action stepper;
    const enum parsed how = find_stepper(g, args, &stepper);
    if (how == NOT_KNOWN) {
        gdb_reply(g, "");
        return;
    }
    if (how == NO_THREAD || !freeze_as_told(g, args)) {
        gdb_error(g, GDB_EINVAL);
        return;
    }
    g->stepped = NULL;
    g->has_stepped = false;
    if (!stepper.what) {
        run(g);
        return;
    }
    struct vcpu *v = stepper.v ? stepper.v : g->general;
    if (stepper.what == 'r') {
        g->in_range = v;
        g->range_start = stepper.start;
        g->range_end = stepper.end;
    }
    step(g, v);
}
