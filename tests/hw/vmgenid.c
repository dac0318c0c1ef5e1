/* SPDX-License-Identifier: MIT */
/* The identifier of the machine's generation; the test is the firmware. */
#include "hw/acpi/vmgenid.h"
#include "hw/isa/ich9_lpc.h"
#include "hw/nvram/fw_cfg.h"
#include "hw/state.h"
#include "tests/hw/pc_rig.h"

#define GPE 0x620
#define FIRST "00112233-4455-6677-8899-aabbccddeeff"
#define SECOND "deadbeef-4455-6677-8899-aabbccddeeff"

static const uint8_t first[16] = {0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66,
                                  0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};

struct bench {
    struct pc_rig p;
    struct device *fw_cfg, *lpc, *d;
    paddr page;
};

static struct device *make(struct bench *b, const char *guid, struct error *e)
{
    struct device *d = device_new(&vmgenid_class, b->p.r.m, NULL);
    CHECK(device_set(d, "guid", guid, e));
    if (!device_create(d, e)) {
        device_free(d);
        return NULL;
    }
    device_reset(d);
    return d;
}

static void begin(struct bench *b, const char *guid)
{
    struct error e = {""};
    pc_rig_open(&b->p);
    b->fw_cfg = device_new(&fw_cfg_io_class, b->p.r.m, NULL);
    CHECK(device_create(b->fw_cfg, &e));
    device_map(b->fw_cfg, b->p.ports, 0x510);
    b->lpc = device_new(&ich9_lpc_class, b->p.r.m, NULL);
    ich9_lpc_configure(b->lpc, &(struct ich9_lpc_config){.ports = b->p.ports, .inputs = b->p.irq});
    pc_rig_plug(&b->p, b->lpc, "1f.0");
    rig_config_set(&b->p.r, 0, 0xf8, 0x40, 4, 0x601);
    rig_config_set(&b->p.r, 0, 0xf8, 0x44, 1, 0x80);
    b->d = make(b, guid, &e);
    CHECK_MSG(b->d, "%s", e.text);
    b->page = rig_alloc(&b->p.r, 4096);
}

static void end(struct bench *b)
{
    pc_rig_close(&b->p);
}

/* The key of a file, or 0. */
static unsigned find_file(struct bench *b, const char *name, unsigned *bytes)
{
    uint8_t row[64];
    pc_out(&b->p, 0x510, 2, FW_CFG_FILE_DIR);
    unsigned n = 0;
    for (unsigned i = 0; i < 4; i++) {
        n = n << 8 | pc_in(&b->p, 0x511, 1);
    }
    for (; n > 0; n--) {
        for (unsigned i = 0; i < sizeof(row); i++) {
            row[i] = (uint8_t)pc_in(&b->p, 0x511, 1);
        }
        if (strcmp((char *)row + 8, name) == 0) {
            *bytes = load_be32(row);
            return load_be16(row + 4);
        }
    }
    return 0;
}

/* As firmware does what the loader's commands say. */
static void place(struct bench *b, uint64_t address)
{
    unsigned n = 0;
    uint8_t *request = rig_host(&b->p.r, b->page + 256);
    const unsigned page = find_file(b, "etc/vmgenid_guid", &n);
    CHECK_EQ(n, 4096);
    pc_out(&b->p, 0x510, 2, page);
    for (unsigned i = 0; i < 128; i++) {
        rig_host(&b->p.r, b->page)[i] = (uint8_t)pc_in(&b->p, 0x511, 1);
    }
    const unsigned key = find_file(b, "etc/vmgenid_addr", &n);
    CHECK_EQ(n, 8);
    store_be32(request, key << 16 | 8 | 16); /* select, write */
    store_be32(request + 4, 8);
    store_be64(request + 8, b->page + 256 + 16);
    store_le64(request + 16, address);
    pc_out(&b->p, 0x514, 4, bswap32((uint32_t)((b->page + 256) >> 32)));
    pc_out(&b->p, 0x518, 4, bswap32((uint32_t)(b->page + 256)));
    CHECK_EQ(load_be32(request), 0);
}

TEST(the_identifier_is_in_its_page)
{
    struct bench b;
    begin(&b, FIRST);
    place(&b, b.page + 40);
    CHECK_MEM(rig_host(&b.p.r, b.page + 40), first, 16);
    end(&b);
}

static void load_into(struct bench *b, const struct strbuf *state)
{
    struct error e = {""};
    CHECK_MSG(device_load(b->d, state->text, state->len, &e), "%s", e.text);
}

TEST(a_state_in_another_machine_is_told_of)
{
    struct bench b, other;
    struct strbuf state = {0};
    begin(&b, FIRST);
    place(&b, b.page + 40);
    device_save(b.d, &state);
    load_into(&b, &state); /* the same machine */
    CHECK_EQ(pc_in(&b.p, GPE, 1), 0);
    CHECK_MEM(rig_host(&b.p.r, b.page + 40), first, 16);
    begin(&other, SECOND);
    memcpy(rig_host(&other.p.r, other.page + 40), first, 16); /* memory comes with the state */
    load_into(&other, &state);
    CHECK_EQ(pc_in(&other.p, GPE, 1), 1 << VMGENID_EVENT);
    CHECK_EQ(load_le32(rig_host(&other.p.r, other.page + 40)), 0xdeadbeef);
    strbuf_free(&state);
    end(&other);
    end(&b);
}

TEST(an_address_that_is_no_memory_is_harmless)
{
    struct bench b;
    struct strbuf state = {0};
    begin(&b, FIRST);
    place(&b, UINT64_MAX - 3);
    device_save(b.d, &state);
    load_into(&b, &state);
    CHECK_EQ(pc_in(&b.p, GPE, 1), 0);
    strbuf_free(&state);
    end(&b);
}

TEST(auto_is_random_and_properties_are_checked)
{
    struct bench b;
    struct error e = {""};
    begin(&b, "auto");
    place(&b, b.page + 40);
    CHECK_EQ(rig_host(&b.p.r, b.page + 47)[0] >> 4, 4);
    CHECK(!make(&b, FIRST, &e));
    CHECK_STR(e.text, "vmgenid: the machine has one already");
    device_free(b.d);
    CHECK(!make(&b, "1234", &e));
    CHECK_STR(e.text, "vmgenid: guid=1234: auto, or xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx");
    end(&b);
}

TEST(its_table_points_to_it)
{
    struct bench b;
    struct acpi_tables t;
    struct error e = {""};
    unsigned n = 0, seen = 0;
    begin(&b, FIRST);
    acpi_init(&t, "BOCHS ", "BXPC    ");
    vmgenid_add_table(&t, b.p.r.m);
    CHECK_EQ(t.count, 1);
    CHECK(acpi_finish(&t, b.fw_cfg, &e));
    const unsigned key = find_file(&b, "etc/table-loader", &n);
    pc_out(&b.p, 0x510, 2, key);
    for (unsigned i = 0; i < n / 128; i++) {
        uint8_t c[128];
        for (unsigned k = 0; k < sizeof(c); k++) {
            c[k] = (uint8_t)pc_in(&b.p, 0x511, 1);
        }
        if (load_le32(c) == 2 && strcmp((char *)c + 60, "etc/vmgenid_guid") == 0) {
            CHECK_STR((char *)c + 4, "etc/acpi/tables");
            CHECK_EQ(c[120], 4);
            seen |= 1;
        } else if (load_le32(c) == 3 && !(seen & 1)) {
            seen |= 4; /* a checksum before the pointer */
        } else if (load_le32(c) == 4) {
            CHECK_STR((char *)c + 4, "etc/vmgenid_addr");
            CHECK_STR((char *)c + 60, "etc/vmgenid_guid");
            CHECK_EQ(load_le32(c + 120), 40);
            CHECK_EQ(c[124], 8);
            seen |= 2;
        }
    }
    CHECK_EQ(seen, 3);
    end(&b);
}
