/* SPDX-License-Identifier: MIT */
/* tests/run: timeout 900 */
/* Every writable format survives power cuts (tests/support/power_cut.h). A new one is a row. */
#include "tests/support/power_cut.h"
#include "base/bits.h"
#include "tests/support/recorder.h"
#include "tests/test.h"

#define MIB (1u << 20)

/* 2,000 cuts of each; at a larger scale 5,000 for each step of it. */
static unsigned cuts_wanted(void)
{
    return test_scale() == 1 ? 2000 : 5000 * test_scale();
}

static void survive(const struct power_cut_plan *p)
{
    struct power_cut_result r;
    struct error e = {{0}};
    CHECK_MSG(power_cut_run(p, test_seed(), cuts_wanted(), &r, &e), "%s", e.text);
    printf("# %s: %u writes, %u flushes, %u cuts, %u to repair\n", p->format, r.writes, r.flushes,
           r.cuts, r.dirty);
    CHECK(r.writes > p->operations / 3 && r.flushes > p->operations / 20);
    CHECK_EQ(r.cuts, cuts_wanted());
}

TEST(raw_survives_power_cuts)
{
    survive(&(struct power_cut_plan){.format = "raw", .disk_bytes = MIB, .operations = 300});
}

TEST(qcow2_survives_power_cuts)
{
    survive(&(struct power_cut_plan){.format = "qcow2", .disk_bytes = MIB, .operations = 300});
}

/* Tables of both kinds grow on the way, and leave memory. */
TEST(qcow2_with_small_clusters_and_caches_survives_power_cuts)
{
    survive(
        &(struct power_cut_plan){.format = "qcow2",
                                 .options = "{\"cluster_size\": 512, \"refcount_bits\": 64}",
                                 .open = "{\"l2-cache-size\": 2048, \"refcount-cache-size\": 2048}",
                                 .disk_bytes = MIB,
                                 .operations = 300});
}

TEST(qcow2_with_extended_l2_survives_power_cuts)
{
    survive(
        &(struct power_cut_plan){.format = "qcow2",
                                 .options = "{\"cluster_size\": \"16K\", \"extended_l2\": true}",
                                 .disk_bytes = MIB,
                                 .operations = 300});
}

/* The refcounts that were held back are made anew when the image is opened. */
TEST(qcow2_with_lazy_refcounts_survives_power_cuts)
{
    survive(
        &(struct power_cut_plan){.format = "qcow2",
                                 .options = "{\"cluster_size\": \"4K\", \"lazy_refcounts\": true}",
                                 .disk_bytes = MIB,
                                 .operations = 300});
}

TEST(qcow2_of_version_2_survives_power_cuts)
{
    survive(&(struct power_cut_plan){.format = "qcow2",
                                     .options = "{\"cluster_size\": \"4K\", \"compat\": \"0.10\"}",
                                     .disk_bytes = MIB,
                                     .operations = 300});
}

/* Snapshots come and go; none is gone back to, so that the disk is what was written. */
static bool some_snapshots(struct block_node *n, unsigned operation, struct error *e)
{
    char name[16], old[16];
    if (operation % 20) {
        return true;
    }
    snprintf(name, sizeof(name), "s%u", operation);
    snprintf(old, sizeof(old), "s%u", operation - 40);
    return block_node_snapshot_create(n, &(struct block_snapshot){.name = name}, e) &&
           (operation <= 40 || block_node_snapshot_delete(n, old, e));
}

TEST(qcow2_survives_power_cuts_while_snapshots_are_made)
{
    survive(&(struct power_cut_plan){.format = "qcow2",
                                     .options = "{\"cluster_size\": \"4K\"}",
                                     .disk_bytes = MIB,
                                     .operations = 200,
                                     .repair = true,
                                     .extra = some_snapshots});
}

TEST(vdi_survives_power_cuts)
{
    survive(&(struct power_cut_plan){
        .format = "vdi", .disk_bytes = 4 * MIB - 1024, .operations = 300, .repair = true});
}

TEST(vpc_survives_power_cuts)
{
    survive(&(struct power_cut_plan){.format = "vpc",
                                     .options = "{\"force_size\":true}",
                                     .disk_bytes = 8 * MIB - 1024,
                                     .operations = 200});
    survive(&(struct power_cut_plan){.format = "vpc",
                                     .options = "{\"force_size\":true,\"subformat\":\"fixed\"}",
                                     .disk_bytes = MIB,
                                     .operations = 200});
}

TEST(parallels_survives_power_cuts)
{
    survive(&(struct power_cut_plan){.format = "parallels",
                                     .options = "{\"cluster_size\":65536}",
                                     .disk_bytes = 2 * MIB - 512,
                                     .operations = 300});
}

TEST(vmdk_survives_power_cuts)
{
    survive(
        &(struct power_cut_plan){.format = "vmdk", .disk_bytes = 2 * MIB - 512, .operations = 300});
}

TEST(compressed_vmdk_survives_power_cuts)
{
    survive(&(struct power_cut_plan){.format = "vmdk",
                                     .options = "{\"subformat\":\"streamOptimized\"}",
                                     .disk_bytes = MIB - 512,
                                     .operations = 200});
}

/* A descriptor, "0", and two extents that it names. */
static bool make_split(struct block_graph *g, const char *folder, struct error *e)
{
    json_t *o = json_pack("{s:i,s:s}", "size", MIB, "subformat", "twoGbMaxExtentSparse");
    bool good = true;
    for (unsigned i = 1; good && i <= 2; i++) {
        char made[100], extent[100], part[100];
        snprintf(made, sizeof(made), "%s/part%u.vmdk", folder, i);
        snprintf(part, sizeof(part), "%s/part%u-s001.vmdk", folder, i);
        snprintf(extent, sizeof(extent), "%s/%u", folder, i);
        good = block_image_create(g, "vmdk", made, o, e) && rename(part, extent) == 0;
    }
    json_decref(o);
    char path[100];
    snprintf(path, sizeof(path), "%s/0", folder);
    FILE *f = good ? fopen(path, "w") : NULL;
    good = f && fprintf(f, "# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=ffffffff\n"
                           "createType=\"twoGbMaxExtentSparse\"\nRW 2048 SPARSE \"1\"\n"
                           "RW 2048 SPARSE \"2\"\n") > 0;
    return f && fclose(f) == 0 && good;
}

TEST(split_vmdk_survives_power_cuts)
{
    survive(&(struct power_cut_plan){.format = "vmdk",
                                     .make = make_split,
                                     .children = {"extents.0", "extents.1"},
                                     .disk_bytes = 2 * MIB,
                                     .operations = 300});
}

TEST(vhdx_survives_power_cuts)
{
    survive(&(struct power_cut_plan){.format = "vhdx",
                                     .options = "{\"block_size\":1048576}",
                                     .disk_bytes = 6 * MIB - 512,
                                     .operations = 200});
}

/* A backing file of data, though it is zeros: parts of clusters are copied, discards leave marks.
 */
TEST(qcow2_on_a_backing_file_survives_power_cuts)
{
    static const char open[] =
        "{\"backing\": {\"driver\": \"null-co\", \"size\": 700416, \"read-zeroes\": true}}";
    survive(&(struct power_cut_plan){.format = "qcow2",
                                     .options = "{\"cluster_size\": \"16K\"}",
                                     .open = open,
                                     .disk_bytes = MIB,
                                     .operations = 300});
    survive(
        &(struct power_cut_plan){.format = "qcow2",
                                 .options = "{\"cluster_size\": \"16K\", \"extended_l2\": true}",
                                 .open = open,
                                 .disk_bytes = MIB,
                                 .operations = 300});
}

/* What a cluster has is written again, packed. */
static bool pack_again(struct block_node *n, unsigned operation, struct error *e)
{
    static uint8_t cluster[16384];
    const uint64_t at = operation * 7 % (MIB / sizeof(cluster)) * sizeof(cluster);
    int status = block_node_read(n, at, cluster, sizeof(cluster));
    status = status < 0 || operation % 2 ? status
                                         : block_node_write_packed(n, at, cluster, sizeof(cluster));
    return status == 0 || error_set(e, "a packed write: %s", strerror(-status));
}

TEST(qcow2_survives_power_cuts_while_clusters_are_packed)
{
    survive(&(struct power_cut_plan){.format = "qcow2",
                                     .options = "{\"cluster_size\": \"16K\"}",
                                     .disk_bytes = MIB,
                                     .operations = 300,
                                     .extra = pack_again});
}

static bool change_options(struct block_node *n, const char *text, struct error *e)
{
    json_t *o = json_loads(text, 0, NULL);
    bool good = block_node_amend(n, o, e);
    json_decref(o);
    return good;
}

/* The image as a whole is changed, and its disk is not. */
static bool change_image(struct block_node *n, unsigned operation, struct error *e)
{
    const struct block_bitmap_request add = {.action = BLOCK_BITMAP_ADD, .name = "b"};
    const struct block_bitmap_request drop = {.action = BLOCK_BITMAP_REMOVE, .name = "b"};
    struct block_snapshot s = {.name = (char *)(uintptr_t) "s"};
    uint8_t state[5000] = {1};
    switch (operation % 50) {
    case 5:
        s.vm_state_bytes = sizeof(state);
        return block_node_state_write(n, 0, state, sizeof(state)) == 0 &&
               block_node_snapshot_create(n, &s, e) && block_node_snapshot_apply(n, "s", e);
    case 12:
        return block_node_snapshot_delete(n, "s", e);
    case 20:
    case 40:
        return block_node_resize(n, 3 * MIB, BLOCK_PREALLOC_OFF, e) &&
               block_node_resize(n, MIB, BLOCK_PREALLOC_OFF, e);
    case 25:
        return change_options(n, "{\"refcount_bits\": 64}", e);
    case 30:
        return change_options(n, "{\"refcount_bits\": 8}", e);
    case 35:
        return block_node_bitmap(n, &add, e);
    case 45:
        return block_node_bitmap(n, &drop, e);
    default:
        return true;
    }
}

TEST(qcow2_survives_power_cuts_while_it_is_changed_as_a_whole)
{
    survive(&(struct power_cut_plan){.format = "qcow2",
                                     .options = "{\"cluster_size\": \"4K\"}",
                                     .disk_bytes = MIB,
                                     .operations = 200,
                                     .repair = true,
                                     .extra = change_image});
}

/* The first cluster is written anew. */
static bool change_header(struct block_node *n, unsigned operation, struct error *e)
{
    const struct block_bitmap_request add = {.action = BLOCK_BITMAP_ADD, .name = "b"};
    const struct block_bitmap_request drop = {.action = BLOCK_BITMAP_REMOVE, .name = "b"};
    char name[900];
    memset(name, 'n', sizeof(name));
    name[operation + 500] = '\0';
    switch (operation % 50) {
    case 5:
    case 8:
        return block_node_set_backing(n, name, "raw", e);
    case 10:
        return block_node_bitmap(n, &add, e);
    case 15:
        return block_node_set_backing(n, NULL, NULL, e);
    case 20:
        return block_node_bitmap(n, &drop, e);
    case 25:
        return change_options(n, "{\"compat\": \"0.10\"}", e);
    case 30:
        return block_node_set_backing(n, "short", "qcow2", e);
    case 35:
        return change_options(n, "{\"compat\": \"1.1\"}", e);
    case 40:
        return block_node_set_backing(n, NULL, NULL, e);
    default:
        return true;
    }
}

TEST(qcow2_survives_power_cuts_while_its_header_is_changed)
{
    static const char *const sizes[] = {"{\"cluster_size\": \"4K\"}",
                                        "{\"cluster_size\": \"64K\"}"};
    for (unsigned i = 0; i < array_len(sizes); i++) {
        survive(&(struct power_cut_plan){.format = "qcow2",
                                         .options = sizes[i],
                                         .open = "{\"backing\": null}",
                                         .disk_bytes = MIB,
                                         .operations = 200,
                                         .extra = change_header});
    }
}

/* Tables in one file, the disk's bytes in another. */
static bool make_with_data_file(struct block_graph *g, const char *folder, struct error *e)
{
    char table[100], bytes[100];
    snprintf(table, sizeof(table), "%s/0", folder);
    snprintf(bytes, sizeof(bytes), "%s/1", folder);
    json_t *o = json_pack("{s:i,s:i,s:s}", "size", MIB, "cluster_size", 16384, "data_file", bytes);
    const bool good = block_image_create(g, "qcow2", table, o, e);
    json_decref(o);
    return good;
}

TEST(qcow2_with_a_data_file_survives_power_cuts)
{
    survive(&(struct power_cut_plan){.format = "qcow2",
                                     .make = make_with_data_file,
                                     .children = {"data-file"},
                                     .disk_bytes = MIB,
                                     .operations = 300});
}

/* ---- the harness itself notices */

/* A driver that says that a flush is done, and does none. */
static bool forgetful_flush(struct block_node *n, unsigned operation, struct error *e)
{
    (void)e;
    if (operation == 1) {
        recorder_of(n->file)->lose_flushes = true;
    }
    return true;
}

TEST(a_flush_that_is_not_done_is_noticed)
{
    struct power_cut_result r;
    struct error e = {{0}};
    CHECK(!power_cut_run(
        &(struct power_cut_plan){
            .format = "raw", .disk_bytes = MIB, .operations = 300, .extra = forgetful_flush},
        test_seed(), 2000, &r, &e));
    CHECK_MSG(strstr(e.text, "has what operation") != NULL, "%s", e.text);
}
