/* SPDX-License-Identifier: MIT */
/* How the monitor steers a memory balloon; the device that has one puts it into its machine. */
#ifndef HW_BALLOON_H
#define HW_BALLOON_H

#include <stdint.h>

struct balloon {
    /* Asks the guest to leave itself this many bytes of its RAM; it may take a while, or not do it.
     */
    void (*set_bytes)(struct balloon *b, uint64_t bytes);
    /* What the guest says it has now. */
    uint64_t (*bytes)(struct balloon *b);
};

#endif
