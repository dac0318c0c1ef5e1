/* SPDX-License-Identifier: MIT */
/*
 * Names the format that a file's first bytes claim, for those formats that are not modelled: an
 * image of one of them must not be taken for a raw disk.
 */
#include <string.h>

#include "base/bits.h"
#include "block/block_internal.h"

struct magic {
    const char *format;
    size_t offset, length;
    const char *bytes;
};

static const struct magic magics[] = {
    {"qcow2", 0, 4, "QFI\xfb"},
    {"qed", 0, 4, "QED\0"},
    {"vmdk", 0, 4, "KDMV"},
    {"vmdk", 0, 4, "COWD"},
    {"vmdk", 0, 21, "# Disk DescriptorFile"},
    {"vdi", 0x40, 4, "\x7f\x10\xda\xbe"},
    {"vhdx", 0, 8, "vhdxfile"},
    {"vpc", 0, 8, "conectix"},
    {"parallels", 0, 16, "WithoutFreeSpace"},
    {"parallels", 0, 16, "WithouFreSpacExt"},
    {"luks", 0, 6, "LUKS\xba\xbe"},
    {"cloop", 0, 16, "#!/bin/sh\n#V2.0 "},
};

const char *block_probe_foreign(const uint8_t *head, size_t n)
{
    for (size_t i = 0; i < array_len(magics); i++) {
        const struct magic *m = &magics[i];
        if (m->offset + m->length <= n && memcmp(head + m->offset, m->bytes, m->length) == 0) {
            return m->format;
        }
    }
    return NULL;
}
