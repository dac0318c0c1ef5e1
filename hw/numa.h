/* SPDX-License-Identifier: MIT */
/*
 * NUMA nodes of a machine: which CPUs and how much memory each has, how far they are from each
 * other, and what ACPI's HMAT tells of latency, bandwidth and caches. From -numa, for boards to
 * describe; where memory is does not change how it is reached.
 */
#ifndef HW_NUMA_H
#define HW_NUMA_H

#include <stdbool.h>
#include <stdint.h>

#define NUMA_NODES 128
#define NUMA_NO_INITIATOR (-1)

enum {
    NUMA_NEAR = 10, /* the distance of a node to itself */
    NUMA_FAR = 20   /* to others, unless something else is said */
};

/* One table of -numa hmat-lb: an entry for each pair of initiator and memory node. */
struct numa_locality {
    uint64_t value[NUMA_NODES][NUMA_NODES]; /* ns, or bytes a second; 0: nothing was said */
};

enum {
    NUMA_HIERARCHIES = 4, /* memory, and caches of the first, second and third level */
    NUMA_DATA_TYPES = 6,  /* access, read, write latency; access, read, write bandwidth */
    NUMA_CACHES = 4       /* of memory, by level; 0 is none */
};

struct numa_cache {
    bool given;
    uint64_t bytes;
    uint8_t associativity; /* 0 none, 1 direct, 2 complex */
    uint8_t policy;        /* 0 none, 1 write-back, 2 write-through */
    uint16_t line;
};

struct numa_node {
    bool present;
    uint64_t bytes;
    const char *memdev; /* NULL: mem= */
    int initiator;      /* or NUMA_NO_INITIATOR */
    bool has_cpu;
    struct numa_cache cache[NUMA_CACHES];
};

struct numa {
    unsigned count; /* nodes 0 to count - 1 */
    struct numa_node node[NUMA_NODES];
    uint16_t *cpu_node; /* by vCPU */
    bool has_distances; /* some were given */
    uint8_t distance[NUMA_NODES][NUMA_NODES];
    bool hmat;
    struct numa_locality *locality[NUMA_HIERARCHIES][NUMA_DATA_TYPES];
};

/* The largest unit of which all entries are multiples: of bandwidths MiB times a power of two, of
 * latencies a power of ten. Entries in it take 16 bits in HMAT. */
uint64_t numa_unit(const struct numa_locality *l, unsigned nodes, bool bandwidth);

#endif
