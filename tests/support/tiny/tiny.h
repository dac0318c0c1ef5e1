/* SPDX-License-Identifier: MIT */
/*
 * The smallest guest that there can be: one register, six instructions of two bytes, 32-bit
 * addresses, big-endian. It shows what a further architecture touches; tests/cli/arch.sh builds the
 * program with it.
 */
#ifndef TESTS_SUPPORT_TINY_H
#define TESTS_SUPPORT_TINY_H

#include "cpu/arch.h"
#include "cpu/cpu.h"

/* The first byte of an instruction. The second is its number n, signed. */
enum {
    TINY_SET = 1, /* a = n */
    TINY_ADD,     /* a += n */
    TINY_OUT,     /* the byte a goes to port n, 0 to 127 */
    TINY_LOOP,    /* goes n instructions on if a is not 0 */
    TINY_IN,      /* a = the byte at port n */
    TINY_WAIT     /* waits until input line n, 0 to 31, is up */
};

/* Ports are bytes of memory from here on. */
#define TINY_PORTS UINT32_C(0x80000000)
enum {
    TINY_SERIAL, /* sends the byte */
    TINY_OFF     /* powers off */
};

extern const struct arch tiny_arch;
extern const struct cpu_class tiny_cpu_class;

#endif
