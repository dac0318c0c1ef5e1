/* SPDX-License-Identifier: MIT */
/* Line editing on a terminal: the keys of a shell's emacs mode, history, completion. */
#ifndef MONITOR_LINEEDIT_H
#define MONITOR_LINEEDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"

enum {
    LINEEDIT_MAX = 1023,
    LINEEDIT_HISTORY = 64
};

struct lineedit {
    const char *prompt;
    /* Appends to out, each followed by a space, the words that may stand where the line, cut at the
     * cursor, ends. */
    void (*complete)(const char *line, struct strbuf *out);
    char line[LINEEDIT_MAX + 1];
    size_t length, cursor;
    char *history[LINEEDIT_HISTORY];
    unsigned count;               /* lines in history */
    unsigned back;                /* how far back the line shown is; 0: the one being typed */
    char draft[LINEEDIT_MAX + 1]; /* the one being typed, while another is shown */
    char escape[8];               /* an escape sequence under way */
    unsigned escape_length;
};

void lineedit_init(struct lineedit *e, const char *prompt,
                   void (*complete)(const char *line, struct strbuf *out));
void lineedit_free(struct lineedit *e);

/* Shows the prompt of an empty line. */
void lineedit_start(struct lineedit *e, struct strbuf *out);

/*
 * Takes one byte; what the terminal is to show is appended to out. True: a line is complete in
 * e->line (and in the history); the caller acts on it and calls lineedit_start.
 */
bool lineedit_byte(struct lineedit *e, uint8_t byte, struct strbuf *out);

#endif
