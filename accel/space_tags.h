/* SPDX-License-Identifier: MIT */
/* Tags for address spaces whose identity is wider than a tag; see space_tags.c. */
#ifndef ACCEL_SPACE_TAGS_H
#define ACCEL_SPACE_TAGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/os.h"

struct tcg;

#define SPACE_TAGS_KNOWN 4096u /* at a time; beyond, everybody meets, and all are forgotten */
#define SPACE_TAGS_RECENT 16u

/* Of the accelerator. */
struct space_tags {
    struct os_mutex lock; /* guards the rest; nothing is called with it */
    struct hash *tags;    /* by identity, mixed: struct space_tag */
    struct space_tag *known;
    uint32_t count; /* of them */
    uint32_t last;  /* tag that was given */
    bool lost;      /* some were given that are not in tags */
};

struct space_tag {
    uint64_t identity;
    uint32_t tag; /* 0: free */
};

void space_tags_create(struct tcg *a);
void space_tags_destroy(struct tcg *a);
/* Everybody is out: no tag means anything any more, and nothing is left that was entered by one. */
void space_tags_reset(struct tcg *a);

#endif
