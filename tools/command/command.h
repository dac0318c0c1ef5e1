/* SPDX-License-Identifier: MIT */
/*
 * The command line of a tool, or of one of its commands: options are rows, from which it is read
 * and the help and the manual page are printed. And what tools say.
 */
#ifndef TOOLS_COMMAND_COMMAND_H
#define TOOLS_COMMAND_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* The tool's name, for messages: each tool has one. */
extern const char command_program[];

enum {
    COMMAND_END, /* ends a table */
    COMMAND_HELP,
    /* a tool's own are behind it */
};

struct command_option {
    int id;
    char letter; /* 0: it has none */
    const char *name;
    const char *arg; /* its name in the help; NULL: a switch */
    const char *help;
};

#define COMMAND_ROW_HELP                                                                           \
    {                                                                                              \
        COMMAND_HELP, 'h', "help", NULL, "print this help and exit"                                \
    }
#define COMMAND_ROW_END                                                                            \
    {                                                                                              \
        COMMAND_END, 0, NULL, NULL, NULL                                                           \
    }

struct command_item {
    const struct command_option *option;
    const char *value; /* NULL: a switch */
};

struct command_line;

struct command {
    const char *name; /* "": the tool has no commands */
    const char *summary;
    const char *operands; /* behind the options, for the help */
    const char *about;    /* more lines of help, or NULL */
    const struct command_option *options;
    int (*run)(const struct command_line *l); /* gives the exit status */
};

struct command_line {
    const struct command *command;
    struct command_item *items; /* in order */
    size_t item_count;
    char **names; /* what is no option */
    size_t name_count;
};

/* argv: without the names of program and command. */
bool command_line_read(struct command_line *l, const struct command *c, int argc, char **argv,
                       struct error *e);
void command_line_free(struct command_line *l);
void command_help(const struct command *c);
/* The same as a part of the manual page. */
void command_manual(const struct command *c);
bool command_given(const struct command_line *l, int id);
/* The last value, or NULL. */
const char *command_value(const struct command_line *l, int id);
/* The same, or `other` where it is not given. */
const char *command_value_or(const struct command_line *l, int id, const char *other);
/* A number of bytes by the option, or `none` where it is not given. */
bool command_bytes(const struct command_line *l, int id, uint64_t none, uint64_t *bytes,
                   struct error *e);
/* A number from least to most; left alone where it is not given. */
bool command_number(const struct command_line *l, int id, uint64_t least, uint64_t most,
                    uint64_t *number, struct error *e);

/* "PROGRAM: TEXT" on standard error; returns 1. */
int command_fail(const struct error *e);
int command_failf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same, and that --help says more. */
int command_usage(const struct command_line *l, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void command_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Text that may be from outside, on standard output. */
void command_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
