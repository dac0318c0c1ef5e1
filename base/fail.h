/* SPDX-License-Identifier: MIT */
/*
 * Failures on demand, for tests: what may fail for want of the host's memory or threads (mem_try_*,
 * os_map_*, os_thread_start) asks here first. Any thread.
 */
#ifndef BASE_FAIL_H
#define BASE_FAIL_H

#include <stdbool.h>

/* The nth question from now on is answered by yes, all others by no; 0: all by no. */
void fail_after(unsigned n);

/* Whether what the caller is about to try is to fail. */
bool fail_now(void);

#endif
