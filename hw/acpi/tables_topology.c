/* SPDX-License-Identifier: MIT */
/*
 * Tables that say what is near to what: PPTT (ACPI 6.5, 5.2.30), memory in SRAT (5.2.16), SLIT
 * (5.2.17) and HMAT (5.2.28).
 */
#include "hw/acpi/tables.h"

#include "hw/machine.h"

/* ---- PPTT */

enum {
    PACKAGE = 1, /* flags of a node */
    ID_VALID = 2,
    THREAD = 4,
    LEAF = 8
};

static uint32_t put_node(struct acpi_tables *t, unsigned flags, uint32_t parent, unsigned id)
{
    const uint32_t at = (uint32_t)acpi_here(t);
    acpi_put(t, 0, 1); /* a node of the hierarchy */
    acpi_put(t, 20, 1 + 2);
    acpi_put(t, flags, 4);
    acpi_put(t, parent, 4);
    acpi_put(t, id, 4);
    acpi_put(t, 0, 4); /* private resources */
    return at;
}

void acpi_add_pptt(struct acpi_tables *t, const struct machine_config *c)
{
    const unsigned per_core = c->threads, per_cluster = c->cores * per_core;
    const unsigned per_socket = c->clusters * per_cluster;
    uint32_t socket = 0, cluster = 0, core = 0;
    acpi_begin(t, "PPTT", 2);
    for (unsigned i = 0; i < c->max_cpus; i++) {
        if (i % per_socket == 0) {
            socket = put_node(t, PACKAGE, 0, i / per_socket);
        }
        if (c->clusters == 1) {
            cluster = socket;
        } else if (i % per_cluster == 0) {
            cluster = put_node(t, 0, socket, i / per_cluster % c->clusters);
        }
        if (per_core == 1) {
            put_node(t, ID_VALID | LEAF, cluster, i);
            continue;
        }
        if (i % per_core == 0) {
            core = put_node(t, 0, cluster, i / per_core % c->cores);
        }
        put_node(t, ID_VALID | THREAD | LEAF, core, i);
    }
    acpi_end_listed(t);
}

/* ---- SRAT, SLIT */

void acpi_srat_memory(struct acpi_tables *t, uint32_t node, uint64_t base, uint64_t size)
{
    acpi_put(t, 1, 1);
    acpi_put(t, 40, 1);
    acpi_put(t, node, 4);
    acpi_put(t, 0, 2);
    acpi_put(t, base, 8);
    acpi_put(t, size, 8);
    acpi_put(t, 0, 4);
    acpi_put(t, 1, 4); /* enabled */
    acpi_put(t, 0, 8);
}

void acpi_add_slit(struct acpi_tables *t, const struct numa *n)
{
    acpi_begin(t, "SLIT", 1);
    acpi_put(t, n->count, 8);
    for (unsigned from = 0; from < n->count; from++) {
        acpi_put_bytes(t, n->distance[from], n->count);
    }
    acpi_end_listed(t);
}

/* ---- HMAT */

/* Which node's CPUs reach the memory of a node best. */
static void put_attributes(struct acpi_tables *t, const struct numa *n, unsigned node)
{
    const int initiator = n->node[node].initiator;
    acpi_put(t, 0, 2 + 2);
    acpi_put(t, 40, 4);
    acpi_put(t, initiator != NUMA_NO_INITIATOR, 2 + 2);
    acpi_put(t, initiator != NUMA_NO_INITIATOR ? (unsigned)initiator : 0, 4);
    acpi_put(t, node, 4);
    acpi_zeros(t, 20);
}

#define MIB (UINT64_C(1) << 20)

/* Bandwidths are in MiB a second, latencies in picoseconds for a value in nanoseconds. */
static void put_locality(struct acpi_tables *t, const struct numa *n, unsigned hierarchy,
                         unsigned type)
{
    const struct numa_locality *l = n->locality[hierarchy][type];
    const bool bandwidth = type >= NUMA_DATA_TYPES / 2;
    const uint64_t unit = numa_unit(l, n->count, bandwidth);
    unsigned initiators = 0;
    for (unsigned i = 0; i < n->count; i++) {
        initiators += n->node[i].has_cpu;
    }
    acpi_put(t, 1, 2 + 2);
    acpi_put(t, 32 + 4 * (initiators + n->count) + 2 * initiators * n->count, 4);
    acpi_put(t, hierarchy, 1);
    acpi_put(t, type, 1 + 2);
    acpi_put(t, initiators, 4);
    acpi_put(t, n->count, 4 + 4);
    acpi_put(t, bandwidth ? unit / MIB : unit * 1000, 8);
    for (unsigned i = 0; i < n->count; i++) {
        if (n->node[i].has_cpu) {
            acpi_put(t, i, 4);
        }
    }
    for (unsigned i = 0; i < n->count; i++) {
        acpi_put(t, i, 4);
    }
    for (unsigned from = 0; from < n->count; from++) {
        for (unsigned to = 0; n->node[from].has_cpu && to < n->count; to++) {
            acpi_put(t, l->value[from][to] / unit, 2);
        }
    }
}

static void put_caches(struct acpi_tables *t, const struct numa *n, unsigned node)
{
    const struct numa_cache *c = n->node[node].cache;
    unsigned levels = 0;
    for (unsigned i = 0; i < NUMA_CACHES; i++) {
        levels += c[i].given;
    }
    for (unsigned i = 0; i < NUMA_CACHES; i++) {
        if (!c[i].given) {
            continue;
        }
        acpi_put(t, 2, 2 + 2);
        acpi_put(t, 32, 4);
        acpi_put(t, node, 4 + 4);
        acpi_put(t, c[i].bytes, 8);
        acpi_put(t, levels | i << 4 | c[i].associativity << 8 | c[i].policy << 12, 2);
        acpi_put(t, c[i].line, 2);
        acpi_put(t, 0, 4); /* no handles of SMBIOS */
    }
}

void acpi_add_hmat(struct acpi_tables *t, const struct numa *n)
{
    acpi_begin(t, "HMAT", 2);
    acpi_zeros(t, 4);
    for (unsigned i = 0; i < n->count; i++) {
        if (n->node[i].bytes) {
            put_attributes(t, n, i);
        }
    }
    for (unsigned h = 0; h < NUMA_HIERARCHIES; h++) {
        for (unsigned type = 0; type < NUMA_DATA_TYPES; type++) {
            if (n->locality[h][type]) {
                put_locality(t, n, h, type);
            }
        }
    }
    for (unsigned i = 0; i < n->count; i++) {
        put_caches(t, n, i);
    }
    acpi_end_listed(t);
}
