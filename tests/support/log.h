/* SPDX-License-Identifier: MIT */
/* What a test makes the program log. */
#ifndef TESTS_SUPPORT_LOG_H
#define TESTS_SUPPORT_LOG_H

#include "base/log.h"

/* Items of mask are collected from here on, until the text is asked for (allocated). */
void test_log_begin(unsigned mask);
char *test_log_end(void);

#endif
