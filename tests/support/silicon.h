/* SPDX-License-Identifier: MIT */
/*
 * A machine that runs tiny guests (tests/support/tiny) outside of the program, as a host's kernel
 * with its CPU's virtualization does: memory is what was put into slots, with a log for each; some
 * writes ring doorbells; an interrupt controller has inputs, routes and messages; a vCPU has its
 * own registers, and runs until something is asked of the program. It refuses what a kernel
 * refuses, and knows nothing of spaces, classes or the IR.
 *
 * Its instructions are tiny's, and with n below 0 TINY_WAIT waits for the controller: it takes the
 * lowest vector that is pending, which goes to a.
 */
#ifndef TESTS_SUPPORT_SILICON_H
#define TESTS_SUPPORT_SILICON_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/os.h"

#define SILICON_PAGE UINT64_C(0x1000)
#define SILICON_PINS 8u /* from the fifth on by level, the others by edge */
#define SILICON_LINES 32u
#define SILICON_VECTORS 64u

struct silicon;

struct silicon *silicon_create(unsigned vcpus);
void silicon_destroy(struct silicon *m);

/* ---- memory; false: refused */

struct silicon_slot {
    uint64_t base, size; /* multiples of the page */
    uint8_t *host;
    bool read_only, logged;
    uint64_t *log;
};
bool silicon_add_slot(struct silicon *m, const struct silicon_slot *s); /* overlaps none */
bool silicon_remove_slot(struct silicon *m, uint64_t base, uint64_t size);
bool silicon_log_slot(struct silicon *m, uint64_t base, bool logged);
bool silicon_read_log(struct silicon *m, uint64_t base, uint64_t *bitmap);
bool silicon_clear_log(struct silicon *m, uint64_t base, const uint64_t *bitmap);

struct silicon_bell {
    uint64_t address;
    unsigned size; /* 0: any */
    bool any_value;
    uint64_t value;
    int event;
};
bool silicon_add_bell(struct silicon *m, const struct silicon_bell *b);
bool silicon_remove_bell(struct silicon *m, const struct silicon_bell *b);

/* What a vCPU does. false: the program has to. */
bool silicon_load(struct silicon *m, uint64_t a, uint8_t *value);
bool silicon_store(struct silicon *m, uint64_t a, uint8_t value);

/* ---- interrupts; any thread */

struct silicon_route {
    enum {
        SILICON_TO_NOTHING,
        SILICON_TO_PIN,
        SILICON_TO_VECTOR /* a message */
    } to;
    unsigned pin, vcpu, vector;
};
/* All of them; the first so many lines, the rest lead to nothing. */
bool silicon_set_routes(struct silicon *m, const struct silicon_route *r, unsigned count);
void silicon_set_line(struct silicon *m, unsigned line, bool level);
bool silicon_send(struct silicon *m, unsigned vcpu, unsigned vector);
/* The line follows the event: it is pulsed; with resample (-1: none) it is raised, and when its
 * vector is taken it falls, and resample is signalled. */
bool silicon_bind(struct silicon *m, unsigned line, int event, int resample);
bool silicon_unbind(struct silicon *m, unsigned line, int event);
/* The state of the controller. */
struct silicon_chip {
    uint32_t levels;    /* of pins */
    uint64_t pending[]; /* vectors, by vCPU */
};
size_t silicon_chip_bytes(const struct silicon *m);
void silicon_get_chip(struct silicon *m, struct silicon_chip *c);
void silicon_set_chip(struct silicon *m, const struct silicon_chip *c);

/* ---- vCPUs */

enum silicon_exit {
    SILICON_INTERRUPTED, /* by a signal, or immediate_exit */
    SILICON_LOAD,        /* of address: value is to be there when it runs again */
    SILICON_STORE,       /* of value to address */
    SILICON_FAULT        /* there is no code at the PC, or no instruction */
};

enum silicon_reg {
    SILICON_A,
    SILICON_PC,
    SILICON_REGS
};

/* What a vCPU and the program share. */
struct silicon_vcpu {
    _Atomic bool immediate_exit;
    enum silicon_exit exit;
    uint64_t address;
    uint8_t value;
    uint64_t instructions, exits;

    struct silicon *machine;
    unsigned index;
    uint32_t regs[SILICON_REGS];
    bool halted;            /* in TINY_WAIT */
    bool loads;             /* the last exit was SILICON_LOAD */
    _Atomic uint32_t lines; /* its own inputs */
    int wake;               /* an event */
};

struct silicon_vcpu *silicon_vcpu(struct silicon *m, unsigned index);
/* On its thread, which takes kicks. */
enum silicon_exit silicon_run(struct silicon_vcpu *v);
/* An input of v; any thread. */
void silicon_set_input(struct silicon_vcpu *v, unsigned line, bool level);

#endif
