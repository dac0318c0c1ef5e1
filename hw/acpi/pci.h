/* SPDX-License-Identifier: MIT */
/* A PCI Express host bridge in the ACPI namespace (PCI Firmware 3.3, chapter 4). */
#ifndef HW_ACPI_PCI_H
#define HW_ACPI_PCI_H

#include "hw/acpi/aml.h"
#include "hw/pci/pci.h"

/* Devices L000 to L003 for the four lines, and PCI0 with its windows, in the scope that is open.
 * gsi is that of INTA; the others follow. */
void acpi_pci_host(struct aml *a, const struct pci_windows *w, uint32_t gsi);

/* The method _OSC of such a bridge, in its device. */
void acpi_pci_osc(struct aml *a);

#endif
