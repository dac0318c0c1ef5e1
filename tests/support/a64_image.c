/* SPDX-License-Identifier: MIT */
/* See a64_image.h. ELF: System V ABI, chapter 4; tables: DDI 0487, D8.3 (stage 1, 4 KiB, 48 bits).
 */
#include "tests/support/a64_image.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"

#define STACK_ADDRESS (A64_CONTROL + 0x4000)
#define STACK_BYTES 0x8000
#define PATTERN_ADDRESS (A64_CONTROL + 0x1000)

/* ---- the harness */

struct symbol {
    const char *name;
    uint64_t value;
};

#define CONTROL_MEMBER(name, member)                                                               \
    {                                                                                              \
        "CONTROL_" name, offsetof(struct a64_control, member)                                      \
    }
#define STATE_MEMBER(name, member)                                                                 \
    {                                                                                              \
        "STATE_" name, offsetof(struct a64_state, member)                                          \
    }

static const struct symbol symbols[] = {
    {"CONTROL", A64_CONTROL},
    {"OUTPUT", A64_OUTPUT},
    {"A64_HARNESS", A64_HARNESS},
    {"MAIN", A64_MAIN},
    {"MAIN_BYTES", A64_MAIN_BYTES},
    {"EDGE", A64_EDGE},
    {"EDGE_BYTES", A64_EDGE_BYTES},
    {"STACK", STACK_ADDRESS},
    {"STACK_BYTES", STACK_BYTES},
    CONTROL_MEMBER("INPUT", input),
    CONTROL_MEMBER("LEFT", left),
    CONTROL_MEMBER("REPORT", report),
    CONTROL_MEMBER("SCTLR", sctlr),
    CONTROL_MEMBER("TCR", tcr),
    CONTROL_MEMBER("TTBR", ttbr),
    CONTROL_MEMBER("KEY", key),
    CONTROL_MEMBER("PATTERN", pattern),
    CONTROL_MEMBER("STARTED", started),
    STATE_MEMBER("SP", sp),
    STATE_MEMBER("PC", pc),
    STATE_MEMBER("FPCR", fpcr),
    STATE_MEMBER("V", v),
    STATE_MEMBER("SP_EL1", sp_el1),
    {"STATE_BYTES", sizeof(struct a64_state)},
    {"RECORD_ESR", offsetof(struct a64_record, esr)},
    {"RECORD_SIGNAL", offsetof(struct a64_record, signal)},
    {"RECORD_STATE", offsetof(struct a64_record, s)},
    {"RECORD_BYTES", sizeof(struct a64_record)},
};

static uint8_t *read_file(const char *path, size_t *bytes)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        return NULL;
    }
    fseek(f, 0, SEEK_END);
    *bytes = (size_t)ftell(f);
    rewind(f);
    uint8_t *p = mem_alloc(*bytes + 1);
    bool good = fread(p, 1, *bytes, f) == *bytes;
    fclose(f);
    if (!good) {
        mem_free(p);
        p = NULL;
    }
    return p;
}

/* Assembles the harness to a flat binary. */
static uint8_t *assemble(const char *name, const char *dir, size_t *bytes)
{
    char command[4000], binary[300];
    int n = snprintf(command, sizeof(command), "aarch64-linux-gnu-as -o %s/%s.o", dir, name);
    for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
        n += snprintf(command + n, sizeof(command) - (size_t)n, " --defsym %s=%llu",
                      symbols[i].name, (unsigned long long)symbols[i].value);
    }
    snprintf(binary, sizeof(binary), "%s/%s.bin", dir, name);
    snprintf(command + n, sizeof(command) - (size_t)n,
             " tests/insn/aarch64/%s.S && aarch64-linux-gnu-objcopy -O binary -j .text %s/%s.o %s",
             name, dir, name, binary);
    return system(command) == 0 ? read_file(binary, bytes) : NULL;
}

/* ---- page tables: the image's memory for EL1 only, code for reading by EL0 too, the window for
 * both */

enum {
    TABLE = 3,
    BLOCK = 1,
    PAGE = 3,
    AF = 1 << 10,
    INNER = 3 << 8,
    USER = 1 << 6,
    READ_ONLY = 1 << 7
};
#define UXN (UINT64_C(1) << 54)
#define PXN (UINT64_C(1) << 53)
#define BLOCK_BYTES (UINT64_C(2) << 20)

/* Four tables: level 0, 1, 2 (of the gigabyte at A64_RAM), 3 (of the window's block). */
static uint64_t *make_tables(size_t *bytes)
{
    *bytes = 4 * 4096;
    uint64_t *t = mem_alloc(*bytes), *l1 = t + 512, *l2 = t + 1024, *l3 = t + 1536;
    t[0] = (A64_TABLES + 4096) | TABLE;
    l1[A64_RAM >> 30] = (A64_TABLES + 2 * 4096) | TABLE;
    for (uint64_t a = A64_HARNESS; a < A64_OUTPUT_END; a += BLOCK_BYTES) {
        bool code = a >= A64_CODE && a < A64_CONTROL;
        uint64_t e = code ? USER | READ_ONLY : a < A64_CODE ? UXN : UXN | PXN;
        l2[(a - A64_RAM) / BLOCK_BYTES] = a | BLOCK | AF | INNER | e;
    }
    l2[(A64_WINDOW - A64_RAM) / BLOCK_BYTES] = (A64_TABLES + 3 * 4096) | TABLE;
    for (uint64_t a = A64_WINDOW; a < A64_WINDOW_END; a += 4096) {
        l3[a / 4096 % 512] = a | PAGE | AF | INNER | USER | UXN | PXN;
    }
    return t;
}

/* ---- the image */

static struct a64_control make_control(const struct a64_batch *b, enum a64_image_kind kind,
                                       unsigned count)
{
    /* DDI 0487, D23.2: M, C, SA, SA0, EOS, I, EIS, DZE, UCT, UCI, nTWI, nTWE, SPAN, LSMAOE, nTLSMD,
     * MSCEn, and PAuth */
    const uint64_t sctlr = 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 11 | 1 << 12 | 1 << 14 | 1 << 15 |
                           1 << 16 | 1 << 18 | 1 << 22 | 1 << 23 | 1 << 26 | 1 << 28 | 1 << 29 |
                           1 << 13 | 1 << 27 | UINT64_C(1) << 30 | UINT64_C(1) << 31 |
                           UINT64_C(1) << 33;
    struct a64_control c = {
        .input = A64_INPUT,
        .output = A64_OUTPUT,
        .left = count,
        .report = kind == A64_IMAGE_CHECKSUM,
        .sctlr = sctlr,
        /* T0SZ, T1SZ 16; write-back, inner shareable; EPD1; 40-bit physical addresses; TBI0, TBI1
         */
        .tcr = 16 | 0x35 << 8 | 16 << 16 | 1 << 23 | UINT64_C(2) << 30 | UINT64_C(2) << 32 |
               UINT64_C(3) << 37,
        .mair = 0xff,
        .ttbr = A64_TABLES,
        .pattern = PATTERN_ADDRESS,
    };
    struct rng r;
    rng_seed(&r, b->count);
    for (int i = 0; i < 10; i++) {
        c.key[i] = rng_u64(&r);
    }
    return c;
}

static void add(struct a64_image *image, uint64_t address, const void *data, uint64_t bytes,
                uint64_t reserved)
{
    struct a64_segment *s = &image->segment[image->segments++];
    *s = (struct a64_segment){
        .address = address,
        .bytes = bytes,
        .reserved = reserved > bytes ? reserved : bytes,
        .data = data,
        .writable = address >= A64_CONTROL,
        .executable = address < A64_CONTROL,
    };
}

static void *own(struct a64_image *image, void *p)
{
    image->owned[image->segments] = p;
    return p;
}

/* The cases' code. Under Linux what it cannot run is replaced by BRK. */
static uint32_t *make_code(const struct a64_batch *b, enum a64_image_kind kind)
{
    uint32_t *code = mem_array(b->count, A64_SLOT_BYTES);
    for (unsigned i = 0; i < b->count; i++) {
        uint32_t *slot = code + (size_t)i * A64_SLOT_WORDS;
        memcpy(slot, b->cases[i].insn, A64_SLOT_BYTES);
        if (kind == A64_IMAGE_LINUX && (b->cases[i].flags & A64_CASE_SYSTEM)) {
            slot[0] = 0xd4200000;
        }
    }
    return code;
}

static uint8_t *make_control_page(const struct a64_batch *b, enum a64_image_kind kind,
                                  unsigned count)
{
    struct a64_control c = make_control(b, kind, count);
    uint8_t *page = mem_alloc(A64_INPUT - A64_CONTROL);
    memcpy(page, &c, sizeof(c));
    memcpy(page + (PATTERN_ADDRESS - A64_CONTROL), b->pattern, A64_PATTERN_BYTES);
    return page;
}

static uint8_t *make_window(const struct a64_batch *b)
{
    uint8_t *w = mem_alloc(A64_WINDOW_END - A64_WINDOW);
    memcpy(w + (A64_MAIN - A64_WINDOW), b->pattern, A64_MAIN_BYTES);
    memcpy(w + (A64_EDGE - A64_WINDOW), b->pattern + A64_MAIN_BYTES, A64_EDGE_BYTES);
    return w;
}

bool a64_assembler_present(void)
{
    return system("command -v aarch64-linux-gnu-as aarch64-linux-gnu-objcopy > /dev/null") == 0;
}

bool a64_image_make(struct a64_image *image, const struct a64_job *job, enum a64_image_kind kind,
                    const char **why)
{
    const struct a64_batch *b = job->batch;
    unsigned first = job->first, count = job->count;
    const char *dir = job->dir;
    size_t n;
    bool user = kind == A64_IMAGE_LINUX;
    memset(image, 0, sizeof(*image));
    uint8_t *harness = assemble(user ? "harness_user" : "harness", dir, &n);
    if (!harness) {
        *why = a64_assembler_present()
                   ? "the harness cannot be assembled"
                   : "aarch64-linux-gnu-as (package binutils-aarch64-linux-gnu) is not installed";
        return false;
    }
    add(image, A64_HARNESS, own(image, harness), n, 0);
    if (!user) {
        uint64_t *tables = own(image, make_tables(&n));
        add(image, A64_TABLES, tables, n, 0);
    }
    uint64_t code_bytes = (uint64_t)b->count * A64_SLOT_BYTES;
    add(image, A64_CODE, own(image, make_code(b, kind)), code_bytes, 0);
    add(image, A64_CONTROL, own(image, make_control_page(b, kind, count)), A64_INPUT - A64_CONTROL,
        0);
    struct a64_state *states = own(image, mem_array(count, sizeof(*states)));
    for (unsigned i = 0; i < count; i++) {
        states[i] = b->cases[first + i].in;
    }
    add(image, A64_INPUT, states, (uint64_t)count * sizeof(*states), 0);
    /* some bytes stand in the file: a loader may refuse a segment without any */
    add(image, A64_OUTPUT, own(image, mem_alloc(16)), 16, A64_OUTPUT_END - A64_OUTPUT);
    add(image, A64_WINDOW, own(image, make_window(b)), A64_WINDOW_END - A64_WINDOW, 0);
    return true;
}

void a64_image_free(struct a64_image *image)
{
    for (int i = 0; i < A64_SEGMENTS; i++) {
        mem_free(image->owned[i]);
    }
}

/* ---- ELF */

static void fill_header(const struct a64_image *image, Elf64_Ehdr *h, Elf64_Phdr *p)
{
    memcpy(h->e_ident, ELFMAG, SELFMAG);
    h->e_ident[EI_CLASS] = ELFCLASS64;
    h->e_ident[EI_DATA] = ELFDATA2LSB;
    h->e_ident[EI_VERSION] = EV_CURRENT;
    h->e_type = ET_EXEC;
    h->e_machine = EM_AARCH64;
    h->e_version = EV_CURRENT;
    h->e_entry = A64_HARNESS;
    h->e_phoff = sizeof(*h);
    h->e_ehsize = sizeof(*h);
    h->e_phentsize = sizeof(*p);
    h->e_phnum = (uint16_t)image->segments;
    uint64_t at = 4096;
    for (unsigned i = 0; i < image->segments; i++) {
        const struct a64_segment *s = &image->segment[i];
        p[i] = (Elf64_Phdr){
            .p_type = PT_LOAD,
            .p_flags = PF_R | (s->writable ? PF_W : 0) | (s->executable ? PF_X : 0),
            .p_offset = at,
            .p_vaddr = s->address,
            .p_paddr = s->address,
            .p_filesz = s->bytes,
            .p_memsz = s->reserved,
            .p_align = 4096,
        };
        at += (s->bytes + 4095) & ~UINT64_C(4095);
    }
}

bool a64_image_write(const struct a64_image *image, const char *path)
{
    struct {
        Elf64_Ehdr h;
        Elf64_Phdr p[A64_SEGMENTS];
    } head = {0};
    fill_header(image, &head.h, head.p);
    FILE *f = fopen(path, "wb");
    if (!f) {
        return false;
    }
    bool good = fwrite(&head, sizeof(head), 1, f) == 1;
    for (unsigned i = 0; i < image->segments; i++) {
        const struct a64_segment *s = &image->segment[i];
        good = good && fseek(f, (long)head.p[i].p_offset, SEEK_SET) == 0 &&
               fwrite(s->data, 1, s->bytes, f) == s->bytes;
    }
    return fclose(f) == 0 && chmod(path, 0755) == 0 && good;
}

/* ---- records */

bool a64_records(const uint8_t *bytes, size_t n, unsigned count, const struct a64_record **records)
{
    for (unsigned i = 0; i < count; i++) {
        const struct a64_record *r = (const struct a64_record *)bytes;
        if (n < sizeof(*r) || r->bytes > n || r->changes > A64_MAX_CHANGES ||
            r->bytes != sizeof(*r) + r->changes * sizeof(struct a64_change)) {
            return false;
        }
        records[i] = r;
        bytes += r->bytes;
        n -= r->bytes;
    }
    return true;
}

uint64_t a64_record_checksum(const struct a64_record *r)
{
    uint64_t sum = 0, word;
    for (uint64_t at = 0; at < r->bytes; at += 8) {
        memcpy(&word, (const uint8_t *)r + at, 8);
        sum = (sum ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        sum ^= sum >> 29;
    }
    return sum;
}
