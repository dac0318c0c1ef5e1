/* SPDX-License-Identifier: MIT */
/*
 * A file that takes its name when all of it is there: written under a temporary name beside it, so
 * that what goes wrong half-way leaves an earlier file of that name as it was. What fails while
 * writing is remembered and told of at the end. One thread.
 */
#ifndef BASE_NEW_FILE_H
#define BASE_NEW_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct new_file;

/* NULL: no file can be there, or path is there and not a file (never replaced); e names it. */
struct new_file *new_file_open(const char *path, struct error *e);
/* Appends n bytes. */
void new_file_put(struct new_file *f, const void *bytes, size_t n);
bool new_file_failed(const struct new_file *f);
/* Writes what is left, to the disk too, and gives the file its name. false: e begins with the path;
 * there is no new file. Frees f. */
bool new_file_finish(struct new_file *f, struct error *e);
/* Removes what was written. Frees f. */
void new_file_abandon(struct new_file *f);

#endif
