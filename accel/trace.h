/* SPDX-License-Identifier: MIT */
/* The log items exec and cpu; see accel/trace.c. */
#ifndef ACCEL_TRACE_H
#define ACCEL_TRACE_H

#include <stdbool.h>
#include <stdint.h>

struct accel;
struct vcpu;

/* True while entries of blocks are logged: none may go unseen by the run-time. */
bool trace_entries(void);
/* v is about to run the block at pc, with its registers in memory. */
void trace_entry(struct vcpu *v, uint64_t pc);
/* As that of struct accel_ops. */
void tcg_log_changed(struct accel *a);

#endif
