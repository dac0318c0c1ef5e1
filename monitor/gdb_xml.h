/* SPDX-License-Identifier: MIT */
/* The description that gdb reads of a CPU's registers (GDB manual, appendix G), from the
 * register table. */
#ifndef MONITOR_GDB_XML_H
#define MONITOR_GDB_XML_H

#include "cpu/cpu.h"

/* The XML document; allocated. */
char *gdb_describe_registers(const struct cpu_class *cls);

/* The row with gdb's number, or NULL. */
const struct cpu_reg *gdb_find_register(const struct cpu_class *cls, unsigned number);

#endif
