/* SPDX-License-Identifier: MIT */
/*
 * Option groups: "value,key=value,flag" texts of the command line, and tables of the keys that a
 * group takes, from which checking, messages and `help` derive.
 *
 * A text that begins with a brace is JSON (keyval_json.c).
 *
 * A comma in a value is written twice. A key without "=" means "on", of "noKEY" "off", where KEY is
 * a switch.
 */
#ifndef SYSTEM_KEYVAL_H
#define SYSTEM_KEYVAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"

struct keyval {
    char *key;
    char *value; /* NULL: given without "=" */
};

struct keyvals {
    char *where; /* the option as the user wrote it, "-drive file=x,if=none": messages start with it
                  */
    struct keyval *items;
    size_t count;
    struct keyvals *next; /* for lists; the owner's use */
};

enum key_type {
    KEY_TEXT,      /* const char *, of the group */
    KEY_BOOL,      /* bool */
    KEY_SWITCH,    /* int: -1 not given (the initial value is the caller's), 0, 1 */
    KEY_U32,       /* uint32_t */
    KEY_U64,       /* uint64_t */
    KEY_SIZE,      /* uint64_t bytes; K, M, G, T suffixes */
    KEY_MEGABYTES, /* as KEY_SIZE; a number alone counts MiB */
    KEY_CHOICE,    /* int: index into choices */
    KEY_REFUSED    /* known, but not in this build: help says why */
};

struct key_row {
    const char *name;
    enum key_type type;
    size_t offset; /* of the member in the group's struct */
    const char *help;
    const char *const *choices; /* KEY_CHOICE: NULL-terminated */
};

/*
 * Splits text at its commas. implied is the key of a first item without "=", or NULL. option is for
 * messages ("-drive"). NULL and an error for an empty key. Free with keyvals_free.
 */
struct keyvals *keyvals_parse(const char *option, const char *text, const char *implied,
                              struct error *e);
void keyvals_free(struct keyvals *k); /* NULL is allowed; not the list behind it */

/* The value of the last item of that key ("on" if given without one), or NULL. */
const char *keyvals_get(const struct keyvals *k, const char *key);

/* Sets key to a copy of value, in place of earlier ones. */
void keyvals_set(struct keyvals *k, const char *key, const char *value);

/* Adds an item, behind earlier ones of its key. */
void keyvals_add(struct keyvals *k, const char *key, const char *value);
/* Adds the items of a JSON object. */
bool keyvals_add_json(struct keyvals *k, const char *text, struct error *e);

/* Takes out all items of that key; the last one's value is returned (mem_free), or NULL if there
 * was none. */
char *keyvals_take(struct keyvals *k, const char *key);

/* Appends k to the list. */
void keyvals_append(struct keyvals **list, struct keyvals *k);

/*
 * Writes the items into the struct at group, by the rows (ending with name NULL). Items of keys
 * that `also` lists (rows, or NULL) are left to another call. False for an unknown key or a bad
 * value, with what is accepted.
 */
bool keyvals_apply(const struct keyvals *k, const struct key_row *rows, const struct key_row *also,
                   void *group, struct error *e);

/* One line a row: "  name=TYPE   help". */
void keyval_rows_help(const struct key_row *rows, struct strbuf *out);

/* ---- values */

/* A whole unsigned number in decimal, or hexadecimal after 0x. */
bool keyval_parse_u64(const char *text, uint64_t *value, struct error *e);

/* A number of bytes: digits, perhaps with a decimal fraction, and a unit of B K M G T P E; without
 * one: times unit. */
bool keyval_parse_size(const char *text, uint64_t unit, uint64_t *bytes, struct error *e);

/* on, yes, true, y; off, no, false, n. */
bool keyval_parse_bool(const char *text, bool *value, struct error *e);

/* The index of text in choices; an error lists them. */
bool keyval_parse_choice(const char *text, const char *const *choices, int *index, struct error *e);

/* ". Did you mean 'x'? Accepted: a, b, c" behind an error about word; names ends with NULL. */
void keyval_choices(struct error *e, const char *word, const char *const *names);

#endif
