/* SPDX-License-Identifier: MIT */
/* Folders that a test makes. */
#ifndef TESTS_SUPPORT_FOLDER_H
#define TESTS_SUPPORT_FOLDER_H

/* Removes a folder with all that is in it, following no link; at: an open folder, or AT_FDCWD. */
void folder_remove(int at, const char *name);

#endif
