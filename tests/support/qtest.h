/* SPDX-License-Identifier: MIT */
/*
 * The other emulator's devices, driven as a CPU would: its qtest protocol (docs/devel/testing/
 * qtest) carries the accesses, its monitor writes what its screen shows. Its CPUs stand still, and
 * so does its virtual clock.
 */
#ifndef TESTS_SUPPORT_QTEST_H
#define TESTS_SUPPORT_QTEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct qtest;

/* Starts the emulator of that architecture from the cache ($DRAGOMAN_CACHE/qemu10) with further
 * options, NULL at the end. NULL: it is not there. What goes wrong later ends the program. */
struct qtest *qtest_open(const char *arch, const char *const *options);
void qtest_close(struct qtest *q);

/* Ports, and memory; size 1, 2 or 4. */
void qtest_out(struct qtest *q, unsigned port, unsigned size, uint32_t value);
uint32_t qtest_in(struct qtest *q, unsigned port, unsigned size);
void qtest_store(struct qtest *q, uint64_t a, unsigned size, uint32_t value);
uint32_t qtest_load(struct qtest *q, uint64_t a, unsigned size);
void qtest_write(struct qtest *q, uint64_t a, const uint8_t *bytes, size_t n);
void qtest_read(struct qtest *q, uint64_t a, uint8_t *bytes, size_t n);

/* What its first screen, or that of the device with an id, shows: red, green, blue of each pixel;
 * mem_free. NULL: no picture. */
uint8_t *qtest_picture(struct qtest *q, const char *id, unsigned *width, unsigned *height);

#endif
