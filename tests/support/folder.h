/* SPDX-License-Identifier: MIT */
/* Folders that a test makes, and files in them. */
#ifndef TESTS_SUPPORT_FOLDER_H
#define TESTS_SUPPORT_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Removes a folder with all that is in it, following no link; at: an open folder, or AT_FDCWD. */
void folder_remove(int at, const char *name);

/* All of a file; mem_free. */
bool folder_read_file(const char *path, uint8_t **bytes, size_t *n);

#endif
