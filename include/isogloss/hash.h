#ifndef ISOGLOSS_HASH_H
#define ISOGLOSS_HASH_H

/** SHA-256 (FIPS 180-4) for identities, CRC-32C (Castagnoli) for the store. */

#include <stddef.h>
#include <stdint.h>

typedef struct isg_sha256 {
    uint32_t h[8];
    uint64_t bytes;
    uint8_t block[64];
} isg_sha256;

void isg_sha256_init(isg_sha256 *s);
void isg_sha256_add(isg_sha256 *s, const void *data, size_t n);
void isg_sha256_end(isg_sha256 *s, uint8_t out[32]);

/** CRC-32C of `n` bytes continuing from `crc` (start with 0). */
uint32_t isg_crc32c(uint32_t crc, const void *data, size_t n);

#endif
