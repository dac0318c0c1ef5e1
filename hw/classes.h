/* SPDX-License-Identifier: MIT */
/* All device and machine classes, sorted by name. A new one is a line here. */
#ifndef HW_CLASSES_H
#define HW_CLASSES_H

#include "hw/device.h"
#include "hw/machine.h"

/* X(variable): a const struct device_class of that name. */
#define DEVICE_CLASSES(X)                                                                          \
    X(ich9_lpc_class)                                                                              \
    X(ich9_smbus_class)                                                                            \
    X(piix3_class)                                                                                 \
    X(piix4_pm_class)                                                                              \
    X(vga_pci_class)                                                                               \
    X(ged_class)                                                                                   \
    X(acpi_sleep_class)                                                                            \
    X(lapic_class)                                                                                 \
    X(arm_gicv2m_class)                                                                            \
    X(arm_gicv3_class)                                                                             \
    X(arm_gicv3_its_class)                                                                         \
    X(arm_gic_class)                                                                               \
    X(bochs_display_class)                                                                         \
    X(pflash_cfi01_class)                                                                          \
    X(e1000_class)                                                                                 \
    X(edu_class)                                                                                   \
    X(floppy_class)                                                                                \
    X(fw_cfg_io_class)                                                                             \
    X(fw_cfg_class)                                                                                \
    X(gpex_pcihost_class)                                                                          \
    X(gpex_root_class)                                                                             \
    X(gpio_key_class)                                                                              \
    X(guest_loader_class)                                                                          \
    X(hpet_class)                                                                                  \
    X(i440fx_class)                                                                                \
    X(i440fx_pcihost_class)                                                                        \
    X(i6300esb_class)                                                                              \
    X(i8042_class)                                                                                 \
    X(i8237_class)                                                                                 \
    X(ich9_ahci_class)                                                                             \
    X(ide_cd_class)                                                                                \
    X(ide_hd_class)                                                                                \
    X(ioapic_class)                                                                                \
    X(debug_exit_class)                                                                            \
    X(debugcon_class)                                                                              \
    X(isa_fdc_class)                                                                               \
    X(i8259_class)                                                                                 \
    X(parallel_class)                                                                              \
    X(i8254_class)                                                                                 \
    X(serial16550_class)                                                                           \
    X(isa_vga_class)                                                                               \
    X(loader_class)                                                                                \
    X(mc146818_class)                                                                              \
    X(mch_class)                                                                                   \
    X(nvme_class)                                                                                  \
    X(nvme_ns_class)                                                                               \
    X(pci_bridge_class)                                                                            \
    X(pci_testdev_class)                                                                           \
    X(pcie_pci_bridge_class)                                                                       \
    X(pcie_root_port_class)                                                                        \
    X(piix3_ide_class)                                                                             \
    X(piix4_ide_class)                                                                             \
    X(pl011_class)                                                                                 \
    X(pl031_class)                                                                                 \
    X(pl061_class)                                                                                 \
    X(pvpanic_isa_class)                                                                           \
    X(pvpanic_pci_class)                                                                           \
    X(q35_pcihost_class)                                                                           \
    X(ramfb_class)                                                                                 \
    X(scsi_cd_class)                                                                               \
    X(scsi_hd_class)                                                                               \
    X(secondary_vga_class)                                                                         \
    X(smbus_eeprom_class)                                                                          \
    X(virtconsole_class)                                                                           \
    X(virtio_9p_device_class)                                                                      \
    X(virtio_9p_pci_class)                                                                         \
    X(virtio_balloon_device_class)                                                                 \
    X(virtio_balloon_pci_class)                                                                    \
    X(virtio_blk_device_class)                                                                     \
    X(virtio_blk_pci_class)                                                                        \
    X(virtio_mmio_class)                                                                           \
    X(virtio_net_device_class)                                                                     \
    X(virtio_net_pci_class)                                                                        \
    X(virtio_rng_device_class)                                                                     \
    X(virtio_rng_pci_class)                                                                        \
    X(virtio_scsi_device_class)                                                                    \
    X(virtio_scsi_pci_class)                                                                       \
    X(virtio_serial_device_class)                                                                  \
    X(virtio_serial_pci_class)                                                                     \
    X(virtserialport_class)                                                                        \
    X(vmcoreinfo_class)                                                                            \
    X(vmgenid_class)

/* X(variable): a const struct machine_class of that name. */
#define MACHINE_CLASSES(X)                                                                         \
    X(virt_machine_class)                                                                          \
    X(microvm_machine_class)                                                                       \
    X(pc_machine_class)                                                                            \
    X(q35_machine_class)                                                                           \
    X(microvm_i386_machine_class) X(pc_i386_machine_class) X(q35_i386_machine_class)

#define DECLARE_CLASS(variable) extern const struct device_class variable;
DEVICE_CLASSES(DECLARE_CLASS)
#undef DECLARE_CLASS
#define DECLARE_CLASS(variable) extern const struct machine_class variable;
MACHINE_CLASSES(DECLARE_CLASS)
#undef DECLARE_CLASS

#endif
