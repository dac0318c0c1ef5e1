/* SPDX-License-Identifier: MIT */
/* How the program calls itself. */
#ifndef SYSTEM_VERSION_H
#define SYSTEM_VERSION_H

/* "dragoman version 0.1 (guests: aarch64; host: x86_64)"; allocated. */
char *version_text(void);

#endif
