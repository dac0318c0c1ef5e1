/* SPDX-License-Identifier: MIT */
/* Making VMDK images: the descriptor, and extents of each kind. */
#include <inttypes.h>
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/os.h"
#include "base/strbuf.h"
#include "block/block_internal.h"
#include "block/vmdk.h"

#define GRAIN_SECTORS 128u
#define TABLE_SECTORS (VMDK_GRAINS_A_TABLE * 4 / BLOCK_SECTOR)
#define DESCRIPTOR_SECTORS 20u
#define EXTENT_BYTES (UINT64_C(2) << 30)
#define SPARSE_MAX (UINT64_C(1) << 41) /* then places of grains fit into 32 bits, nearly */

enum subformat {
    MONO_SPARSE,
    MONO_FLAT,
    SPLIT_SPARSE,
    SPLIT_FLAT,
    STREAM
};
static const char *const subformat_names[] = {"monolithicSparse",     "monolithicFlat",
                                              "twoGbMaxExtentSparse", "twoGbMaxExtentFlat",
                                              "streamOptimized",      NULL};
static const char *const adapter_names[] = {"ide", "lsilogic", "buslogic", "legacyESX", NULL};
enum {
    ADAPTER_IDE
};

#define O(name_, type_, member, initial_, help_, choices_)                                         \
    {                                                                                              \
        name_, type_, offsetof(struct vmdk_create, member), initial_, help_, choices_, false       \
    }
const struct block_option vmdk_create_options[] = {
    O("subformat", BLOCK_OPT_CHOICE, subformat, "monolithicSparse", "what the image consists of",
      subformat_names),
    O("adapter_type", BLOCK_OPT_CHOICE, adapter, "ide", "what VMware connects the disk to",
      adapter_names),
    O("hwversion", BLOCK_OPT_TEXT, hwversion, NULL, "of VMware's virtual hardware", NULL),
    O("toolsversion", BLOCK_OPT_TEXT, toolsversion, NULL, "of VMware's tools in the guest", NULL),
    O("compat6", BLOCK_OPT_BOOL, compat6, "off", "hwversion=6", NULL),
    O("zeroed_grain", BLOCK_OPT_BOOL, zeroed_grain, "off", "an entry may say zeros", NULL),
    {0},
};
#undef O

/* ---- sparse extents */

struct layout {
    uint64_t tables, copy, copy_tables, dir, dir_tables, grains; /* places are sectors */
};

static struct layout lay_out(uint64_t sectors, uint32_t descriptor)
{
    const uint64_t grains = (sectors + GRAIN_SECTORS - 1) / GRAIN_SECTORS;
    struct layout l = {.tables = (grains + VMDK_GRAINS_A_TABLE - 1) / VMDK_GRAINS_A_TABLE};
    const uint64_t dir = align_up(l.tables * 4, BLOCK_SECTOR) / BLOCK_SECTOR;
    l.copy = 1 + descriptor;
    l.copy_tables = l.copy + dir;
    l.dir = l.copy_tables + l.tables * TABLE_SECTORS;
    l.dir_tables = l.dir + dir;
    l.grains = align_up(l.dir_tables + l.tables * TABLE_SECTORS, GRAIN_SECTORS);
    return l;
}

static void make_header(uint8_t *h, const struct vmdk_create *o, uint64_t sectors,
                        uint32_t descriptor, const struct layout *l)
{
    const bool stream = o->subformat == STREAM;
    const uint32_t flags = VMDK_FLAG_LINE_ENDS | VMDK_FLAG_COPIES |
                           (stream ? VMDK_FLAG_COMPRESSED | VMDK_FLAG_MARKERS : 0) |
                           (o->zeroed_grain ? VMDK_FLAG_ZERO_GRAINS : 0);
    memset(h, 0, BLOCK_SECTOR);
    memcpy(h, VMDK_SPARSE_MAGIC, 4);
    store_le32(h + VMDK_AT_VERSION, stream ? 3 : o->zeroed_grain ? 2 : 1);
    store_le32(h + VMDK_AT_FLAGS, flags);
    store_le64(h + VMDK_AT_CAPACITY, sectors);
    store_le64(h + VMDK_AT_GRAIN, GRAIN_SECTORS);
    store_le64(h + VMDK_AT_DESCRIPTOR, descriptor ? 1 : 0);
    store_le64(h + VMDK_AT_DESCRIPTOR_SIZE, descriptor);
    store_le32(h + VMDK_AT_TABLE_ENTRIES, VMDK_GRAINS_A_TABLE);
    store_le64(h + VMDK_AT_DIR_COPY, l->copy);
    store_le64(h + VMDK_AT_DIR, l->dir);
    store_le64(h + VMDK_AT_OVERHEAD, l->grains);
    memcpy(h + VMDK_AT_LINE_ENDS, "\n \r\n", 4);
    store_le16(h + VMDK_AT_COMPRESSION, stream ? 1 : 0);
}

static int write_dir(struct block_node *file, uint64_t dir, uint64_t tables, uint64_t count)
{
    uint8_t *raw = mem_alloc((size_t)count * 4); /* at most 256 KiB */
    for (uint64_t i = 0; i < count; i++) {
        store_le32(raw + 4 * i, (uint32_t)(tables + i * TABLE_SECTORS));
    }
    int status = block_node_write(file, dir * BLOCK_SECTOR, raw, (size_t)count * 4, 0);
    mem_free(raw);
    return status;
}

/* The file's bytes are zeros where nothing is written. */
static bool make_sparse(struct block_node *file, const struct vmdk_create *o, uint64_t bytes,
                        uint32_t descriptor, struct error *e)
{
    const struct layout l = lay_out(bytes / BLOCK_SECTOR, descriptor);
    uint8_t h[BLOCK_SECTOR];
    if (!block_node_resize(file, l.grains * BLOCK_SECTOR, BLOCK_PREALLOC_OFF, e)) {
        return false;
    }
    make_header(h, o, bytes / BLOCK_SECTOR, descriptor, &l);
    int status = block_node_write(file, 0, h, sizeof(h), 0);
    status = status < 0 ? status : write_dir(file, l.copy, l.copy_tables, l.tables);
    status = status < 0 ? status : write_dir(file, l.dir, l.dir_tables, l.tables);
    return status == 0 || error_set(e, "%s: %s", block_node_file(file), strerror(-status));
}

/* ---- descriptors */

static bool is_flat(int subformat)
{
    return subformat == MONO_FLAT || subformat == SPLIT_FLAT;
}

static bool is_split(int subformat)
{
    return subformat == SPLIT_SPARSE || subformat == SPLIT_FLAT;
}

static void put_disk(struct strbuf *s, const struct vmdk_create *o, uint64_t size)
{
    const char *hw = o->hwversion ? o->hwversion : o->compat6 ? "6" : "4";
    const unsigned heads = o->adapter == ADAPTER_IDE ? 16 : 255;
    strbuf_printf(s,
                  "\n# The disk\n#DDB\n\n"
                  "ddb.virtualHWVersion = \"%s\"\n"
                  "ddb.geometry.cylinders = \"%" PRIu64 "\"\n"
                  "ddb.geometry.heads = \"%u\"\n"
                  "ddb.geometry.sectors = \"63\"\n"
                  "ddb.adapterType = \"%s\"\n"
                  "ddb.toolsVersion = \"%s\"\n",
                  hw, size / BLOCK_SECTOR / heads / 63, heads, adapter_names[o->adapter],
                  o->toolsversion ? o->toolsversion : "2147483647");
}

/* The image's name without folder and ".vmdk". */
static char *base_name(const char *name)
{
    const char *slash = strrchr(name, '/');
    const char *base = slash ? slash + 1 : name;
    const size_t n = strlen(base);
    const bool known = n > 5 && strcmp(base + n - 5, ".vmdk") == 0;
    return mem_printf("%.*s", (int)(known ? n - 5 : n), base);
}

static char *extent_name(const char *name, int subformat, unsigned i)
{
    char *base = base_name(name);
    char *full = subformat == MONO_FLAT
                     ? mem_printf("%s-flat.vmdk", base)
                     : mem_printf("%s-%c%03u.vmdk", base, is_flat(subformat) ? 'f' : 's', i + 1);
    mem_free(base);
    return full;
}

static void put_extents(struct strbuf *s, const struct block_create *c, const struct vmdk_create *o)
{
    const char *slash = strrchr(c->name, '/');
    if (!is_flat(o->subformat) && !is_split(o->subformat)) {
        strbuf_printf(s, "RW %" PRIu64 " SPARSE \"%s\"\n", c->size / BLOCK_SECTOR,
                      slash ? slash + 1 : c->name);
        return;
    }
    const uint64_t most = is_split(o->subformat) ? EXTENT_BYTES : c->size;
    for (uint64_t at = 0, i = 0; at < c->size; at += most, i++) {
        const uint64_t some = c->size - at < most ? c->size - at : most;
        char *file = extent_name(c->name, o->subformat, (unsigned)i);
        strbuf_printf(s, "RW %" PRIu64 " %s \"%s\"%s\n", some / BLOCK_SECTOR,
                      is_flat(o->subformat) ? "FLAT" : "SPARSE", file,
                      is_flat(o->subformat) ? " 0" : "");
        mem_free(file);
    }
}

/* The content ID of the image below. */
static bool parent_of(const struct block_create *c, uint32_t *cid, struct error *e)
{
    const struct block_mode m = {.no_lock = true, .repair_none = true, .no_backing = true};
    const char *slash = strrchr(c->name, '/');
    *cid = VMDK_NO_PARENT;
    if (!c->backing_file) {
        return true;
    }
    if (strlen(c->backing_file) > VMDK_NAME_MAX || strpbrk(c->backing_file, "\"\r\n")) {
        return error_set(e,
                         "backing_file: a name of up to %u characters without quotes is accepted",
                         VMDK_NAME_MAX);
    }
    char *path = c->backing_file[0] == '/' || !slash
                     ? mem_strdup(c->backing_file)
                     : mem_printf("%.*s/%s", (int)(slash - c->name), c->name, c->backing_file);
    struct block_node *n = block_node_open_name(c->graph, path, c->backing_format, &m, e);
    bool good = n != NULL;
    if (good && strcmp(block_node_driver(n), "vmdk") != 0) {
        good = error_set(e, "%s is %s, and backing files of vmdk images are vmdk ones", path,
                         block_node_driver(n));
    }
    if (good) {
        *cid = ((struct vmdk *)n->state)->cid;
    }
    block_node_close(n);
    mem_free(path);
    return good;
}

static bool put_descriptor(struct strbuf *s, const struct block_create *c, struct error *e)
{
    const struct vmdk_create *o = c->options;
    uint32_t cid, parent;
    if (!parent_of(c, &parent, e)) {
        return false;
    }
    do {
        os_random(&cid, sizeof(cid));
    } while (cid == VMDK_NO_PARENT);
    strbuf_printf(s,
                  "# Disk DescriptorFile\nversion=1\nCID=%08" PRIx32 "\nparentCID=%08" PRIx32
                  "\ncreateType=\"%s\"\n",
                  cid, parent, subformat_names[o->subformat]);
    if (c->backing_file) {
        strbuf_printf(s, "parentFileNameHint=\"%s\"\n", c->backing_file);
    }
    strbuf_printf(s, "\n# Extents\n");
    put_extents(s, c, o);
    put_disk(s, o, c->size);
    return true;
}

/* ---- images */

static bool make_extents(const struct block_create *c, const struct vmdk_create *o, struct error *e)
{
    const uint64_t most = is_split(o->subformat) ? EXTENT_BYTES : c->size;
    const char *slash = strrchr(c->name, '/');
    bool good = true;
    for (uint64_t at = 0, i = 0; good && at < c->size; at += most, i++) {
        const uint64_t some = c->size - at < most ? c->size - at : most;
        char *name = extent_name(c->name, o->subformat, (unsigned)i);
        char *path = slash ? mem_printf("%.*s/%s", (int)(slash - c->name), c->name, name)
                           : mem_strdup(name);
        struct block_node *n = block_create_file(c->graph, path, is_flat(o->subformat) ? some : 0,
                                                 e);
        good = n && (is_flat(o->subformat) || make_sparse(n, o, some, 0, e));
        block_node_close(n);
        mem_free(path);
        mem_free(name);
    }
    return good;
}

static bool refuse(const struct block_create *c, const struct vmdk_create *o, struct error *e)
{
    if (c->backing_file && is_flat(o->subformat)) {
        return error_set(e, "vmdk: backing_file: flat images stand on none");
    }
    if (o->zeroed_grain && is_flat(o->subformat)) {
        return error_set(e, "vmdk: zeroed_grain: flat images have no grains");
    }
    if (o->compat6 && o->hwversion) {
        return error_set(e, "vmdk: compat6 is hwversion=6: one of them is accepted");
    }
    if (!is_flat(o->subformat) && !is_split(o->subformat) && c->size > SPARSE_MAX) {
        return error_set(e,
                         "vmdk: %" PRIu64
                         " bytes are too many for one file: up to 2T are accepted, "
                         "more with subformat=twoGbMaxExtentSparse",
                         c->size);
    }
    if (is_split(o->subformat) && c->size > VMDK_EXTENTS_MAX * EXTENT_BYTES) {
        return error_set(e, "vmdk: %" PRIu64 " bytes are more than %u files of 2G", c->size,
                         VMDK_EXTENTS_MAX);
    }
    const char *texts[] = {o->hwversion, o->toolsversion};
    for (size_t i = 0; i < array_len(texts); i++) {
        if (texts[i] && (strspn(texts[i], "0123456789") != strlen(texts[i]) || !*texts[i])) {
            return error_set(e, "vmdk: version '%s': a number is accepted", texts[i]);
        }
    }
    return true;
}

bool vmdk_make(const struct block_create *c, struct error *e)
{
    const struct vmdk_create *o = c->options;
    const bool alone = !is_flat(o->subformat) && !is_split(o->subformat);
    struct strbuf s = {0};
    bool good = refuse(c, o, e) && put_descriptor(&s, c, e);
    if (good && alone) {
        good = make_sparse(c->file, o, c->size, DESCRIPTOR_SECTORS, e);
    } else if (good) {
        good = make_extents(c, o, e);
    }
    if (good && alone && s.len > DESCRIPTOR_SECTORS * BLOCK_SECTOR) {
        good = error_set(e, "%s: its name, and that of its backing file, are too long", c->name);
    }
    int status = good ? block_node_write(c->file, alone ? BLOCK_SECTOR : 0, s.text, s.len, 0) : 0;
    strbuf_free(&s);
    return good && (status == 0 || error_set(e, "%s: %s", c->name, strerror(-status)));
}
