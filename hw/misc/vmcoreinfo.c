/* SPDX-License-Identifier: MIT */
/*
 * Where a guest's kernel says where its notes for crash dumps are (QEMU's docs/specs/vmcoreinfo):
 * a file of fw_cfg, "etc/vmcoreinfo", that the guest writes.
 */
#include "base/bits.h"
#include "hw/classes.h"
#include "hw/nvram/fw_cfg.h"

enum {
    FILE_BYTES = 16, /* formats of host and guest, size and address of the notes */
    FORMAT_ELF = 1
};

struct vmcoreinfo {
    struct device dev;
    uint8_t file[FILE_BYTES];
};

static bool vmcoreinfo_create(struct device *d, struct error *e)
{
    struct device *fw_cfg = fw_cfg_find(d->machine);
    for (struct device *other = d->machine->devices; other; other = other->next) {
        if (other->cls == d->cls) {
            return error_set(e, "vmcoreinfo: the machine has one already");
        }
    }
    return fw_cfg ? fw_cfg_add_writable(fw_cfg, "etc/vmcoreinfo", ((struct vmcoreinfo *)d)->file,
                                        FILE_BYTES, e)
                  : error_set(e, "vmcoreinfo: the machine has no fw_cfg device");
}

static void vmcoreinfo_reset(struct device *d)
{
    struct vmcoreinfo *v = (struct vmcoreinfo *)d;
    memset(v->file, 0, FILE_BYTES);
    store_le16(v->file, FORMAT_ELF);
}

static const struct field vmcoreinfo_fields[] = {FIELD(vmcoreinfo, file), FIELD_END};

const struct device_class vmcoreinfo_class = {
    .name = "vmcoreinfo",
    .desc = "where a guest's notes for crash dumps are",
    .bus = BUS_NONE,
    .size = sizeof(struct vmcoreinfo),
    .fields = vmcoreinfo_fields,
    .create = vmcoreinfo_create,
    .reset = vmcoreinfo_reset,
    .flags = DEVICE_PLUGGABLE,
};
