/* SPDX-License-Identifier: MIT */
/*
 * dump-guest-memory: RAM and the registers of all CPUs as an ELF core file, which gdb and crash
 * read. It is always of 64 bits, as RAM may lie anywhere; addresses in it are physical.
 */
#include <assert.h>
#include <elf.h>
#include <inttypes.h>
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/new_file.h"
#include "cpu/arch.h"
#include "cpu/core_note.h"
#include "cpu/cpu.h"
#include "monitor/commands.h"
#include "monitor/gdb_xml.h"

enum {
    RANGES_MAX = 1024 /* pieces of RAM that differ in the map */
};

struct ram_range {
    paddr base;
    uint64_t size;
};

struct core {
    struct call *call;
    struct machine *machine;
    const struct arch_elf *form;
    uint64_t begin, end; /* what is wanted, the last byte included */
    struct ram_range ranges[RANGES_MAX];
    unsigned count;
    struct strbuf notes;
};

/* ---- what there is */

/* Cuts the view to what is wanted, and lists it if it is RAM. false: there are too many. */
static bool list_view(struct core *k, const struct mem_view *v)
{
    const uint64_t last = v->base + (v->size - 1);
    const uint64_t from = v->base > k->begin ? v->base : k->begin;
    const uint64_t to = last < k->end ? last : k->end;

    if (v->range->kind != RANGE_RAM || from > to) {
        return true;
    }
    if (k->count && k->ranges[k->count - 1].base + k->ranges[k->count - 1].size == from) {
        k->ranges[k->count - 1].size += to - from + 1;
        return true;
    }
    if (k->count == RANGES_MAX) {
        strbuf_printf(k->call->out, "the guest has RAM in more than %d pieces\n", RANGES_MAX);
        return false;
    }
    k->ranges[k->count++] = (struct ram_range){from, to - from + 1};
    return true;
}

static bool list_ram(struct core *k)
{
    struct mem_view v;
    paddr a = 0;
    while (space_find_next(k->machine->memory, a, &v)) {
        if (!list_view(k, &v)) {
            return false;
        }
        a = v.base + v.size;
        if (a == 0) {
            break; /* the view ended where addresses end */
        }
    }
    if (!k->count) {
        strbuf_puts(k->call->out, "there is no RAM between those addresses\n");
    }
    return k->count > 0;
}

/* ---- registers */

/* The register in the guest's order, in size bytes. */
static void put_register(uint8_t *to, struct vcpu *v, const struct cpu_reg *r, unsigned size)
{
    uint8_t bytes[16] = {0};
    assert(r->bits <= 128 && size <= sizeof(bytes));
    vcpu_read_register(v, r, bytes);
    for (unsigned i = 0; i < size; i++) {
        to[v->cls->big_endian ? size - 1 - i : i] = bytes[i];
    }
}

static void put_number(struct strbuf *out, const struct cpu_class *cls, uint32_t value)
{
    uint8_t bytes[4];
    cls->big_endian ? store_be32(bytes, value) : store_le32(bytes, value);
    strbuf_bytes(out, bytes, sizeof(bytes));
}

static void put_note(struct strbuf *out, struct vcpu *v, const struct core_note *n)
{
    static const char owner[8] = "CORE";
    uint8_t *contents = mem_alloc(n->bytes);

    for (unsigned i = 0; i < CORE_PARTS && n->parts[i].size; i++) {
        const struct core_part *p = &n->parts[i];
        for (int number = p->first; number <= p->last; number++) {
            const struct cpu_reg *r = gdb_find_register(v->cls, (unsigned)number);
            if (r) {
                put_register(contents + p->at + (number - p->first) * p->size, v, r, p->size);
            }
        }
    }
    if (n->pid_at) {
        const uint32_t pid = v->index + 1;
        uint8_t *at = contents + n->pid_at;
        v->cls->big_endian ? store_be32(at, pid) : store_le32(at, pid);
    }
    put_number(out, v->cls, 5);
    put_number(out, v->cls, n->bytes);
    put_number(out, v->cls, n->type);
    strbuf_bytes(out, owner, sizeof(owner));
    strbuf_bytes(out, contents, n->bytes); /* a multiple of 4 */
    mem_free(contents);
}

static void list_notes(struct core *k)
{
    for (unsigned i = 0; i < k->machine->vcpu_count; i++) {
        struct vcpu *v = k->machine->vcpus[i];
        for (const struct core_note *n = v->cls->core_notes; n && n->type; n++) {
            put_note(&k->notes, v, n);
        }
    }
}

/* ---- the file */

/* A field of a header, in the guest's order. */
static void put_field(const struct core *k, void *field, unsigned bytes, uint64_t value)
{
    for (unsigned i = 0; i < bytes; i++) {
        ((uint8_t *)field)[k->form->big_endian ? bytes - 1 - i : i] = (uint8_t)(value >> 8 * i);
    }
}

#define PUT(k, header, member, value) put_field(k, &(header).member, sizeof((header).member), value)

static void write_header(const struct core *k, struct new_file *f)
{
    Elf64_Ehdr h = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
                                k->form->big_endian ? ELFDATA2MSB : ELFDATA2LSB, EV_CURRENT}};
    PUT(k, h, e_type, ET_CORE);
    PUT(k, h, e_machine, k->form->machine);
    PUT(k, h, e_version, EV_CURRENT);
    PUT(k, h, e_phoff, sizeof(h));
    PUT(k, h, e_ehsize, sizeof(h));
    PUT(k, h, e_phentsize, sizeof(Elf64_Phdr));
    PUT(k, h, e_phnum, 1 + k->count);
    new_file_put(f, &h, sizeof(h));
}

static void write_segment(const struct core *k, struct new_file *f, unsigned type, uint64_t at,
                          const struct ram_range *r)
{
    Elf64_Phdr p = {0};
    PUT(k, p, p_type, type);
    PUT(k, p, p_flags, type == PT_LOAD ? PF_R | PF_W | PF_X : PF_R);
    PUT(k, p, p_offset, at);
    PUT(k, p, p_vaddr, r->base);
    PUT(k, p, p_paddr, r->base);
    PUT(k, p, p_filesz, r->size);
    PUT(k, p, p_memsz, type == PT_LOAD ? r->size : 0);
    new_file_put(f, &p, sizeof(p));
}

static void write_headers(const struct core *k, struct new_file *f)
{
    const struct ram_range notes = {0, k->notes.len};
    uint64_t at = sizeof(Elf64_Ehdr) + (1 + k->count) * sizeof(Elf64_Phdr);

    write_header(k, f);
    write_segment(k, f, PT_NOTE, at, &notes);
    at += notes.size;
    for (unsigned i = 0; i < k->count; i++) {
        write_segment(k, f, PT_LOAD, at, &k->ranges[i]);
        at += k->ranges[i].size;
    }
}

static bool write_ram(const struct core *k, struct new_file *f, const struct ram_range *r)
{
    enum {
        PIECE = 1 << 16
    };
    uint8_t *piece = mem_alloc(PIECE);
    bool good = true;
    for (uint64_t done = 0; good && done < r->size && !new_file_failed(f); done += PIECE) {
        const size_t n = r->size - done < PIECE ? (size_t)(r->size - done) : PIECE;
        good = space_read(k->machine->memory, r->base + done, piece, n);
        if (good) {
            new_file_put(f, piece, n);
        } else {
            strbuf_printf(k->call->out, "cannot read memory at 0x%" PRIx64 "\n", r->base + done);
        }
    }
    mem_free(piece);
    return good;
}

static void write_core(struct core *k, const char *path)
{
    struct error e;
    struct new_file *f = new_file_open(path, &e);
    if (!f) {
        strbuf_printf(k->call->out, "%s\n", e.text);
        return;
    }
    write_headers(k, f);
    new_file_put(f, strbuf_text(&k->notes), k->notes.len);
    bool good = true;
    for (unsigned i = 0; good && i < k->count; i++) {
        good = write_ram(k, f, &k->ranges[i]);
    }
    if (!good) {
        new_file_abandon(f);
    } else if (!new_file_finish(f, &e)) {
        strbuf_printf(k->call->out, "%s\n", e.text);
    }
}

/* ---- the command */

/* Takes "-p" and the like off the words. false: c->out says what cannot be done. */
static bool take_switches(struct call *c)
{
    unsigned i = 0;
    for (; i < c->count && c->words[i][0] == '-'; i++) {
        const char *w = c->words[i];
        if (strcmp(w, "-z") == 0 || strcmp(w, "-l") == 0 || strcmp(w, "-s") == 0 ||
            strcmp(w, "-R") == 0 || strcmp(w, "-w") == 0) {
            strbuf_printf(c->out, "%s: only ELF is written, without one of -z -l -s -R -w\n", w);
            return false;
        }
        if (strcmp(w, "-p") != 0 && strcmp(w, "-d") != 0) {
            strbuf_printf(c->out, "'%s' is none of -p -d\n", w);
            return false;
        }
    }
    c->count -= i;
    memmove(c->words, c->words + i, c->count * sizeof(c->words[0]));
    return true;
}

static bool take_limits(struct call *c, struct core *k)
{
    uint64_t length;
    k->end = UINT64_MAX;
    if (c->count == 1) {
        return true;
    }
    if (c->count != 3) {
        strbuf_puts(c->out, "usage: dump-guest-memory [-p] [-d] FILE [BEGIN LENGTH]\n");
        return false;
    }
    if (!expression_value(c, c->words[1], &k->begin) ||
        !expression_value(c, c->words[2], &length)) {
        return false;
    }
    if (!length || length - 1 > UINT64_MAX - k->begin) {
        strbuf_puts(c->out, "LENGTH is at least 1, and BEGIN + LENGTH within 64 bits\n");
        return false;
    }
    k->end = k->begin + (length - 1);
    return true;
}

static void dump_guest_memory(struct call *c)
{
    struct core *k = mem_alloc(sizeof(*k));
    k->call = c;
    k->machine = c->session->context->machine;
    const bool running = call_pause(c);
    if (take_switches(c) && take_limits(c, k)) {
        const struct arch *arch = arch_find(k->machine->cls->arch);
        k->form = arch && arch->elf && arch->elf[0].machine ? &arch->elf[0] : NULL;
        if (!k->form) {
            strbuf_puts(c->out, "there is no ELF form of this architecture\n");
        } else {
            list_notes(k);
            if (list_ram(k)) {
                write_core(k, c->words[0]);
            }
        }
    }
    call_resume(c, running);
    strbuf_free(&k->notes);
    mem_free(k);
}

const struct command commands_dump[] = {
    {"dump-guest-memory", NULL, "[-p] [-d] FILE [BEGIN LENGTH]", 1, 5,
     "memory and registers into an ELF core file, for gdb and crash", dump_guest_memory},
    {0}};
