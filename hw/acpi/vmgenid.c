/* SPDX-License-Identifier: MIT */
/*
 * The virtual machine generation identifier: 16 bytes in the guest's memory that are others after
 * the machine's state was loaded into a new one (QEMU's docs/specs/vmgenid). Firmware places them,
 * by ACPI's loader, and writes where into a file of fw_cfg; a table tells the guest. That they have
 * changed is a general-purpose event.
 */
#include "hw/acpi/vmgenid.h"

#include <stdio.h>

#include "base/bits.h"
#include "base/mem.h"
#include "hw/acpi/piix4_pm.h"
#include "hw/classes.h"
#include "hw/isa/ich9_lpc.h"
#include "hw/nvram/fw_cfg.h"

#define GUID_FILE "etc/vmgenid_guid"
#define ADDRESS_FILE "etc/vmgenid_addr"

enum {
    GUID_BYTES = 16,
    GUID_OFFSET = 40, /* in its page: firmware takes what begins one for a table */
    PAGE_BYTES = 4096
};

struct vmgenid {
    struct device dev;
    char *text;               /* property */
    uint8_t guid[GUID_BYTES]; /* as in memory */
    uint8_t address[8];       /* state: where firmware has put it, little-endian */
    bool looks;               /* what is in memory may be another machine's */
    uint8_t pad[7];
};

/* ---- the identifier */

/* The first three groups of the text are numbers, which memory has low byte first. */
static bool parse(const char *text, uint8_t *guid)
{
    static const uint8_t at[GUID_BYTES] = {6,  4,  2,  0,  11, 9,  16, 14,
                                           19, 21, 24, 26, 28, 30, 32, 34};
    static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    bool good = strlen(text) == strlen(shape);
    for (unsigned i = 0; good && shape[i]; i++) {
        good = shape[i] == '-' ? text[i] == '-' : strchr("0123456789abcdefABCDEF", text[i]) != NULL;
    }
    for (unsigned i = 0; good && i < GUID_BYTES; i++) {
        unsigned byte = 0;
        sscanf(text + at[i], "%2x", &byte);
        guid[i] = (uint8_t)byte;
    }
    return good;
}

/* The property says what was chosen. */
static void show(struct vmgenid *v)
{
    const uint8_t *g = v->guid;
    mem_free(v->text);
    v->text = mem_printf("%08x-%04x-%04x-%02x%02x-%02x%02x%02x%02x%02x%02x", load_le32(g),
                         load_le16(g + 4), load_le16(g + 6), g[8], g[9], g[10], g[11], g[12], g[13],
                         g[14], g[15]);
}

static bool choose(struct vmgenid *v, struct error *e)
{
    struct rng *rng = &v->dev.machine->rng;
    if (strcmp(v->text, "auto") != 0) {
        return parse(v->text, v->guid) ||
               error_set(e, "vmgenid: guid=%s: auto, or xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx",
                         v->text);
    }
    store_le64(v->guid, rng_u64(rng));
    store_le64(v->guid + 8, rng_u64(rng));
    v->guid[7] = (v->guid[7] & 0x0f) | 0x40; /* as RFC 4122 has random ones */
    v->guid[8] = (v->guid[8] & 0x3f) | 0x80;
    show(v);
    return true;
}

/* ---- the event */

static struct acpi_pm *find_pm(const struct machine *m)
{
    for (struct device *d = m->devices; d; d = d->next) {
        if (d->cls == &ich9_lpc_class) {
            return ich9_lpc_pm(d);
        }
        if (d->cls == &piix4_pm_class) {
            return piix4_pm(d);
        }
    }
    return NULL;
}

/* The address is the guest's word: it may be any. */
static void bring_up_to_date(struct vmgenid *v)
{
    uint8_t there[GUID_BYTES];
    const uint64_t a = load_le64(v->address);
    struct acpi_pm *pm = find_pm(v->dev.machine);
    if (a && pm && dma_read(&v->dev.dma, a, there, GUID_BYTES) &&
        memcmp(there, v->guid, GUID_BYTES) != 0 && dma_write(&v->dev.dma, a, v->guid, GUID_BYTES)) {
        acpi_pm_gpe(pm, VMGENID_EVENT);
    }
}

/* ---- tables */

static struct vmgenid *find_device(const struct machine *m)
{
    struct device *d = m->devices;
    while (d && d->cls != &vmgenid_class) {
        d = d->next;
    }
    return (struct vmgenid *)d;
}

#define PLACE 0x56474944u /* a number that the address takes the place of */

static void describe(struct aml *a)
{
    aml_scope(a, "\\_SB");
    aml_device(a, "VGEN");
    aml_name_string(a, "_HID", "QEMUVGID");
    aml_name_string(a, "_CID", "VM_Gen_Counter");
    aml_name_string(a, "_DDN", "VM_Gen_Counter");
    aml_name(a, "ADDR");
    aml_package(a, 2);
    aml_int(a, PLACE);
    aml_int(a, 0);
    aml_end(a);
    aml_end(a);
    aml_end(a);
    aml_scope(a, "\\_GPE");
    aml_method(a, "_E05", 0, false);
    aml_op(a, AML_NOTIFY);
    aml_ref(a, "\\_SB.VGEN");
    aml_int(a, 0x80);
    aml_end(a);
    aml_end(a);
}

void vmgenid_add_table(struct acpi_tables *t, const struct machine *m)
{
    struct aml a = {.depth = 0};
    if (!find_device(m)) {
        return;
    }
    describe(&a);
    size_t at = 0;
    while (load_le32(a.out.text + at) != PLACE) {
        at++;
    }
    store_le32(a.out.text + at, GUID_OFFSET);
    acpi_begin(t, "SSDT", 1);
    acpi_command_allocate(t, GUID_FILE, PAGE_BYTES, false);
    acpi_command_pointer(t, t->blob.len + at, 4, GUID_FILE); /* before the checksum */
    acpi_command_write_pointer(t, ADDRESS_FILE, GUID_FILE, GUID_OFFSET);
    acpi_put_bytes(t, a.out.text, a.out.len);
    strbuf_free(&a.out);
    acpi_end_listed(t);
}

/* ---- life */

static bool add_files(struct vmgenid *v, struct device *fw_cfg, struct error *e)
{
    uint8_t *page = mem_alloc(PAGE_BYTES);
    memcpy(page + GUID_OFFSET, v->guid, GUID_BYTES);
    return fw_cfg_add_file(fw_cfg, GUID_FILE, page, PAGE_BYTES, e) &&
           fw_cfg_add_writable(fw_cfg, ADDRESS_FILE, v->address, sizeof(v->address), e);
}

static bool vmgenid_create(struct device *d, struct error *e)
{
    struct vmgenid *v = (struct vmgenid *)d;
    struct device *fw_cfg = fw_cfg_find(d->machine);
    if (find_device(d->machine)) {
        return error_set(e, "vmgenid: the machine has one already");
    }
    if (!fw_cfg || !find_pm(d->machine)) {
        return error_set(e, "vmgenid: only the machines pc and q35 can tell of it");
    }
    return choose(v, e) && add_files(v, fw_cfg, e);
}

static void vmgenid_loaded(struct device *d)
{
    ((struct vmgenid *)d)->looks = true;
}

static void vmgenid_resume(struct device *d)
{
    struct vmgenid *v = (struct vmgenid *)d;
    os_mutex_lock(d->lock);
    if (v->looks) {
        bring_up_to_date(v);
    }
    v->looks = false;
    os_mutex_unlock(d->lock);
}

static const struct prop vmgenid_props[] = {
    {"guid", PROP_STRING, offsetof(struct vmgenid, text), "auto",
     "the identifier, or auto: another one each time", NULL},
    PROP_END,
};

static const struct field vmgenid_fields[] = {
    FIELD_SKIP(vmgenid, guid),
    FIELD(vmgenid, address),
    FIELD_SKIP(vmgenid, looks),
    FIELD_SKIP(vmgenid, pad),
    FIELD_END,
};

const struct device_class vmgenid_class = {
    .name = "vmgenid",
    .desc = "identifier of the machine's generation",
    .bus = BUS_NONE,
    .size = sizeof(struct vmgenid),
    .props = vmgenid_props,
    .fields = vmgenid_fields,
    .create = vmgenid_create,
    .loaded = vmgenid_loaded,
    .resume = vmgenid_resume,
    .flags = DEVICE_PLUGGABLE,
};
