/* AES in CBC mode, without padding. */
#ifndef REEVE_SCANNER_CONTENT_AES_H
#define REEVE_SCANNER_CONTENT_AES_H

#include <stddef.h>
#include <stdint.h>

/* In place; n is a multiple of 16, what is over stays as it is. */
void aes128_cbc_encrypt(const uint8_t key[16], const uint8_t iv[16], uint8_t *data, size_t n);
/* The same with a key of 16 or 32 octets. */
void aes_cbc_decrypt(const uint8_t *key, size_t key_n, const uint8_t iv[16], uint8_t *data, size_t n);

#endif
