/* CRC-32C (Castagnoli), as iSCSI and ext4 use it; by the processor where it can. */
#ifndef REEVE_GATEWAY_QUEUE_CRC32C_H
#define REEVE_GATEWAY_QUEUE_CRC32C_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* crc: 0 to start, or what an earlier call returned, to go on. Thread-safe. */
uint32_t crc32c(uint32_t crc, const void *data, size_t n);
/* Of part of a file, read in small pieces; false with errno when not all of it could be read. */
bool crc32c_file(int fd, uint64_t offset, uint64_t n, uint32_t *ret_crc);
/* The table method, for tests that compare both. */
uint32_t crc32c_by_table(uint32_t crc, const void *data, size_t n);

#endif
