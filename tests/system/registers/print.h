/* SPDX-License-Identifier: MIT */
/* The guest that prints what it sees of the machine after reset: a line for each register, "NAME
 * VALUE". */
#ifndef TESTS_SYSTEM_REGISTERS_PRINT_H
#define TESTS_SYSTEM_REGISTERS_PRINT_H

#include <stdbool.h>
#include <stdint.h>

typedef uint64_t u64;
typedef uint32_t u32;
typedef uint16_t u16;
typedef uint8_t u8;

/* What a call left or ran into: an exception's syndrome. */
struct outcome {
    u64 value;
    bool trapped;
};

/* Calls code(a) at EL1, or goes to it at EL0. */
struct outcome peek(const void *code, u64 a);
struct outcome peek_user(const void *code);

void print_outcome(struct outcome o);

/* Two strings and a number, and the line's end. */
void print(const char *text);
void print_hex(u64 v);
void print_line(const char *name, u64 v);

void print_system_registers(void);
void print_devices(void);

#endif
