/* SPDX-License-Identifier: MIT */
/* All drivers of nodes, in the order in which an image is shown to them. A new one is a line here.
 */
#ifndef BLOCK_DRIVERS_H
#define BLOCK_DRIVERS_H

#include "block/driver.h"

/* X(variable): a const struct block_driver of that name. raw takes every image. */
#define BLOCK_DRIVERS(X)                                                                           \
    X(block_qcow2_driver)                                                                          \
    X(block_raw_driver)                                                                            \
    X(block_vdi_driver)                                                                            \
    X(block_vpc_driver)                                                                            \
    X(block_parallels_driver)                                                                      \
    X(block_vmdk_driver)                                                                           \
    X(block_vhdx_driver)                                                                           \
    X(block_file_driver)                                                                           \
    X(block_http_driver)                                                                           \
    X(block_https_driver)                                                                          \
    X(block_vvfat_driver)                                                                          \
    X(block_nbd_driver)                                                                            \
    X(block_host_device_driver)                                                                    \
    X(block_null_co_driver)                                                                        \
    X(block_null_aio_driver)                                                                       \
    X(block_throttle_driver)                                                                       \
    X(block_copy_on_read_driver)                                                                   \
    X(block_blkdebug_driver)

#define DECLARE_DRIVER(variable) extern const struct block_driver variable;
BLOCK_DRIVERS(DECLARE_DRIVER)
#undef DECLARE_DRIVER

#endif
