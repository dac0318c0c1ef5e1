/* SPDX-License-Identifier: MIT */
/*
 * Semihosting as CPUs see it: a guest without an operating system asks the host for files, a
 * console, the time, its end. Calls and their numbers are those of "Semihosting for AArch32 and
 * AArch64", release 3.0, which other architectures have taken over; an architecture knows its
 * instruction and where operands and results are. Implemented by system/; on the vCPU's thread.
 */
#ifndef BASE_SEMIHOST_H
#define BASE_SEMIHOST_H

#include <stdbool.h>
#include <stdint.h>

struct vcpu;

enum semihost_end {
    SEMIHOST_DONE,  /* with result */
    SEMIHOST_AGAIN, /* the vCPU is halted: when it wakes, the instruction is executed again */
    SEMIHOST_LATER, /* the instruction is over, and vcpu.calling holds the vCPU: then finish gives
                       the result, while the vCPU is outside guest code */
    SEMIHOST_OFF    /* the machine ends: this vCPU is to be powered off */
};

struct semihost_call {
    struct vcpu *v;
    uint32_t op;
    uint64_t argument;   /* mostly the address of a block of words */
    unsigned word_bytes; /* 4, or 8 */
    uint64_t stack;      /* what is below this address is free for a call to use */
    void (*finish)(struct vcpu *v, uint64_t result);
    uint64_t result;
};

struct semihost {
    enum semihost_end (*call)(struct semihost *s, struct semihost_call *c);
};

#endif
