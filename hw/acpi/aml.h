/* SPDX-License-Identifier: MIT */
/*
 * Writing ACPI machine language from front to back (ACPI 6.5, chapter 20). AML is a prefix code:
 * operators stand before their operands, so that calls in the order of the source text write it.
 * What holds other things (scopes, devices, methods, packages, conditions, templates of resources)
 * is begun, and ended by aml_end.
 *
 *     aml_device(a, "PWRB");
 *     aml_name(a, "_HID");
 *     aml_string(a, "PNP0C0C");
 *     aml_end(a);
 *
 * Names are as ASL writes them: "_CRS", "\\_SB.PCI0", segments of up to four characters.
 */
#ifndef HW_ACPI_AML_H
#define HW_ACPI_AML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"

#define AML_DEPTH 16

struct aml {
    struct strbuf out;
    struct {
        size_t at; /* where the contents begin */
        int kind;
    } open[AML_DEPTH];
    unsigned depth;
};

/* Operators that are followed by their operands, and nothing else. */
enum aml_op {
    AML_STORE = 0x70,      /* source, where to */
    AML_AND = 0x7b,        /* a, b, where to */
    AML_OR = 0x7d,         /* a, b, where to */
    AML_NOTIFY = 0x86,     /* device, value */
    AML_NOT = 0x92,        /* a */
    AML_EQUAL = 0x93,      /* a, b */
    AML_LESS = 0x95,       /* a, b */
    AML_RETURN = 0xa4,     /* a */
    AML_DWORD_FIELD = 0x8a /* buffer, offset, name */
};

/* ---- what holds other things */

void aml_scope(struct aml *a, const char *name);
void aml_device(struct aml *a, const char *name);
void aml_method(struct aml *a, const char *name, unsigned args, bool serialized);
void aml_if(struct aml *a);   /* the condition follows, then the body */
void aml_else(struct aml *a); /* right behind the end of an aml_if */
void aml_package(struct aml *a, unsigned elements);
void aml_resources(struct aml *a); /* a template of what follows */
void aml_end(struct aml *a);

/* ---- terms */

void aml_op(struct aml *a, enum aml_op op);
void aml_name(struct aml *a, const char *name); /* Name(): the object follows */
void aml_ref(struct aml *a, const char *name);  /* what has that name; also one to be made */
void aml_int(struct aml *a, uint64_t v);
void aml_string(struct aml *a, const char *text);
void aml_unicode(struct aml *a, const char *ascii);
void aml_bytes(struct aml *a, const void *bytes, size_t n); /* Buffer() */
/* "33db4d5b-1ff7-401c-9657-7441c03dd766", of that form, as a buffer. */
void aml_uuid(struct aml *a, const char *text);
void aml_arg(struct aml *a, unsigned n);
void aml_local(struct aml *a, unsigned n);
void aml_discard(struct aml *a); /* the result of an operator goes nowhere */
/* Name(name, v), Name(name, text) */
void aml_name_int(struct aml *a, const char *name, uint64_t v);
void aml_name_string(struct aml *a, const char *name, const char *text);
/* A region of memory, and one field of 32 bits at its start whose other bits are written as 0. */
void aml_memory_word(struct aml *a, const char *region, uint64_t base, const char *field);

/* OperationRegion() of a space (5.5.2.4), and fields of it: a unit of so many bits for each. */
enum {
    AML_SYSTEM_MEMORY,
    AML_SYSTEM_IO,
    AML_PCI_CONFIG
};
void aml_region(struct aml *a, const char *name, unsigned space, uint64_t base, uint64_t size);
void aml_fields(struct aml *a, const char *region, unsigned access_bytes); /* to aml_end */
void aml_unit(struct aml *a, const char *name, unsigned bits);             /* NULL: reserved */

/* ---- resources (6.4), within aml_resources */

enum {
    AML_LEVEL = 0,
    AML_EDGE = 2
};
void aml_memory32(struct aml *a, uint32_t base, uint32_t size);
void aml_interrupt(struct aml *a, unsigned trigger, uint32_t gsi);
/* The same for devices that share it, on one of n lines. */
void aml_interrupt_of(struct aml *a, unsigned trigger, const uint32_t *gsi, unsigned n);
void aml_irq(struct aml *a, unsigned line); /* of ISA: an edge, not shared */
void aml_dma(struct aml *a, unsigned channel);
void aml_ports(struct aml *a, uint16_t base, uint8_t count);
/* An edge on that pin of a controller, pulled up. */
void aml_gpio_int(struct aml *a, unsigned pin, const char *controller);
/* Windows of a host bridge. translation is from the bus to the CPU. */
void aml_bus_numbers(struct aml *a, unsigned first, unsigned last);
void aml_window32(struct aml *a, uint32_t base, uint32_t size);
void aml_window64(struct aml *a, uint64_t base, uint64_t size);
void aml_window16_io(struct aml *a, uint32_t base, uint32_t size);
void aml_window_io(struct aml *a, uint32_t base, uint32_t size, uint32_t translation);

#endif
