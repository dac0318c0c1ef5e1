/* SPDX-License-Identifier: MIT */
/*
 * What an accelerator is, for who implements one: a table of functions.
 *
 * All else is the same for all accelerators, and names none of them: threads, parking, meetings and
 * turns (threads.c), kicks and interrupt lines (vcpu.c), work for a vCPU's thread (work.c), the
 * counted clock (counted.c), life and what users ask for (accel.c). tests/support/oracle_accel.c is
 * an accelerator of 200 lines.
 *
 * An accelerator in this process asks for the map of memory, keeps what it likes of it, and takes
 * interrupts that are due from the CPU struct. One in the host's kernel is told of all that
 * beforehand: memory by slots, doorbells, input lines, perhaps an interrupt controller. The
 * functions for that stand apart below, and are NULL elsewhere; tests/support/silicon_accel.c is
 * such an accelerator.
 *
 * Registers. The CPU struct is complete and anybody's while vCPUs are stopped. begin takes them
 * over on the vCPU's thread before it runs again, end brings them back when it has stopped, and for
 * a job (work.h). What is in a vCPU that runs is its own thread's.
 */
#ifndef ACCEL_OPS_H
#define ACCEL_OPS_H

#include <stdatomic.h>

#include "accel/accel.h"
#include "accel/work.h"
#include "base/os.h"
#include "cpu/cpu.h"
#include "memory/doorbell.h"
#include "memory/slots.h"

struct field;
struct irq_route;

/* Why a round ended. */
enum accel_round {
    ACCEL_ROUND_OVER, /* kicked, asleep, or without a reason */
    ACCEL_ROUND_DEBUG /* the debugger's step is done, or the vCPU stands at a point of it */
};

struct accel_ops {
    const char *name;        /* as -accel has it */
    const char *description; /* for -accel help */
    unsigned can;            /* ACCEL_CAN_ */
    size_t bytes;            /* of its struct that begins with struct accel */
    size_t vcpu_bytes;       /* of that for each vCPU, which begins with struct accel_vcpu */

    /* All that may fail but threads; each v->accel is there. destroy undoes what was done, behind
     * the end of all threads. */
    bool (*create)(struct accel *a, struct error *e);
    void (*destroy)(struct accel *a);

    /* On each thread that runs vCPUs, at its start and end; v is its first. May be NULL. */
    void (*thread_begins)(struct vcpu *v);
    void (*thread_ends)(struct vcpu *v);

    /* v goes on after a stop; v has stopped. On its thread. end may be NULL: the registers are
     * always in the CPU struct. */
    void (*begin)(struct vcpu *v);
    void (*end)(struct vcpu *v);

    /*
     * One round of v on its thread, which is current: takes an interrupt if one is due, and runs
     * guest code until kick was called behind the last listen, v sleeps, or the debugger is
     * concerned (v->accel->step: the round is one instruction). work_enter_guest and
     * work_leave_guest stand around what may use anything that errands change.
     */
    enum accel_round (*run)(struct vcpu *v);
    /* v's round is to end soon; any thread. A kick before a round that follows listen counts. */
    void (*kick)(struct vcpu *v);
    void (*listen)(struct vcpu *v);
    /* v, in guest code, has an errand: it is to do it soon, or to leave. */
    void (*attend)(struct vcpu *v);
    /* thread=single, counted: another vCPU has its turn behind this one's. May be NULL. */
    void (*lose_turn)(struct vcpu *v);
    /* All threads are outside guest code, because accel_call_meeting was called. NULL: it never is.
     */
    void (*met)(struct accel *a);

    /* As accel_forget, accel_forget_vcpu, accel_state_loaded. NULL: nothing is kept. */
    void (*forget)(struct accel *a);
    void (*forget_vcpu)(struct vcpu *v);
    void (*state_loaded)(struct accel *a);

    /* The map of physical memory has changed; the thread that changed it. NULL: it is asked anew
     * each time. */
    void (*map_changed)(struct accel *a);

    /* An input line of v has changed, which is the accelerator's business alone while v runs; any
     * thread. NULL: v is kicked if it rose, and its lines are looked at in each round. */
    void (*line)(struct vcpu *v, int line, int level);

    /*
     * ---- Memory by slots; NULL: map_changed and pages that are closed (memory/dirty.h) are all
     * that is needed. opaque is the struct accel_space. A device's function may change the map, and
     * that may need vCPUs outside (accel_slots_begin), so run calls them outside of
     * work_enter_guest and work_leave_guest. No other accelerator of the machine tracks code.
     */
    const struct slots_ops *slots;
    /* Those it rings by itself; NULL: none. opaque as above. */
    const struct doorbell_ops *doorbells;

    /*
     * ---- ACCEL_CAN_INTERRUPT: it has an interrupt controller with inputs, to which struct irq
     * leads (accel_irq); each goes where its route says. Any thread. irq_routes: all of them, one
     * call at a time; false: it has no such route, and those before hold. irq_event, which may be
     * NULL: from now on, or no longer, the line follows an event; false: not this one. irq_write,
     * irq_read: the controller's state while stopped, as vCPUs' (cpu/cpu.h: save, load).
     */
    void (*irq_set)(struct accel *a, unsigned line, int level);
    bool (*irq_send)(struct accel *a, const struct accel_msi *m);
    bool (*irq_routes)(struct accel *a, const struct irq_route *r, unsigned count);
    bool (*irq_event)(struct accel *a, unsigned line, const struct irq_event *e, bool on);
    void (*irq_write)(struct accel *a, struct strbuf *out);
    bool (*irq_read)(struct accel *a, struct cursor *c, bool store, struct error *e);

    /* ---- ACCEL_CAN_COUNT: on v's thread. The next round completes at most n instructions; how
     * many of them it has not completed, exact in whatever device's function; at most n more are to
     * be: gives how many were taken back for that. */
    void (*count_begin)(struct vcpu *v, int64_t n);
    int64_t (*count_left)(const struct vcpu *v);
    int64_t (*count_shorten)(struct vcpu *v, int64_t n);
    /* State of struct vcpu that turns make a part of the machine's; may be NULL. */
    const struct field *turn_fields;

    /* ---- ACCEL_CAN_BREAK, ACCEL_CAN_WATCH: as accel/accel.h's */
    bool (*breakpoint)(struct accel *a, uint64_t pc, bool insert);
    bool (*watchpoint)(struct accel *a, uint64_t va, uint64_t bytes, enum watch_kind k,
                       bool insert);
    bool (*watch_hit)(const struct vcpu *v, struct accel_watch *hit);
    void (*step_over)(struct vcpu *v);

    /* ---- ACCEL_CAN_TRANSLATE: as accel/accel.h's */
    void (*info_jit)(struct accel *a, struct strbuf *out);
    bool (*measure)(struct accel *a, bool on, struct error *e);
    void (*log_changed)(struct accel *a);
};

/* A space of vCPUs, by number, for functions that are told of it. */
struct accel_space {
    struct accel *accel;
    unsigned number;
    struct slots *slots;              /* NULL: none */
    struct doorbell_owner *doorbells; /* the same */
    bool still;                       /* between accel_slots_begin and _end */
};

/* Where an input of the interrupt controller leads. */
struct irq_route {
    enum {
        IRQ_TO_NOTHING,
        IRQ_TO_PIN, /* of the controller, by number */
        IRQ_TO_MSI
    } to;
    unsigned pin;
    struct accel_msi msi;
};

/* The neutral part of one; begins the accelerator's own. */
struct accel {
    const struct accel_ops *ops;
    struct accel_space spaces[VCPU_SPACES];
    /* Set by create: the page of slots, and whether some may be read-only; inputs of the interrupt
     * controller, of which the first so many are its pins. */
    uint64_t slot_page_bytes;
    bool read_only_slots;
    unsigned irq_lines, irq_pins;
    struct os_mutex irq_lock; /* guards: */
    struct irq_route *routes;
    struct accel_config config;
    struct vcpu **vcpus;
    unsigned count;
    accel_exited_fn exited;
    void *opaque;

    struct os_mutex lock; /* guards what follows up to outside, and parked */
    struct os_cond changed;
    _Atomic bool running, quit;
    bool started;     /* all threads exist */
    unsigned outside; /* threads that wait for something to end */
    _Atomic bool meeting;
    bool settled; /* stopped, and no job is left that was posted before */

    unsigned host_cpus;
    struct os_mutex sync_lock; /* goes with: */
    struct os_cond answered;   /* a vCPU that is awaited has done its errands, or is outside */
    _Atomic unsigned syncing;  /* threads that sleep until a vCPU answers */

    struct os_mutex world; /* held by whoever has stopped the others: */
    struct vcpu *_Atomic stopper;

    struct vcpu *slice_of; /* thread=single: whose turn it is, and until when */
    _Atomic int64_t slice_end_ns;
    struct os_thread timer;
    bool has_timer;
    _Atomic bool reported; /* why the vCPUs stop is known: who stops from now on has not reported */
};

#define WORK_ERRANDS 64u /* more become one that does it all */
#define WORK_JOBS 64u

struct vcpu_job {
    struct vcpu_work work;
    bool *finished; /* NULL: nobody waits for it */
};

/* A vCPU's. */
struct accel_vcpu {
    struct vcpu *v;
    struct accel *accel;
    struct os_thread thread;
    bool has_thread;
    struct os_mutex lock; /* guards kicked, and work */
    struct os_cond wake;
    bool kicked;           /* since it last looked for work */
    _Atomic bool sleeping; /* waits on wake */
    _Atomic bool in_guest; /* executes guest code, with whatever its accelerator keeps of it */
    bool out;              /* the registers are in the CPU struct; of its thread */
    bool parked;           /* waits for accel_start; under accel.lock */
    bool step;             /* run one instruction, then report; changed while stopped */
    bool step_masked;      /* which takes no interrupt then; changed as step */
    bool frozen;           /* the debugger lets others run, and not this one; changed as step */
    int64_t burst_ns, spins_since_ns; /* vcpu_yield: its last call; since when it spins */

    struct vcpu_work errands[WORK_ERRANDS];
    unsigned errand_count;
    _Atomic uint64_t posted, done; /* errands, as numbers */
    _Atomic unsigned awaited;      /* threads that sleep until they are, or until it is outside */
    struct vcpu_job jobs[WORK_JOBS];
    _Atomic unsigned job_count, jobs_awaited;
    struct os_cond job_done; /* goes with lock */
};

/* Those of this program; ends with NULL. In list.c. */
extern const struct accel_ops *const accel_list[];

/* ---- threads.c */

/* 1: the vCPUs take turns, or there is one. */
static inline unsigned accel_thread_count(const struct accel *a)
{
    return a->config.single_thread ? 1 : a->count;
}

bool accel_start_threads(struct accel *a, struct error *e); /* parked until accel_start */
void accel_end_threads(struct accel *a);                    /* stopped before */
/* Everybody out of guest code, then ops->met; any thread that runs a vCPU. */
static inline void accel_call_meeting(struct accel *a)
{
    atomic_store(&a->meeting, true);
}
/* v may run: on, not frozen, and not waiting or no longer. Its own thread. */
bool accel_has_work(struct vcpu *v);
/* A round of v, which is current meanwhile. */
enum accel_round accel_run(struct vcpu *v);

/* ---- spaces.c */

void accel_spaces_create(struct accel *a);
void accel_spaces_destroy(struct accel *a); /* which may not have been created */
/* For slots_ops: between the two no vCPU is in guest code if RAM that stays would be missing. */
void accel_slots_begin(void *opaque, bool still);
void accel_slots_end(void *opaque);

/* ---- irqs.c */

void accel_irqs_create(struct accel *a); /* behind ops->create */
void accel_irqs_destroy(struct accel *a);

/* ---- work.c */

static inline bool work_has_errands(const struct vcpu *v)
{
    return atomic_load(&v->accel->posted) != atomic_load(&v->accel->done);
}

/* By v. */
static inline bool work_others_stopped(const struct vcpu *v)
{
    return atomic_load(&v->accel->accel->stopper) == v;
}

/* ---- vcpu.c */

/* Wakes who sleeps until v has work. */
void vcpu_wake(struct vcpu *v);

#endif
