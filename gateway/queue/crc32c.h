/* CRC-32C (Castagnoli), as iSCSI and ext4 use it; by the processor where it can. */
#ifndef REEVE_GATEWAY_QUEUE_CRC32C_H
#define REEVE_GATEWAY_QUEUE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* crc: 0 to start, or what an earlier call returned, to go on. Thread-safe. */
uint32_t crc32c(uint32_t crc, const void *data, size_t n);
/* The table method, for tests that compare both. */
uint32_t crc32c_by_table(uint32_t crc, const void *data, size_t n);

#endif
