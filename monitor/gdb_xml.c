/* SPDX-License-Identifier: MIT */
/*
 * gdb's register description from the register table: see gdb_xml.h. gdb has its own idea of which
 * registers a feature of a given name holds and with which types; the table says the type's name.
 * Types that gdb does not know by itself are the class's, and defined in each feature that uses
 * them.
 */
#include "monitor/gdb_xml.h"

#include <string.h>

/* Types that gdb knows by itself. */
static const char *const builtin[] = {
    "int8",        "int16",  "int32",   "int64",    "int128",   "uint8",     "uint16",
    "uint32",      "uint64", "uint128", "code_ptr", "data_ptr", "ieee_half", "ieee_single",
    "ieee_double", "int",    "long",    "float",    "i387_ext", NULL};

static const struct gdb_type *find_type(const struct cpu_class *cls, const char *name)
{
    for (const struct gdb_type *t = cls->gdb_types; name && t && t->name; t++) {
        if (strcmp(t->name, name) == 0) {
            return t;
        }
    }
    return NULL;
}

static bool is_builtin(const char *name)
{
    for (size_t i = 0; name && builtin[i]; i++) {
        if (strcmp(builtin[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static bool in_feature(const struct cpu_reg *r, const char *feature)
{
    return r->gdb >= 0 && r->gdb_feature && strcmp(r->gdb_feature, feature) == 0;
}

/* True if an earlier row is of the same feature: it has been described. */
static bool described(const struct cpu_class *cls, const struct cpu_reg *r)
{
    for (const struct cpu_reg *o = cls->regs; o < r; o++) {
        if (in_feature(o, r->gdb_feature)) {
            return true;
        }
    }
    return false;
}

static void put_types(const struct cpu_class *cls, const char *feature, struct strbuf *out)
{
    for (const struct gdb_type *t = cls->gdb_types; t && t->name; t++) {
        for (const struct cpu_reg *r = cls->regs; r->name; r++) {
            if (in_feature(r, feature) && find_type(cls, r->gdb_type) == t) {
                strbuf_printf(out, "%s\n", t->definition);
                break;
            }
        }
    }
}

static void put_feature(const struct cpu_class *cls, const char *feature, struct strbuf *out)
{
    strbuf_printf(out, "<feature name=\"%s\">\n", feature);
    put_types(cls, feature, out);
    for (const struct cpu_reg *r = cls->regs; r->name; r++) {
        if (!in_feature(r, feature)) {
            continue;
        }
        strbuf_printf(out, "<reg name=\"%s\" bitsize=\"%u\" regnum=\"%d\" type=\"", r->name,
                      r->bits, r->gdb);
        if (is_builtin(r->gdb_type) || find_type(cls, r->gdb_type)) {
            strbuf_puts(out, r->gdb_type);
        } else {
            strbuf_printf(out, "uint%u", r->bits);
        }
        strbuf_puts(out, r->get && !r->set ? "\" group=\"system\"/>\n" : "\"/>\n");
    }
    strbuf_puts(out, "</feature>\n");
}

char *gdb_describe_registers(const struct cpu_class *cls)
{
    struct strbuf s = {0};
    strbuf_printf(&s,
                  "<?xml version=\"1.0\"?>\n<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n"
                  "<target version=\"1.0\">\n<architecture>%s</architecture>\n",
                  cls->gdb_arch);
    for (const struct cpu_reg *r = cls->regs; r->name; r++) {
        if (r->gdb >= 0 && r->gdb_feature && !described(cls, r)) {
            put_feature(cls, r->gdb_feature, &s);
        }
    }
    strbuf_puts(&s, "</target>\n");
    return strbuf_take(&s);
}

const struct cpu_reg *gdb_find_register(const struct cpu_class *cls, unsigned number)
{
    for (const struct cpu_reg *r = cls->regs; r->name; r++) {
        if (r->gdb >= 0 && (unsigned)r->gdb == number) {
            return r;
        }
    }
    return NULL;
}
