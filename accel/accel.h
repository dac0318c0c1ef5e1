/* SPDX-License-Identifier: MIT */
/*
 * Who runs the vCPUs, for the rest of the program: the translator, later hardware
 * virtualization. Who implements one reads accel/ops.h.
 */
#ifndef ACCEL_ACCEL_H
#define ACCEL_ACCEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"

struct accel_ops;
struct clock;
struct counted;
struct cursor;
struct irq;
struct loop;
struct space;
struct vcpu;

/* Settings from -accel and -icount. */
enum accel_movable {
    ACCEL_MOVABLE_AUTO, /* those of code that is met at several */
    ACCEL_MOVABLE_OFF,
    ACCEL_MOVABLE_ALWAYS
};

enum accel_track {
    ACCEL_TRACK_AUTO, /* if the architecture's code is coherent */
    ACCEL_TRACK_OFF,
    ACCEL_TRACK_ON
};

struct accel_config {
    const struct accel_ops *ops; /* which one; NULL: the first that there is */
    bool single_thread;          /* thread=single: all vCPUs take turns on one host thread */
    uint64_t cache_bytes;        /* tb-size= (MiB on the command line); 0: default */
    int host_level;   /* host-cpu=: 0 best of the host, else 2, 3, 4 for x86-64-v2 … v4 */
    bool interpreter; /* engine=interp: the reference interpreter instead of host code */
    enum accel_movable movable;  /* whether blocks are right at any virtual page */
    enum accel_track track_code; /* track-code=: a write to translated code is seen at once */
    bool no_opt;                 /* opt=off: blocks are compiled as the semantics emit them */
    bool perf_map;               /* -perfmap: /tmp/perf-PID.map names generated code */
    bool jit_dump;               /* -jitdump: jit-PID.dump has it as a whole */
    bool stats;                  /* stats=on: measure for `info jit` from the start */
    bool counted;                /* -icount given; all vCPUs run on one thread then */
    int shift;                   /* -icount shift=N: 2^N ns an instruction; -1 auto */
    bool sleep;          /* -icount sleep=on: idle time passes in real time; off: it is skipped */
    uint64_t stop_count; /* -icount stop=COUNT; 0 none */
    struct counted
        *time; /* counted: of counted_create; the caller's, and outlives the accelerator */
};

/*
 * The counted clock: made before the machine, since devices need a clock, and handed to
 * accel_create in the settings. Its timers run on the vCPUs' thread. Destroyed behind the
 * accelerator and all owners of timers.
 */
struct counted *counted_create(const struct accel_config *c);
struct clock *counted_clock(const struct counted *t);
void counted_destroy(struct counted *t); /* NULL: nothing */
/* Its state, once it has an accelerator, and while the vCPUs are stopped: time, count, whose turn
 * it is, exclusive monitors. read touches nothing without store. */
void counted_write(const struct counted *t, struct strbuf *out);
bool counted_read(struct counted *t, struct cursor *c, unsigned version, bool store,
                  struct error *e);

enum accel_exit {
    ACCEL_STOPPED, /* accel_stop was asked for */
    ACCEL_DEBUG,   /* breakpoint, watchpoint or step of vCPU debug.index */
    ACCEL_COUNT    /* stop_count reached */
};

/*
 * Life: accel_create after the vCPUs exist; accel_start makes the threads run; accel_stop returns
 * when all vCPUs have left guest code with their state complete in memory. Called from the loop's
 * thread.
 */
/* Called on the thread of v, which has left guest code. */
typedef void (*accel_exited_fn)(void *opaque, struct vcpu *v, enum accel_exit why);

/* The accelerator of that name (n bytes); NULL: this program has none. */
const struct accel_ops *accel_find(const char *name, size_t n);
/* A line for each; and their names. */
void accel_describe_all(struct strbuf *out);
void accel_names(struct strbuf *out);

struct accel;
/*
 * NULL with an error: it cannot be had, or cannot do what c asks for. The vCPUs are of one class; a
 * machine with CPUs of two kinds has an accelerator for each kind.
 */
struct accel *accel_create(const struct accel_config *c, struct vcpu **vcpus, unsigned count,
                           accel_exited_fn exited, void *opaque, struct error *e);
/* What accelerators may lack. */
enum accel_ability {
    ACCEL_CAN_COUNT = 1,      /* instructions: -icount, accel_instructions */
    ACCEL_CAN_BREAK = 2,      /* accel_breakpoint */
    ACCEL_CAN_WATCH = 4,      /* accel_watchpoint */
    ACCEL_CAN_STEP = 8,       /* accel_step */
    ACCEL_CAN_TRANSLATE = 16, /* info jit, perf maps, logs of blocks */
    ACCEL_CAN_INTERRUPT = 32  /* it has an interrupt controller: accel_irq */
};
/* false: e says in words which of these it lacks. */
bool accel_can(const struct accel *a, unsigned can, struct error *e);

void accel_start(struct accel *a);
void accel_stop(struct accel *a);
void accel_destroy(struct accel *a);
bool accel_running(const struct accel *a);
/*
 * Nothing is left of what vCPUs did before: no code, translation of an address, exclusive monitor,
 * flush that was posted. For a machine that is reset or loaded, while stopped; for one vCPU that is
 * off and about to be switched on, from any thread. Architectural state is for others to set.
 */
void accel_forget(struct accel *a);
void accel_forget_vcpu(struct vcpu *v);

/* Counted: no vCPU goes on behind what v does now, until accel_start. On v's thread, from guest
 * code. */
void accel_hold(struct accel *a, struct vcpu *v);

/* While stopped, after registers and memory were replaced by a loaded state: nothing that follows
 * from the old ones is left. */
void accel_state_loaded(struct accel *a);

/* Debugging; only while stopped. Addresses are virtual. Points may be inserted more than once, and
 * are gone when each has been taken out. false: there is none to take out, or the accelerator has
 * no such points (accel_can). */
bool accel_breakpoint(struct accel *a, uint64_t pc, bool insert);
enum watch_kind {
    WATCH_WRITE,
    WATCH_READ,
    WATCH_ACCESS
};
bool accel_watchpoint(struct accel *a, uint64_t va, uint64_t bytes, enum watch_kind k, bool insert);
/* Runs one instruction of v, then exits with ACCEL_DEBUG; the others run meanwhile. If v sleeps,
 * that is when it wakes. accel_stop before it is done takes the step back. */
void accel_step(struct accel *a, struct vcpu *v);
/* A frozen vCPU runs nothing, whatever wakes it, until it is thawed. */
void accel_freeze(struct vcpu *v, bool frozen);
/* Steps of v take no interrupt, from now on. */
void accel_step_masked(struct vcpu *v, bool masked);
/* The watchpoint at which v reported its stop: the first byte of the access that it covers, and
 * which kind it is. false: v stopped for another reason, or has run since. */
struct accel_watch {
    uint64_t va;
    enum watch_kind kind;
};
bool accel_watch_hit(const struct vcpu *v, struct accel_watch *hit);
/* v, stopped before an instruction that meets a watchpoint, executes it when it goes on, unless it
 * has been sent elsewhere. */
void accel_step_over(struct vcpu *v);

/*
 * Guest memory at virtual addresses as v sees it, through breakpoints, and physical memory; only
 * while stopped. Writes go to ROM as well, and code that was translated from there is forgotten.
 */
bool accel_read_memory(struct vcpu *v, uint64_t va, void *bytes, uint64_t n);
bool accel_write_memory(struct vcpu *v, uint64_t va, const void *bytes, uint64_t n);
bool accel_write_physical(struct vcpu *v, uint64_t pa, const void *bytes, uint64_t n);

/*
 * Interrupts. An accelerator may have an interrupt controller of its own (ACCEL_CAN_INTERRUPT), in
 * place of the board's: devices raise its inputs by the same struct irq. It has so many of them, 0
 * if it has no controller.
 */
unsigned accel_irq_lines(const struct accel *a);
struct irq accel_irq(struct accel *a, unsigned line);
struct accel_msi {
    uint64_t address;
    uint32_t data;
    uint32_t device; /* who sends: struct requester */
};
/* false: it has no controller, or none that takes this message. */
bool accel_send_msi(struct accel *a, const struct accel_msi *m);
/* State of the controller, as that of a vCPU; nothing if there is none. */
void accel_irq_write(struct accel *a, struct strbuf *out);
bool accel_irq_read(struct accel *a, struct cursor *c, bool store, struct error *e);

/*
 * An interrupt that follows an event (base/os.h), which others signal: a thread, the host's kernel.
 * Each time the event is signalled the line is pulsed, or the message is sent. With resample, which
 * is an event too, the line is raised; it falls when the guest has taken the interrupt, and
 * resample is signalled: who still wants it signals again. The accelerator does that by itself if
 * it can and the line is its own; else l's thread does. There is no resample then, since struct irq
 * says nothing of taking.
 */
struct irq_event {
    int event;    /* these two are the caller's */
    int resample; /* -1: none */
    const struct irq *line;
    struct accel_msi msi; /* line is NULL: this, which is written to memory by others than the
                             accelerator: */
    struct space *memory;
};
struct irq_binding;
/* l's thread. NULL: e says why. Behind irq_unbind nothing follows the event; what was signalled
 * then, and has not been followed, is there to be taken. */
struct irq_binding *accel_bind_irq(struct accel *a, struct loop *l, const struct irq_event *event,
                                   struct error *e);
void accel_unbind_irq(struct irq_binding *b);

uint64_t accel_instructions(
    const struct accel *a); /* guest instructions so far; exact when counted, else 0 */
void accel_info_jit(struct accel *a, struct strbuf *out);

/* Behind a change of what is logged; only while stopped. Blocks that were translated before are
 * logged like those to come. */
void accel_log_changed(struct accel *a);

/* Begins to measure for accel_info_jit, or ends it; only while stopped. false: there is nothing to
 * measure. */
bool accel_measure(struct accel *a, bool on, struct error *e);

#endif
