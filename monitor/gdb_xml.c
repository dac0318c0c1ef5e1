/* SPDX-License-Identifier: MIT */
/*
 * gdb's register description from the register table: see gdb_xml.h. gdb has its own idea of which
 * registers a feature of a given name holds and with which types; the table says the type's name,
 * and types that gdb does not know by itself are defined here, in each feature that uses them.
 */
#include "monitor/gdb_xml.h"

#include <string.h>

static const struct type {
    const char *name;
    const char *definition;
} types[] = {
    {"aarch64v",
     "<vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/>"
     "<vector id=\"v2u\" type=\"uint64\" count=\"2\"/>"
     "<vector id=\"v2i\" type=\"int64\" count=\"2\"/>"
     "<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/>"
     "<vector id=\"v4u\" type=\"uint32\" count=\"4\"/>"
     "<vector id=\"v4i\" type=\"int32\" count=\"4\"/>"
     "<vector id=\"v8f\" type=\"ieee_half\" count=\"8\"/>"
     "<vector id=\"v8u\" type=\"uint16\" count=\"8\"/>"
     "<vector id=\"v8i\" type=\"int16\" count=\"8\"/>"
     "<vector id=\"v16u\" type=\"uint8\" count=\"16\"/>"
     "<vector id=\"v16i\" type=\"int8\" count=\"16\"/>"
     "<vector id=\"v1u\" type=\"uint128\" count=\"1\"/>"
     "<vector id=\"v1i\" type=\"int128\" count=\"1\"/>"
     "<union id=\"vnd\"><field name=\"f\" type=\"v2d\"/><field name=\"u\" type=\"v2u\"/>"
     "<field name=\"s\" type=\"v2i\"/></union>"
     "<union id=\"vns\"><field name=\"f\" type=\"v4f\"/><field name=\"u\" type=\"v4u\"/>"
     "<field name=\"s\" type=\"v4i\"/></union>"
     "<union id=\"vnh\"><field name=\"f\" type=\"v8f\"/><field name=\"u\" type=\"v8u\"/>"
     "<field name=\"s\" type=\"v8i\"/></union>"
     "<union id=\"vnb\"><field name=\"u\" type=\"v16u\"/><field name=\"s\" type=\"v16i\"/></union>"
     "<union id=\"vnq\"><field name=\"u\" type=\"v1u\"/><field name=\"s\" type=\"v1i\"/></union>"
     "<union id=\"aarch64v\"><field name=\"d\" type=\"vnd\"/><field name=\"s\" type=\"vns\"/>"
     "<field name=\"h\" type=\"vnh\"/><field name=\"b\" type=\"vnb\"/><field name=\"q\" "
     "type=\"vnq\"/></union>"},
    {"cpsr_flags",
     "<flags id=\"cpsr_flags\" size=\"4\"><field name=\"SP\" start=\"0\" end=\"0\"/>"
     "<field name=\"EL\" start=\"2\" end=\"3\"/><field name=\"nRW\" start=\"4\" end=\"4\"/>"
     "<field name=\"F\" start=\"6\" end=\"6\"/><field name=\"I\" start=\"7\" end=\"7\"/>"
     "<field name=\"A\" start=\"8\" end=\"8\"/><field name=\"D\" start=\"9\" end=\"9\"/>"
     "<field name=\"BTYPE\" start=\"10\" end=\"11\"/><field name=\"SSBS\" start=\"12\" end=\"12\"/>"
     "<field name=\"IL\" start=\"20\" end=\"20\"/><field name=\"SS\" start=\"21\" end=\"21\"/>"
     "<field name=\"PAN\" start=\"22\" end=\"22\"/><field name=\"UAO\" start=\"23\" end=\"23\"/>"
     "<field name=\"DIT\" start=\"24\" end=\"24\"/><field name=\"V\" start=\"28\" end=\"28\"/>"
     "<field name=\"C\" start=\"29\" end=\"29\"/><field name=\"Z\" start=\"30\" end=\"30\"/>"
     "<field name=\"N\" start=\"31\" end=\"31\"/></flags>"},
};

/* Types that gdb knows by itself. */
static const char *const builtin[] = {
    "int8",        "int16",  "int32",   "int64",    "int128",   "uint8",     "uint16",
    "uint32",      "uint64", "uint128", "code_ptr", "data_ptr", "ieee_half", "ieee_single",
    "ieee_double", "int",    "long",    "float",    NULL};

static const struct type *find_type(const char *name)
{
    for (size_t i = 0; name && i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(types[i].name, name) == 0) {
            return &types[i];
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
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        for (const struct cpu_reg *r = cls->regs; r->name; r++) {
            if (in_feature(r, feature) && find_type(r->gdb_type) == &types[i]) {
                strbuf_printf(out, "%s\n", types[i].definition);
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
        if (is_builtin(r->gdb_type) || find_type(r->gdb_type)) {
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

unsigned gdb_register_count(const struct cpu_class *cls)
{
    unsigned n = 0;
    for (const struct cpu_reg *r = cls->regs; r->name; r++) {
        if (r->gdb >= 0 && (unsigned)r->gdb >= n) {
            n = (unsigned)r->gdb + 1;
        }
    }
    return n;
}
