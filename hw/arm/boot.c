/* SPDX-License-Identifier: MIT */
/*
 * Starting an AArch64 guest without firmware: see boot.h.
 *
 * A kernel file is recognized by its contents. What is compressed is decompressed and looked at
 * again, once. An Image is not copied: it is read from its file into guest memory at each reset.
 */
#include "hw/arm/boot.h"

#include <inttypes.h>
#include <string.h>

#include "base/bits.h"
#include "base/cursor.h"
#include "base/mem.h"
#include "cpu/arm.h"
#include "hw/decompress.h"
#include "hw/elf.h"
#include "hw/ihex.h"
#include "hw/uimage.h"

#define MIB (UINT64_C(1) << 20)
#define HEAD_BYTES 4096    /* enough to recognize a kernel and read an Image's headers */
#define RAW_OFFSET 0x80000 /* into RAM: where kernels without a header, or with an old one, go */

/* A kernel file or what was unpacked from it. */
struct kernel {
    char *what;             /* "-kernel PATH" */
    struct image_file file; /* open if bytes is NULL */
    uint8_t *bytes;         /* owned */
    size_t size;
    uint8_t head[HEAD_BYTES]; /* its first bytes */
    size_t head_size;
};

/* ---- recognizing */

static bool starts(const struct kernel *k, size_t at, const char *magic, size_t n)
{
    return k->head_size >= at + n && memcmp(k->head + at, magic, n) == 0;
}

static bool is_image(const struct kernel *k)
{
    return starts(k, 0x38, "ARM\x64", 4);
}

static bool is_gzip(const struct kernel *k)
{
    return starts(k, 0, "\x1f\x8b", 2);
}

static bool is_zstd(const struct kernel *k)
{
    return starts(k, 0, "\x28\xb5\x2f\xfd", 4);
}

static bool is_zboot(const struct kernel *k)
{
    return starts(k, 0, "MZ", 2) && starts(k, 4, "zimg", 4);
}

/* What a file is that is no AArch64 kernel; NULL: nothing that is known, so it may be one. */
static const char *foreign_name(const struct kernel *k)
{
    if (starts(k, 0x202, "HdrS", 4)) {
        return "an x86 Linux kernel";
    }
    if (starts(k, 0x24, "\x18\x28\x6f\x01", 4)) {
        return "a 32-bit Arm Linux kernel (zImage)";
    }
    if (starts(k, 0x38, "RSC\x05", 4)) {
        return "a RISC-V Linux kernel";
    }
    if (starts(k, 0, "\xd0\x0d\xfe\xed", 4)) {
        return "a device tree";
    }
    if (starts(k, 0, "070701", 6)) {
        return "a cpio archive, as initial RAM disks are";
    }
    if (starts(k, 0, "MZ", 2)) {
        return "an EFI program, not a kernel";
    }
    if (ihex_is(k->head, k->head_size)) {
        return "an Intel HEX file";
    }
    return k->size ? NULL : "empty";
}

/* ---- the file */

static void look_at_head(struct kernel *k)
{
    k->head_size = k->size < HEAD_BYTES ? k->size : HEAD_BYTES;
    if (k->bytes) {
        memcpy(k->head, k->bytes, k->head_size);
    } else if (!image_read(&k->file, 0, k->head, k->head_size)) {
        k->head_size = 0;
    }
}

static bool kernel_open(struct kernel *k, const char *path, struct error *e)
{
    if (!image_open(&k->file, "-kernel", path, e)) {
        return false;
    }
    k->what = mem_printf("-kernel %s", path);
    k->size = k->file.size;
    look_at_head(k);
    return true;
}

/* Makes the kernel one that is in our memory. */
static void kernel_replace(struct kernel *k, uint8_t *bytes, size_t n)
{
    mem_free(k->bytes);
    image_close(&k->file);
    k->bytes = bytes;
    k->size = n;
    look_at_head(k);
}

static bool kernel_read(struct kernel *k, uint64_t max, struct error *e)
{
    if (k->bytes) {
        return true;
    }
    uint8_t *bytes = image_read_all(&k->file, "-kernel", max, e);
    if (bytes) {
        kernel_replace(k, bytes, k->size);
    }
    return bytes != NULL;
}

static void kernel_close(struct kernel *k)
{
    mem_free(k->bytes);
    mem_free(k->what);
    image_close(&k->file);
}

/* ---- compressed kernels */

/* EFI zboot: a small EFI program with the compressed Image at an offset that its header gives. */
static bool zboot_payload(const struct kernel *k, struct cursor *payload, bool *zstd,
                          struct error *e)
{
    struct cursor c;
    uint32_t offset = 0, size = 0;
    char type[8] = "";
    cursor_init(&c, k->bytes, k->size);
    if (!cursor_seek(&c, 8) || !cursor_le32(&c, &offset) || !cursor_le32(&c, &size) ||
        !cursor_seek(&c, 24) || !cursor_bytes(&c, type, 7) ||
        !cursor_at(&c, offset, size, payload)) {
        return error_set(e, "%s: the EFI zboot image is truncated", k->what);
    }
    *zstd = strncmp(type, "zstd", 4) == 0;
    if (!*zstd && strncmp(type, "gzip", 4) != 0) {
        return error_set(e, "%s: EFI zboot image compressed by %s; gzip and zstd can be read",
                         k->what, type);
    }
    return true;
}

static bool unpack(struct kernel *k, uint64_t max, struct error *e)
{
    bool zstd = is_zstd(k);
    if (!zstd && !is_gzip(k) && !is_zboot(k)) {
        return true;
    }
    if (!kernel_read(k, max, e)) {
        return false;
    }
    struct cursor payload;
    cursor_init(&payload, k->bytes, k->size);
    if (is_zboot(k) && !zboot_payload(k, &payload, &zstd, e)) {
        return false;
    }
    struct unpacked out;
    if (!(zstd ? decompress_zstd : decompress_gzip)(k->what, payload.data, payload.len, max, &out,
                                                    e)) {
        return false;
    }
    kernel_replace(k, out.bytes, out.n);
    return true;
}

/* ---- raw */

/* The file, as it is, that far into RAM, where it takes size bytes and begins. */
static bool place_at(struct arm_boot *b, struct kernel *k, uint64_t offset, uint64_t size,
                     struct error *e)
{
    if (offset > b->ram_bytes || size > b->ram_bytes - offset) {
        return error_set(e,
                         "%s: the kernel needs %" PRIu64 " MiB at 0x%" PRIx64
                         " and does not fit into %" PRIu64 " MiB of memory (-m)",
                         k->what, (size + MIB - 1) / MIB, b->ram_base + offset, b->ram_bytes / MIB);
    }
    b->contract = ARM_BOOT_LINUX;
    b->entry = b->kernel_low = b->ram_base + offset;
    b->kernel_high = b->kernel_low + size;
    struct placement p = {
        .what = k->what, .base = b->entry, .size = k->size, .bytes = k->bytes, .file = k->file};
    k->bytes = NULL;
    k->file = (struct image_file){0};
    return placements_add(b->placements, &p, e);
}

/* ---- Image (Linux, booting.rst) */

/* An Image that is also an EFI program lists its sections: all that are in the file must be there.
 */
static bool sections_complete(const struct kernel *k)
{
    struct cursor c;
    uint32_t pe_at, magic, bytes, at;
    uint16_t sections, optional_bytes;
    cursor_init(&c, k->head, k->head_size);
    if (!starts(k, 0, "MZ", 2) || !cursor_seek(&c, 0x3c) || !cursor_le32(&c, &pe_at) ||
        !cursor_seek(&c, pe_at) || !cursor_le32(&c, &magic) || magic != 0x00004550 ||
        !cursor_skip(&c, 2) || !cursor_le16(&c, &sections) || !cursor_skip(&c, 12) ||
        !cursor_le16(&c, &optional_bytes) || !cursor_skip(&c, 2) ||
        !cursor_skip(&c, optional_bytes)) {
        return true; /* no EFI program */
    }
    for (unsigned i = 0; i < sections; i++) {
        if (!cursor_skip(&c, 16) || !cursor_le32(&c, &bytes) || !cursor_le32(&c, &at) ||
            !cursor_skip(&c, 16)) {
            return k->size > HEAD_BYTES; /* a longer list than we look at */
        }
        if ((uint64_t)at + bytes > k->size) {
            return false;
        }
    }
    return true;
}

/* Its place is 2 MiB aligned plus text_offset, and leaves the first page of RAM free. Whichever
 * byte order it wants, it begins in code that sets it. */
static bool place_image(struct arm_boot *b, struct kernel *k, struct error *e)
{
    uint64_t text_offset = load_le64(k->head + 8), image_size = load_le64(k->head + 16);
    if (!sections_complete(k)) {
        return error_set(e, "%s: the kernel is truncated", k->what);
    }
    if (image_size == 0) { /* before Linux 3.17 */
        text_offset = RAW_OFFSET;
    } else if (text_offset < 4096) {
        text_offset += 2 * MIB;
    }
    return place_at(b, k, text_offset, image_size > k->size ? image_size : k->size, e);
}

/* ---- uImage */

/* Architectures in its header. */
enum {
    UIMAGE_ARM = 2,
    UIMAGE_ARM64 = 22
};

/* QEMU takes those for 32-bit Arm too, which some build systems write for either. */
static bool check_uimage(const struct kernel *k, const struct uimage *u, struct error *e)
{
    if ((u->arch != UIMAGE_ARM64 && u->arch != UIMAGE_ARM) || u->type != UIMAGE_KERNEL) {
        return error_set(e, "%s: a uImage, but no AArch64 kernel (architecture %u, type %u)",
                         k->what, u->arch, u->type);
    }
    return true;
}

static bool place_uimage(struct arm_boot *b, struct kernel *k, struct error *e)
{
    struct uimage u;
    struct unpacked out;
    if (!kernel_read(k, b->ram_bytes, e) || !uimage_read(k->what, k->bytes, k->size, &u, e) ||
        !check_uimage(k, &u, e) || !uimage_unpack(k->what, &u, b->ram_bytes, &out, e)) {
        return false;
    }
    b->contract = u.os == UIMAGE_LINUX ? ARM_BOOT_LINUX : ARM_BOOT_BARE;
    b->entry = u.entry;
    b->kernel_low = u.load;
    b->kernel_high = u.load + (uint64_t)out.n;
    struct placement p = {.what = k->what, .base = u.load, .size = out.n, .bytes = out.bytes};
    return placements_add(b->placements, &p, e);
}

/* ---- ELF */

static bool place_elf(struct arm_boot *b, struct kernel *k, struct error *e)
{
    struct elf_info info;
    if (!kernel_read(k, UINT64_MAX, e)) {
        return false;
    }
    const struct elf_file file = {k->what, k->bytes, k->size};
    if (!elf_place(&file, aarch64_arch.elf, b->placements, &info, e)) {
        return false;
    }
    b->contract = ARM_BOOT_ELF;
    b->entry = info.entry;
    b->kernel_low = info.low;
    b->kernel_high = info.high;
    return true;
}

/* ---- all together */

static bool place_kernel(struct arm_boot *b, struct kernel *k, struct error *e)
{
    if (!unpack(k, b->ram_bytes, e)) {
        return false;
    }
    if (elf_is(k->head, k->head_size)) {
        return place_elf(b, k, e);
    }
    if (uimage_is(k->head, k->head_size)) {
        return place_uimage(b, k, e);
    }
    if (is_image(k)) {
        return place_image(b, k, e);
    }
    const char *foreign = foreign_name(k);
    if (!foreign) {
        return place_at(b, k, RAW_OFFSET, k->size, e);
    }
    return error_set(e,
                     "%s: %s. AArch64 kernels are Image (also in gzip, zstd or EFI zboot), ELF, "
                     "uImage or raw; -device loader,file=,addr= loads anything",
                     k->what, foreign);
}

/* Half way into RAM, but not more than 128 MiB, and behind the kernel. */
static paddr initrd_address(const struct arm_boot *b)
{
    uint64_t half = b->ram_bytes / 2;
    paddr a = b->ram_base + (half < 128 * MIB ? half : 128 * MIB);
    return align_up(a > b->kernel_high ? a : b->kernel_high, 4096);
}

/* A uImage's header stays behind; the kernel looks for itself whether what follows is compressed.
 * Whatever else there is goes into memory as it is. */
static bool skip_uimage(struct placement *p, const char *path, struct error *e)
{
    uint8_t head[UIMAGE_BYTES];
    struct uimage u;
    p->size = p->file.size;
    if (p->size < UIMAGE_BYTES || !image_read(&p->file, 0, head, UIMAGE_BYTES) ||
        !uimage_is(head, UIMAGE_BYTES)) {
        return true;
    }
    uint8_t *bytes = image_read_all(&p->file, "-initrd", UINT32_MAX, e);
    char *what = mem_printf("-initrd %s", path);
    bool good = bytes && uimage_read(what, bytes, p->file.size, &u, e);
    if (good && u.type != UIMAGE_RAMDISK) {
        good = error_set(e, "%s: a uImage, but no RAM disk (type %u)", what, u.type);
    } else if (good) {
        p->offset = UIMAGE_BYTES;
        p->size = u.size;
    }
    mem_free(what);
    mem_free(bytes);
    return good;
}

static bool place_initrd(struct arm_boot *b, const char *path, struct error *e)
{
    struct placement p = {.what = "the initial RAM disk"};
    if (!image_open(&p.file, "-initrd", path, e)) {
        return false;
    }
    if (!skip_uimage(&p, path, e)) {
        image_close(&p.file);
        return false;
    }
    p.base = b->initrd_start = initrd_address(b);
    b->initrd_end = b->initrd_start + p.size;
    if (p.size > b->ram_base + b->ram_bytes - b->initrd_start) {
        image_close(&p.file);
        return error_set(e,
                         "-initrd %s: its %" PRIu64 " MiB at 0x%" PRIx64 " do not fit into %" PRIu64
                         " MiB of memory (-m)",
                         path, (p.size + MIB - 1) / MIB, p.base, b->ram_bytes / MIB);
    }
    return placements_add(b->placements, &p, e);
}

bool arm_boot_load(struct arm_boot *b, const struct machine_config *config, struct error *e)
{
    b->kernel_low = b->kernel_high = b->ram_base;
    b->initrd_start = b->initrd_end = initrd_address(b);
    b->contract = ARM_BOOT_NONE;
    if (!config->kernel) {
        return (!config->initrd || error_set(e, "-initrd: needs -kernel")) &&
               (!config->append || error_set(e, "-append: needs -kernel"));
    }
    struct kernel k = {0};
    bool good = kernel_open(&k, config->kernel, e) && place_kernel(b, &k, e);
    kernel_close(&k);
    if (good && b->kernel_high > b->ram_base + b->ram_bytes) {
        good = error_set(
            e, "-kernel %s: it ends at 0x%" PRIx64 ", behind the end of memory at 0x%" PRIx64,
            config->kernel, b->kernel_high, b->ram_base + b->ram_bytes);
    }
    b->has_kernel = good;
    b->initrd_start = b->initrd_end = initrd_address(b);
    return good && (!config->initrd || place_initrd(b, config->initrd, e));
}

/*
 * A Linux kernel's is behind its initial RAM disk. Without a kernel, or with an ELF file that
 * leaves room there, it is at the start of RAM; where it would lie under the file there is none.
 */
bool arm_boot_place_dtb(struct arm_boot *b, size_t bytes, struct error *e)
{
    const paddr end = b->ram_base + b->ram_bytes;
    const bool room = b->kernel_high <= b->ram_base ||
                      (b->kernel_low >= b->ram_base && b->kernel_low - b->ram_base >= bytes);
    b->has_dtb = b->contract == ARM_BOOT_LINUX || b->contract == ARM_BOOT_NONE ||
                 (b->contract == ARM_BOOT_ELF && room);
    b->dtb = b->contract == ARM_BOOT_LINUX ? align_up(b->initrd_end, 2 * MIB) : b->ram_base;
    if (b->has_dtb && (b->dtb > end || bytes > end - b->dtb)) {
        return error_set(e,
                         "the device tree of %zu bytes at 0x%" PRIx64 " does not fit into %" PRIu64
                         " MiB of memory (-m)",
                         bytes, b->dtb, b->ram_bytes / MIB);
    }
    return true;
}

bool arm_boot_set_dtb(struct arm_boot *b, uint8_t *bytes, size_t n, struct error *e)
{
    if (!b->has_dtb) {
        mem_free(bytes);
        return true;
    }
    b->dtb_size = n;
    return placements_add(
        b->placements,
        &(struct placement){.what = "the device tree", .base = b->dtb, .size = n, .bytes = bytes},
        e);
}
