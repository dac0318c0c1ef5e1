/* SPDX-License-Identifier: MIT */
/*
 * Random A64 programs that change under their own feet what the translator keeps: page tables (4
 * KiB pages, 2 MiB blocks, address spaces, PAN), the map of physical memory (by a device's
 * registers, as flashes and PCI windows do), and code. Each is well-defined: maintenance and
 * barriers are where the manual wants them, and what faults is skipped by the program's handler. So
 * every engine must leave the same.
 */
#ifndef TESTS_SUPPORT_CHURN_H
#define TESTS_SUPPORT_CHURN_H

#include "tests/support/board.h"

/* Machine: a board with one vCPU, and what the programs change about its memory. */
struct churn;

/* NULL: e says why. */
struct churn *churn_create(struct error *e);
void churn_free(struct churn *c);
struct test_board *churn_board(struct churn *c);

/* Memory and devices as they are before a program, and the program of that seed; the vCPU is reset
 * and stands at its start. The vCPU must not run. coherent: the program writes to code, its own
 * and other, without maintenance, and so does a device. */
void churn_load(struct churn *c, uint64_t seed, bool coherent);

/* What is left: registers, all memory, and what the devices saw. */
struct churn_result {
    uint64_t x[32];    /* and sp */
    uint64_t faults;   /* taken */
    uint64_t memory;   /* hash */
    uint64_t accesses; /* hash of those of devices, in order */
    uint64_t changes;  /* of the memory map */
};
void churn_result(struct churn *c, struct churn_result *r);

/* The first difference, as text; false if there is none. */
bool churn_differs(const struct churn_result *got, const struct churn_result *want, char *why,
                   size_t size);

#endif
