/* SPDX-License-Identifier: MIT */
/* In which unit the entries of a table of latencies or bandwidths are told. */
#include "hw/numa.h"

#define MIB (UINT64_C(1) << 20)

uint64_t numa_unit(const struct numa_locality *l, unsigned nodes, bool bandwidth)
{
    const uint64_t factor = bandwidth ? 2 : 10;
    uint64_t unit = bandwidth ? MIB : 1, most = 0;
    for (unsigned i = 0; i < nodes * nodes; i++) {
        const uint64_t v = l->value[i / nodes][i % nodes];
        most = v > most ? v : most;
    }
    while (unit <= most / factor) {
        for (unsigned i = 0; i < nodes * nodes; i++) {
            if (l->value[i / nodes][i % nodes] % (unit * factor)) {
                return unit;
            }
        }
        unit *= factor;
    }
    return unit;
}
