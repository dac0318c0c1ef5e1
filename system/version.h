/* SPDX-License-Identifier: MIT */
/* How the program calls itself; the number is configure's. */
#ifndef SYSTEM_VERSION_H
#define SYSTEM_VERSION_H

#include "config.h"

#define VERSION_TEXT                                                                               \
    "dragoman version " DRAGOMAN_VERSION " (guests: aarch64; host: " CONFIG_HOST_ARCH ")"

#endif
