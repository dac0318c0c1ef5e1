/* SPDX-License-Identifier: MIT */
/*
 * A machine without CPUs, on a clock that only moves when told to: for tests of devices.
 */
#ifndef TESTS_SUPPORT_MACHINE_H
#define TESTS_SUPPORT_MACHINE_H

#include "hw/machine.h"

#define TEST_RAM_BASE UINT64_C(0x40000000)

/* Makes one with ram_bytes of RAM at TEST_RAM_BASE; ends with test_machine_free. */
struct machine *test_machine_new(uint64_t ram_bytes);
void test_machine_free(struct machine *m);

/*
 * A new device of class cls with "property=value" pairs up to a NULL, created and reset; the text
 * of an error fails the program. It belongs to the machine.
 */
struct device *test_device(struct machine *m, const struct device_class *cls, ...)
    __attribute__((sentinel));

/* Accesses of a CPU; a bus error ends the program. */
uint64_t test_load(struct machine *m, paddr a, unsigned size);
void test_store(struct machine *m, paddr a, unsigned size, uint64_t value);

static inline uint32_t test_load32(struct machine *m, paddr a)
{
    return (uint32_t)test_load(m, a, 4);
}

static inline void test_store32(struct machine *m, paddr a, uint32_t value)
{
    test_store(m, a, 4, value);
}

/* A disk of that size, of zeros, that goes with the program. */
struct block *test_disk(uint64_t bytes);

/* Watches a line. */
struct test_line {
    int level;
    int rises; /* changes from 0 to 1 */
};
struct irq test_line_irq(struct test_line *l);

/* The state of d is the same after saving, reset and loading; the line levels are for the caller.
 */
bool test_round_trip(struct device *d);

/* Whatever a guest has brought about is a state that can be loaded: each device's is, and it goes
 * on from there. Ends the program with the reason if one is refused. */
void test_states_load(struct machine *m);

/* A stream that collects what is written and delivers what a test feeds it. */
struct test_stream {
    struct stream stream; /* first */
    struct stream_reader reader;
    bool has_reader;
    struct strbuf written;
    int asked; /* calls of more_room */
};
void test_stream_init(struct test_stream *s);
/* Delivers as many bytes as the reader takes; returns their number. */
size_t test_stream_feed(struct test_stream *s, const void *bytes, size_t n);

#endif
