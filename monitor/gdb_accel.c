/* SPDX-License-Identifier: MIT */
/* The accelerator as gdb's stub sees it. */
#include "monitor/gdb.h"

const struct gdb_guest gdb_accel = {
    .read = accel_read_memory,
    .write = accel_write_memory,
    .write_physical = accel_write_physical,
    .breakpoint = accel_breakpoint,
    .watchpoint = accel_watchpoint,
    .watch_hit = accel_watch_hit,
    .freeze = accel_freeze,
    .step_masked = accel_step_masked,
    .can = accel_can,
};
