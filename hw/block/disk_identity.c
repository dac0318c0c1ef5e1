/* SPDX-License-Identifier: MIT */
/* Properties and names of disks: disk_identity.h. */
#include "hw/block/disk_identity.h"

#include <string.h>

#include "base/bits.h"
#include "block/block.h"

#define BLOCK_LEAST 512u

enum {
    CACHE_ON = 0,
    CACHE_AUTO = 2
};

struct block *disk_find(const struct machine *m, const char *drive, bool may_be_empty,
                        struct error *e)
{
    if (!drive) {
        error_set(e, "drive= is missing");
        return NULL;
    }
    struct block *b = m->backends.drive(m->backends.opaque, drive, e);
    if (b && !may_be_empty && block_is_empty(b)) {
        error_set(e, "Device needs media, but drive is empty");
        return NULL;
    }
    return b;
}

bool disk_write_cache(const struct block *b, int choice)
{
    return choice == CACHE_AUTO ? block_write_cache(b) : choice == CACHE_ON;
}

bool disk_check_blocks(uint32_t logical, uint32_t physical, uint32_t most, struct error *e)
{
    if (!is_pow2(logical) || logical < BLOCK_LEAST || logical > most) {
        return error_set(e, "logical_block_size=%u: a power of two from %u to %u is accepted",
                         logical, BLOCK_LEAST, most);
    }
    return (is_pow2(physical) && physical >= logical) ||
           error_set(e,
                     "physical_block_size=%u: a power of two, at least logical_block_size=%u, is "
                     "accepted",
                     physical, logical);
}

bool disk_check_transfers(uint32_t least, uint32_t best, uint32_t logical, struct error *e)
{
    return (least % logical == 0 && best % logical == 0) ||
           error_set(e, "min_io_size and opt_io_size must be multiples of logical_block_size=%u",
                     logical);
}

void disk_put_text(uint8_t *at, const char *text, size_t n)
{
    const size_t have = strlen(text);
    memset(at, ' ', n);
    memcpy(at, text, have < n ? have : n);
}
