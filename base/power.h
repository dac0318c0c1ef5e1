/* SPDX-License-Identifier: MIT */
/*
 * What a CPU or a device may ask of the machine's life cycle. Implemented by system/; any thread;
 * the request is queued and carried out by the loop's thread.
 */
#ifndef BASE_POWER_H
#define BASE_POWER_H

#include <stdbool.h>
#include <stdint.h>

enum power_request {
    POWER_OFF,
    POWER_RESET,
    POWER_PANIC,
    POWER_WATCHDOG, /* a watchdog was not fed */
    POWER_IO_ERROR  /* a disk has failed; the machine waits for people */
};

enum power_cpu_result {
    POWER_CPU_OK,
    POWER_CPU_NO_SUCH,
    POWER_CPU_ALREADY_ON,
    POWER_CPU_STARTING /* somebody has asked for it already, and it is about to run */
};

struct power {
    void (*request)(struct power *p, enum power_request r);
    void (*exit_status)(struct power *p,
                        int status); /* ends the emulator with this status (semihosting) */
    /* Starts a powered-off vCPU, by the number that firmware calls it (cpu/cpu.h), at entry (a
     * physical address) with context in its first argument register; it may begin to run later. */
    enum power_cpu_result (*cpu_on)(struct power *p, uint64_t firmware_id, uint64_t entry,
                                    uint64_t context);
    /* 0 on, 1 off, 2 starting, -1 no such vCPU */
    int (*cpu_state)(struct power *p, uint64_t firmware_id);
};

#endif
