/* SPDX-License-Identifier: MIT */
/*
 * What the program tells its user on standard error: one line, "PROGRAM: text". Nothing but system/
 * prints. Any thread.
 */
#ifndef SYSTEM_SAY_H
#define SYSTEM_SAY_H

/* The name in front of the lines; the string is kept. */
void say_program(const char *name);

void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void say_warning(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
