/* SPDX-License-Identifier: MIT */
/*
 * Host code as text, for -d out_asm, by capstone. The library is loaded when it is first asked for:
 * its tables are relocated when it is, which every start of the program would pay for.
 */
#include <capstone/capstone.h>
#include <dlfcn.h>

#include "tcg/host/x86_64/compile.h"

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)
#define LIBRARY "libcapstone.so." TEXT(CS_API_MAJOR)

struct capstone {
    __typeof__(cs_open) *open;
    __typeof__(cs_disasm) *disasm;
    __typeof__(cs_free) *free;
    __typeof__(cs_close) *close;
};

/* The library stays, so asking for it again costs little. */
static bool load_capstone(struct capstone *c)
{
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

    if (!library) {
        return false;
    }
    c->open = (__typeof__(cs_open) *)dlsym(library, "cs_open");
    c->disasm = (__typeof__(cs_disasm) *)dlsym(library, "cs_disasm");
    c->free = (__typeof__(cs_free) *)dlsym(library, "cs_free");
    c->close = (__typeof__(cs_close) *)dlsym(library, "cs_close");
    return c->open && c->disasm && c->free && c->close;
}

void host_print(struct host *h, const struct block *blk, struct strbuf *out)
{
    (void)h;
    struct capstone capstone;
    csh cs;
    cs_insn *insns;

    if (!load_capstone(&capstone) || capstone.open(CS_ARCH_X86, CS_MODE_64, &cs) != CS_ERR_OK) {
        strbuf_puts(out, "  (" LIBRARY " is not there to tell the instructions)\n");
        return;
    }
    const size_t n = capstone.disasm(cs, blk->entry, blk->code_bytes, (uintptr_t)blk->entry, 0,
                                     &insns);
    for (size_t i = 0; i < n; i++) {
        strbuf_printf(out, "  %#llx  %s %s\n", (unsigned long long)insns[i].address,
                      insns[i].mnemonic, insns[i].op_str);
    }
    if (n) {
        capstone.free(insns, n);
    }
    capstone.close(&cs);
}
